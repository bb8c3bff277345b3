"""HOTA, CLEAR and IDF1: what TrackEval says of the same scene read from MOTChallenge's own files,
and the edges.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from beside_truth import (
    SIZE,
    STAR,
    boxes_only,
    clip,
    moving,
    near,
    paired,
    random_film,
    square,
    track,
    truth,
    values,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from trackeval.datasets import MotChallenge2DBox
from trackeval.metrics import CLEAR, HOTA, Identity

from trawl import masks
from trawl.config.steps import EvaluationConfig
from trawl.evaluate.clip import ClipQuery
from trawl.evaluate.pairing import pair
from trawl.evaluate.tracking.measure import Tracking

FIELDS = {
    "hota": "HOTA",
    "deta": "DetA",
    "assa": "AssA",
    "loca": "LocA",
    "mota": "MOTA",
    "motp": "MOTP",
    "idf1": "IDF1",
}
FIELDS |= {"id_switches": "IDSW", "fragmentations": "Frag"}
FRAMES = 20


def measured(*clips):
    measurement = Tracking()
    for item in clips:
        measurement.add(item)
    return measurement.measured()


def scene(seed: int, clip_id: str = "c1"):
    """Three objects; tracks that are near them, and two that swap them half-way.

    One is there and followed on every frame.
    """
    rng = np.random.default_rng(seed)
    films = [*(random_film(rng, FRAMES) for _ in range(2)), random_film(rng, FRAMES, gone=0)]
    while len(films[2]) < FRAMES:
        films[2] = random_film(rng, FRAMES, gone=0)
    followed = [*(near(film, rng) for film in films[:2]), films[2]]
    half = FRAMES // 2
    swapped = [
        {
            n: m
            for a, b in ((0, half), (half, FRAMES))
            for n, m in followed[k if a == 0 else 1 - k].items()
            if a <= n < b
        }
        for k in (0, 1)
    ]
    tracks = [
        track(f"{clip_id}-{n}", film, 0.1 * n)
        for n, film in enumerate([*swapped, followed[2]])
        if film
    ]
    return clip(
        [truth(n, film) for n, film in enumerate(films)], tracks, frames=FRAMES, clip_id=clip_id
    )


def mot_lines(shapes, followed: bool) -> str:
    """Boxes as MOTChallenge writes them: xywh; frames and ids from 1."""
    lines = []
    for number, item in enumerate(shapes, start=1):
        for frame, (left, top, right, bottom) in zip(
            item.frame_index.tolist(), item.boxes.tolist()
        ):
            tail = "0.9,-1,-1,-1" if followed else "1,1,1.0"
            lines.append(f"{frame + 1},{number},{left},{top},{right - left},{bottom - top},{tail}")
    return "\n".join(lines) + "\n"


def by_trackeval(folder: Path, scenes) -> dict:
    """From files, by TrackEval's own reader and its combination over sequences."""
    truths, tracks = (
        folder / "gt" / "MOT15-train",
        folder / "trackers" / "MOT15-train" / "ours" / "data",
    )
    tracks.mkdir(parents=True)
    for item in scenes:
        (truths / item.clip_id / "gt").mkdir(parents=True)
        (truths / item.clip_id / "gt" / "gt.txt").write_text(mot_lines(item.video.objects, False))
        info = f"[Sequence]\nname={item.clip_id}\nseqLength={FRAMES}\n"
        (truths / item.clip_id / "seqinfo.ini").write_text(info)
        (tracks / f"{item.clip_id}.txt").write_text(mot_lines(item.tracks, True))
    settings = {
        "GT_FOLDER": str(folder / "gt"),
        "TRACKERS_FOLDER": str(folder / "trackers"),
        "PRINT_CONFIG": False,
    }
    settings |= {
        "SEQ_INFO": {item.clip_id: FRAMES for item in scenes},
        "BENCHMARK": "MOT15",
        "DO_PREPROC": False,
    }
    dataset = MotChallenge2DBox(settings)
    results = {}
    for metric in (HOTA(), CLEAR({"PRINT_CONFIG": False}), Identity({"PRINT_CONFIG": False})):
        of = {}
        for item in scenes:
            raw = dataset.get_raw_seq_data("ours", item.clip_id)
            of[item.clip_id] = metric.eval_sequence(
                dataset.get_preprocessed_seq_data(raw, "pedestrian")
            )
        results |= metric.combine_sequences(of)
    return results


def test_equal_to_trackeval_from_its_own_files(tmp_path: Path) -> None:
    scenes = [scene(seed, f"c{seed}") for seed in range(4)]
    ours = values(measured(*(pair(item, EvaluationConfig()) for item in scenes)))
    theirs = by_trackeval(tmp_path, scenes)
    for name, field in FIELDS.items():
        assert ours[f"{name}_boxes"] == pytest.approx(float(np.mean(theirs[field]))), name
    assert theirs["IDSW"] > 0
    assert theirs["Frag"] > 0


