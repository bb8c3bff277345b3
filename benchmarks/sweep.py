"""A sweep of twelve points over the demo corpus's training part, and its points side by side, as
the two jobs print them.

    python -m benchmarks.sweep

In a folder of its own, so that nothing is remembered from before: the first point computes, the
others take over what they share.
"""

import re
import tempfile

from benchmarks.end_to_end import job

POINTS = [
    "grounder.min_score=0.05,0.1,0.2",
    "tracking.min_support=0.1,0.25",
    "tracking.new_score=0.1,0.3",
]
_SHOWN = "metrics=[hota_masks,j_and_f,idf1_masks,false_tracks_per_segment,duplicate_tracks_per_segment,cpu_s_per_video_hour]"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sweep-") as root:
        where = f"storage.root={root}"
        job("index", where)
        swept = job("evaluate", where, "dataset.truth.part=train", "-m", *POINTS)
        compared = job("compare", where, "sweep=latest", _SHOWN)
    for printed in (side_by_side(swept), whole(compared)):
        print(f"```\n{printed.replace(root, 'ROOT')}\n```\n")


def side_by_side(printed: str) -> str:
    """Of what a sweep prints its own table, without what each point said."""
    return printed[printed.index("the sweep ─") :]


def whole(printed: str) -> str:
    """Of what a comparison prints the figures over everything, without those of slices."""
    return "\n".join(line for line in printed.splitlines() if not re.search("[↑↓] \\w+=", line))


if __name__ == "__main__":
    main()
