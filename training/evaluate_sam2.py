"""How good the demo SAM 2 is: outlines from prompts, and how well they follow.

Prints the tables of the model card.

    python -m training.evaluate_sam2                              # freshly drawn test scenes
    python -m training.evaluate_sam2 --corpus data/corpora/demo   # the test videos of a corpus,
                                                                  through H.264

Through the project's own tracker, masks at the size at which the video is displayed. Each thing
that is at least half in sight on the first frame is prompted there, and all of a film are followed
together. J and F are those of the DAVIS
benchmark: means over the frames after the prompted one, then over objects.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training import films
from training.clips import tight_box
from training.films import Film
from trawl.config.models import TrackerConfig
from trawl.demo import sam2
from trawl.evaluate.masks.boundaries import boundary_f
from trawl.masks import Mask
from trawl.models.protocols import Tracker
from trawl.models.sam2 import trackers
from trawl.records.tracking import Prompt

_GRID = 14  # a coarse detector's boxes end on a grid of so many cells a side


@dataclass(frozen=True, slots=True)
class Followed:
    """One object of one film: J and F (T,) of every frame, the prompted one first; the rest as in
    `Film`.
    """

    region: NDArray[np.float64]
    contour: NDArray[np.float64]
    shares: NDArray[np.float64]
    speed: float
    things: int


def box_prompt(object_id: int, mask: NDArray[np.bool_]) -> Prompt:
    return Prompt(object_id, 0, box=tight_box(mask).astype(np.float32))


def coarse_box_prompt(object_id: int, mask: NDArray[np.bool_]) -> Prompt:
    """The box grown outward to a coarse grid, as a detector that looks at patches would give it."""
    height, width = mask.shape
    cell = np.array([width, height]) / _GRID
    box = tight_box(mask)
    grown = np.concatenate([np.floor(box[:2] / cell) * cell, np.ceil(box[2:] / cell) * cell])
    return Prompt(object_id, 0, box=grown.astype(np.float32))


def point_prompt(object_id: int, mask: NDArray[np.bool_]) -> Prompt:
    """The pixel farthest from the outline."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), mask.shape)
    return Prompt(
        object_id, 0, points=np.array([[column, row]], np.float32), labels=np.array([1], np.int64)
    )


def mask_prompt(object_id: int, mask: NDArray[np.bool_]) -> Prompt:
    return Prompt(object_id, 0, mask=mask)


PROMPTS: dict[str, Callable[[int, NDArray[np.bool_]], Prompt]] = {
    "box": box_prompt,
    "coarse box": coarse_box_prompt,
    "point": point_prompt,
    "mask": mask_prompt,
}


def region(found: Mask, truth: Mask) -> float:
    """J of two masks (H, W); 1 where neither has a pixel."""
    union = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / union if union else 1.0


def contour(found: Mask, truth: Mask) -> float:
    """F of two masks (H, W)."""
    return boundary_f(found, truth, math.hypot(*truth.shape))


def outlines(tracker: Tracker, film: Film, kind: str) -> list[float]:
    """IoU with the truth of each object of the first frame, prompted there."""
    prompts = [PROMPTS[kind](k, truth[0]) for k, truth in enumerate(film.masks)]
    found, _ = tracker.open(film.frames[:1]).segment(prompts)
    return [region(mask, truth[0]) for mask, truth in zip(found, film.masks)]


def follow(tracker: Tracker, film: Film, kind: str) -> list[Followed]:
    """Prompt each object on the first frame and follow all of them to the end."""
    prompts = [PROMPTS[kind](k, truth[0]) for k, truth in enumerate(film.masks)]
    regions, contours = np.zeros(film.masks.shape[:2]), np.zeros(film.masks.shape[:2])
    for frame in tracker.open(film.frames).propagate(prompts):
        for k, mask in zip(frame.object_ids, frame.masks):
            regions[k, frame.position] = region(mask, film.masks[k, frame.position])
            contours[k, frame.position] = contour(mask, film.masks[k, frame.position])
    return _followed(film, regions, contours)


def held_still(film: Film) -> list[Followed]:
    """What the first frame's true masks would score if nothing moved."""
    regions = np.array([[region(truth[0], mask) for mask in truth] for truth in film.masks])
    contours = np.array([[contour(truth[0], mask) for mask in truth] for truth in film.masks])
    return _followed(film, regions, contours)


def _followed(
    film: Film, regions: NDArray[np.float64], contours: NDArray[np.float64]
) -> list[Followed]:
    return [
        Followed(j, f, shares, float(speed), film.things)
        for j, f, shares, speed in zip(regions, contours, film.shares, film.speeds)
    ]


