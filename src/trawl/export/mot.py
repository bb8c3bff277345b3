"""MOTChallenge text: boxes of a whole video, `<split>/<sequence>/gt/gt.txt` and seqinfo.ini, and
seqmaps/<split>.txt.

`gt.txt` has nine columns: frame, id, left, top, width, height, 1 (considered), class, visibility.
Under `results/` is the same as a tracker's output, `<split>/<sequence>.txt`, with the score in the
seventh and -1 after it. As the benchmark has it, frames, ids and pixels count from 1: frame =
frame_index + 1, left = x + 1. seqLength is the last frame with an object.
"""

from collections import Counter
from collections.abc import Iterable

from trawl.export.stretch import Categories, Instance, Put, Stretch
from trawl.records.tracking import Visibility

# The benchmark's column is the visible share of the box; ours says no more than this about it.
_VISIBLE_SHARE = {Visibility.VISIBLE: "1", Visibility.OCCLUDED: "0.5", Visibility.INFERRED: "0"}


def write(stretches: Iterable[Stretch], categories: Categories, put: Put) -> Counter[str]:
    """Three files for each video, one for each split."""
    names: dict[str, list[str]] = {}
    for stretch in stretches:
        names.setdefault(stretch.split, []).append(stretch.name)
        folder = f"{stretch.split}/{stretch.name}"
        truth = [
            f"{_place(one)},1,{one.category_id},{_VISIBLE_SHARE[one.visibility]}\n"
            for one in stretch.instances
        ]
        result = [f"{_place(one)},{one.score:.6g},-1,-1,-1\n" for one in stretch.instances]
        put(f"{folder}/gt/gt.txt", "".join(truth).encode())
        put(f"{folder}/seqinfo.ini", sequence_ini(stretch))
        put(f"results/{folder}.txt", "".join(result).encode())
    for split, found in names.items():
        put(f"seqmaps/{split}.txt", "\n".join(["name", *found, ""]).encode())
    put("labels.txt", labels(categories))
    return Counter()


def sequence_ini(stretch: Stretch) -> bytes:
    """`seqinfo.ini`, as MOTChallenge and MOTS have it; an unknown frame rate is 1."""
    facts = {
        "name": stretch.name,
        "imDir": "img1",
        "frameRate": max(1, round(stretch.fps)),
        "seqLength": stretch.last_index + 1,
        "imWidth": stretch.width,
        "imHeight": stretch.height,
        "imExt": ".jpg",
    }
    return ("[Sequence]\n" + "".join(f"{key}={value}\n" for key, value in facts.items())).encode()


def labels(categories: Categories) -> bytes:
    """`labels.txt`: a class's number and its phrase on each line."""
    return "".join(f"{number} {name}\n" for number, name in categories.items()).encode()


def _place(one: Instance) -> str:
    left, top, right, bottom = one.box
    return f"{one.frame_index + 1},{one.number},{left + 1:g},{top + 1:g},{right - left:g},{bottom - top:g}"