@pytest.mark.parametrize("on", ["masks", "boxes"])
def test_perfect(on: str) -> None:
    film = moving(10)
    result = measured(paired([truth(1, film)], [track("c1-0", film)]))
    measured_ = values(result)
    for name in ("hota", "deta", "assa", "loca", "mota", "motp", "idf1"):
        assert measured_[f"{name}_{on}"] == 1.0, name
    assert measured_[f"id_switches_{on}"] == measured_[f"fragmentations_{on}"] == 0
    curve = next(c for c in result.curves if c.name == f"HOTA of {on}")
    assert (curve.y.tolist(), len(curve.x)) == ([1.0] * 19, 19)


def test_nothing_followed() -> None:
    result = measured(paired([truth(1, moving(10))], []))
    measured_ = values(result)
    assert (
        measured_["hota_masks"]
        == measured_["deta_masks"]
        == measured_["mota_masks"]
        == measured_["idf1_masks"]
        == 0
    )
    assert measured_["assa_masks"] is measured_["loca_masks"] is measured_["motp_masks"] is None
    assert {m.why for m in result.metrics if m.value is None} == {
        "no track overlaps an object that was asked for"
    }


def test_nothing_asked_for() -> None:
    result = measured(paired([], [track("c1-0", moving(5))]))
    assert {m.value for m in result.metrics} == {None}
    assert {m.why for m in result.metrics} == {"no object that was asked for is in the clips"}


def test_a_swap_is_a_switch_each() -> None:
    left, right = ({n: square(at) for n in range(10)} for at in (5, 50))
    swapped = [{n: square(a if n < 5 else b) for n in range(10)} for a, b in ((5, 50), (50, 5))]
    measured_ = values(
        measured(
            paired(
                [truth(1, left), truth(2, right)],
                [track(f"c1-{n}", f) for n, f in enumerate(swapped)],
            )
        )
    )
    assert measured_["id_switches_masks"] == 2
    assert (measured_["deta_masks"], measured_["idf1_masks"], measured_["mota_masks"]) == (
        1.0,
        0.5,
        0.9,
    )


def test_a_gap_is_a_fragment() -> None:
    film = {n: square(20) for n in range(10)}
    gappy = {n: m for n, m in film.items() if n not in (4, 5)}
    measured_ = values(measured(paired([truth(1, film)], [track("c1-0", gappy)])))
    assert (measured_["fragmentations_masks"], measured_["id_switches_masks"]) == (1, 0)
    assert measured_["deta_masks"] == pytest.approx(0.8)


def test_being_away_is_no_fragment() -> None:
    film = {n: square(20) for n in range(10) if n not in (4, 5)}
    measured_ = values(measured(paired([truth(1, film)], [track("c1-0", film)])))
    assert measured_["fragmentations_masks"] == 0


def test_what_does_not_count_changes_nothing() -> None:
    film, other = {n: square(5) for n in range(10)}, {n: square(50) for n in range(10)}
    alone = measured(paired([truth(1, film)], [track("c1-0", film)]))
    beside = paired(
        [truth(1, film), truth(2, other, visibility=0.1)],
        [track("c1-0", film), track("c1-1", other)],
        queries=[ClipQuery(STAR, (1,), (2,))],
    )
    assert values(measured(beside)) == values(alone)


def test_a_truth_of_boxes_has_boxes_only() -> None:
    result = measured(paired([boxes_only(truth(1, moving(10)))], [track("c1-0", moving(10))]))
    measured_ = values(result)
    assert measured_["hota_boxes"] == 1.0
    assert measured_["hota_masks"] is None
    assert {m.why for m in result.metrics if m.value is None} == {"the ground truth has boxes only"}


def test_a_truth_without_identities_has_nobody_to_follow() -> None:
    item = clip([truth(1, moving(10))], [track("c1-0", moving(10))])
    result = measured(pair(replace(item, identities=False), EvaluationConfig()))
    assert {m.value for m in result.metrics} == {None}
    assert {m.why for m in result.metrics} == {
        "the ground truth does not say which objects of two frames are the same"
    }


def test_slices() -> None:
    film = moving(10)
    queries = [ClipQuery(STAR, (1,), (), ("pair=unseen",))]
    measured_ = measured(
        paired([truth(1, film)], [track("c1-0", film)], queries=queries),
        paired([truth(1, film)], []),
    )
    assert values(measured_, "pair=unseen")["hota_masks"] == 1.0
    assert values(measured_)["deta_masks"] == values(measured_, "objects=one")["deta_masks"] == 0.5


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.permutations(range(3)))
def test_names_of_tracks_change_nothing_and_shares_are_shares(seed: int, order: list[int]) -> None:
    item = scene(seed)
    renamed = clip(
        item.video.objects,
        [
            track(
                f"c1-{order[n]}", dict(zip(t.frame_index.tolist(), map(decoded, t.rles))), t.score
            )
            for n, t in enumerate(item.tracks)
        ],
        frames=FRAMES,
    )
    first, second = (values(measured(pair(x, EvaluationConfig()))) for x in (item, renamed))
    assert first == pytest.approx(second, nan_ok=False)
    for name, value in first.items():
        if value is not None and not name.startswith(("mota", "id_sw", "frag")):
            assert 0 <= value <= 1, name


def decoded(rle: str) -> np.ndarray:
    return masks.decode(rle, *SIZE)