Slice = Callable[[Followed], bool]


def slices(frames: int) -> dict[str, Slice]:
    """Which objects belong to a line of the table, by what happens in the first `frames` frames
    after the prompt.
    """

    def least(one: Followed) -> float:
        return float(one.shares[: frames + 1].min())

    return {
        "all": lambda one: True,
        "one thing in sight": lambda one: one.things == 1,
        "several things": lambda one: one.things > 1,
        "slow (less than 0.3 short sides a second)": lambda one: one.speed < 0.3,
        "middling": lambda one: 0.3 <= one.speed < 0.4,
        "fast (0.4 and more)": lambda one: one.speed >= 0.4,
        "never less than 90 % seen": lambda one: least(one) >= 0.9,
        "at times 30 to 90 % seen": lambda one: 0.3 <= least(one) < 0.9,
        "at times less than 30 % seen": lambda one: least(one) < 0.3,
    }


def table(followed: Sequence[Followed], frames: int) -> list[str]:
    """Markdown: J, F and J&F of every slice, over the first `frames` frames after the prompted one."""
    lines = [f"| after {frames} frames | objects | J | F | J&F |", "|---|---|---|---|---|"]
    long_enough = [one for one in followed if len(one.region) > frames]
    for name, belongs in slices(frames).items():
        some = [one for one in long_enough if belongs(one)]
        if some:
            j = float(np.mean([one.region[1 : frames + 1].mean() for one in some]))
            f = float(np.mean([one.contour[1 : frames + 1].mean() for one in some]))
            lines.append(f"| {name} | {len(some)} | {j:.3f} | {f:.3f} | {(j + f) / 2:.3f} |")
    return lines


def report(tracker: Tracker, shown: Iterable[Film]) -> Iterable[str]:
    """All lines of the card's tables."""
    first: dict[str, list[float]] = {kind: [] for kind in PROMPTS}
    by_box: list[Followed] = []
    still: list[Followed] = []
    by_other: dict[str, list[Followed]] = {kind: [] for kind in PROMPTS if kind != "box"}
    for film in shown:
        for kind in PROMPTS:
            first[kind] += outlines(tracker, film, kind)
        by_box += follow(tracker, film, "box")
        still += held_still(film)
        short = Film(
            film.frames[:21], film.masks[:, :21], film.shares[:, :21], film.speeds, film.things
        )
        for kind, some in by_other.items():
            some += follow(tracker, short, kind)
    yield "| prompt | objects | IoU | IoU at least 0.75 | J&F after 20 frames |"
    yield "|---|---|---|---|---|"
    for kind, ious in first.items():
        some = by_box if kind == "box" else by_other[kind]
        both = [
            (one.region[1:21].mean() + one.contour[1:21].mean()) / 2
            for one in some
            if len(one.region) > 20
        ]
        share = float(np.mean(np.array(ious) >= 0.75))
        yield f"| {kind} | {len(ious)} | {np.mean(ious):.3f} | {share:.3f} | {np.mean(both):.3f} |"
    for frames in (20, 100):
        yield ""
        yield from table(by_box, frames)
        yield from (
            line.replace("| all", "| the true first mask, held still")
            for line in table(still, frames)[2:3]
        )


def demo_tracker(weights: Path | None = None, upsample: str = "guided") -> Tracker:
    """The project's tracker with the demo SAM 2 on one thread of the CPU. weights: another file
    than the shipped one.
    """
    config = TrackerConfig(
        kind="sam2", model=sam2.MODEL_NAME, weights=str(weights or "builtin"), upsample=upsample
    )
    return trackers.build(trackers.resolve(config), device="cpu", threads=1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the demo SAM 2 on test videos.")
    parser.add_argument(
        "--weights", type=Path, default=None, help="another file than the shipped one"
    )
    parser.add_argument(
        "--upsample", choices=("guided", "bilinear"), default="guided", help="as tracker.upsample"
    )
    parser.add_argument(
        "--corpus", type=Path, default=None, help="a demo corpus; without it scenes are drawn"
    )
    parser.add_argument("--films", type=int, default=80)
    parser.add_argument("--frames", type=int, default=101)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=("val", "test"), default="test")
    args = parser.parse_args()
    if args.corpus:
        shown = films.decoded(args.corpus, args.frames, args.split, args.films)
    else:
        shown = films.drawn(args.seed, args.films, args.frames, args.split)
    for line in report(demo_tracker(args.weights, args.upsample), shown):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
