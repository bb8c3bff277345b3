"""How well grounding finds named things on frames, and how well it knows that there are none.

Prints a table.

    python -m training.evaluate_ground --scenes 300                    # CLIP patches and SAM 2,
                                                                       freshly drawn test scenes
    python -m training.evaluate_ground --scenes 300 --tracker truth    # with exact masks: what is
                                                                       left is grounding's own

Every scene is asked for each thing that can be seen to at least RIGHT of its area, and for as many
that are not there: one half of these share a word with something that is. Asked for one by one. A
detection is right when its mask's IoU with the asked thing's is at least 0.5; a second one of the
same thing is wrong. Precision, recall and false targets are at `conf/grounder/clip.yaml`'s
min_score; average precision is over all scores. Thresholds were chosen with --split val.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from training import gallery
from training.evaluate_clip import RIGHT
from training.evaluate_sam2 import demo_tracker
from training.gallery import Gallery, Seen
from trawl import ground
from trawl.config.models import EmbedderConfig, GrounderConfig
from trawl.demo import clip, words
from trawl.models import grounders
from trawl.models.clip import embedders as registry
from trawl.models.protocols import Grounder, Session, Tracker
from trawl.query import templates
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections, Prompt, TrackedFrame

_CROWD = 4  # things in sight from which on a frame is crowded
_CONFIG = Path(__file__).parents[1] / "conf" / "grounder" / "clip.yaml"


@dataclass(frozen=True, slots=True)
class Question:
    """A phrase asked of one scene. answers: its things, none where it is absent; shares_word: with
    something in sight.
    """

    scene: int
    phrase: str
    answers: tuple[NDArray[np.bool_], ...]
    unseen: bool
    shares_word: bool
    in_sight: int


@dataclass(frozen=True, slots=True)
class Answer:
    """scores (N,) of a question's detections, best first, and whether each is right."""

    question: Question
    scores: NDArray[np.float32]
    right: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; shares 0-1, NaN where there was nothing to count. false_targets: of
    absent things.
    """

    name: str
    present: int
    absent: int
    precision: float
    recall: float
    average_precision: float
    false_targets: float


def questions(shown: Gallery, seed: int = 0, split: str = "test") -> Iterator[Question]:
    """What each scene is asked: its visible things by colour and shape, and as many that are not
    there.
    """
    pairs = words.SEEN + words.UNSEEN if split == "test" else words.SEEN
    for n, seen in enumerate(shown.seen):
        rng = np.random.default_rng([seed, n])
        visible = {(s.want.color, s.want.shape): s for s in seen if s.mask.any()}
        asked = [pair for pair, s in visible.items() if s.share >= RIGHT]
        alike = [p for p in pairs if p not in visible and any(_share_word(p, v) for v in visible)]
        other = [p for p in pairs if p not in visible and p not in alike]
        pools = [alike if k % 2 == 0 and alike else other for k in range(len(asked))]
        absent = [pool[int(rng.integers(len(pool)))] for pool in pools]
        for pair in (*asked, *absent):
            answers = (visible[pair].mask,) if pair in visible else ()
            yield Question(
                n, _phrase(pair), answers, pair in words.TEST_ONLY, pair in alike, len(visible)
            )


def kind_questions(shown: Gallery) -> Iterator[Question]:
    """Each scene asked for every colour and shape of which it shows two things or more, all to at
    least RIGHT.
    """
    for n, seen in enumerate(shown.seen):
        visible = [s for s in seen if s.mask.any()]
        for phrase, meant in _kinds(visible):
            if len(meant) > 1 and all(s.share >= RIGHT for s in meant):
                yield Question(n, phrase, tuple(s.mask for s in meant), False, False, len(visible))


def _kinds(visible: Sequence[Seen]) -> Iterator[tuple[str, list[Seen]]]:
    for color in words.COLORS:
        yield words.article(f"{color} thing"), [s for s in visible if s.want.color == color]
    for shape in words.SHAPES:
        yield words.article(shape), [s for s in visible if s.want.shape == shape]


def _share_word(a: words.Pair, b: words.Pair) -> bool:
    return a[0] == b[0] or a[1] == b[1]


def _phrase(pair: words.Pair) -> str:
    return words.article(words.name(*pair))


def ask(
    grounder: Grounder, tracker: Tracker, shown: Gallery, asked: Iterable[Question]
) -> list[Answer]:
    """Every question's answer; those of one scene share a session and one look at it."""
    by_scene: dict[int, list[Question]] = {}
    for question in asked:
        by_scene.setdefault(question.scene, []).append(question)
    answers = []
    for n, mine in by_scene.items():
        frames = shown.images[n : n + 1]
        (found,) = grounder.detect(tracker.open(frames), frames, [0], [q.phrase for q in mine])
        answers += [judge(question, found, k) for k, question in enumerate(mine)]
    return answers


def judge(question: Question, found: Detections, phrase: int) -> Answer:
    """Which of a question's detections are right, best first; each thing can be found once."""
    assert found.masks is not None, "a grounder with a session gives masks"
    mine = np.flatnonzero(found.phrase == phrase)
    left = list(question.answers)
    right = np.zeros(len(mine), bool)
    for k, i in enumerate(mine):
        overlaps = [_iou(found.masks[i], thing) for thing in left]
        if overlaps and max(overlaps) >= 0.5:
            right[k] = True
            del left[int(np.argmax(overlaps))]
    return Answer(question, found.scores[mine], right)


def _iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max(int((a | b).sum()), 1))


def line(name: str, answers: Sequence[Answer], min_score: float) -> Line:
    """The figures of some answers."""
    scores = np.concatenate([a.scores for a in answers]) if answers else np.empty(0, np.float32)
    right = np.concatenate([a.right for a in answers]) if answers else np.empty(0, bool)
    things = sum(len(a.question.answers) for a in answers)
    kept = scores >= min_score
    absent = [a for a in answers if not a.question.answers]
    return Line(
        name=name,
        present=things,
        absent=len(absent),
        precision=_share(int((right & kept).sum()), int(kept.sum())),
        recall=_share(int((right & kept).sum()), things),
        average_precision=average_precision(scores, right, things),
        false_targets=_share(sum(bool((a.scores >= min_score).any()) for a in absent), len(absent)),
    )


def average_precision(scores: NDArray[np.float32], right: NDArray[np.bool_], things: int) -> float:
    """Mean over all things of the precision down to the score that finds it; 0 for one that no
    score finds.

    >>> average_precision(np.array([0.9, 0.8, 0.7], np.float32), np.array([True, False, True]), 2)
    0.8333333333333333
    """
    ranked = right[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return _share(float(precision[ranked].sum()), things)


def _share(part: float, whole: int) -> float:
    return part / whole if whole else float("nan")


def lines(answers: Sequence[Answer], kinds: Sequence[Answer], min_score: float) -> list[Line]:
    """The whole table."""
    groups = {
        "all": answers,
        "pair seen in training": [a for a in answers if not a.question.unseen],
        "pair never seen": [a for a in answers if a.question.unseen],
        "one thing in sight": [a for a in answers if a.question.in_sight == 1],
        "four and more in sight": [a for a in answers if a.question.in_sight >= _CROWD],
        "absent ones share a word": [
            a for a in answers if a.question.answers or a.question.shares_word
        ],
        "several of a kind": kinds,
    }
    return [line(name, group, min_score) for name, group in groups.items()]


class TruthTracker:
    """A `protocols.Tracker` whose masks are exact: the thing that fills most of a prompt's box, in
    a known scene.
    """

    def __init__(self, shown: Gallery) -> None:
        self._shown = shown

    def open(self, frames: Frames, size: tuple[int, int] | None = None) -> Session:
        """A session over one of the gallery's pictures."""
        same = (self._shown.images == frames).all(axis=(1, 2, 3))
        return _TruthSession(self._shown.seen[int(same.argmax())], frames.shape[1:3])


class _TruthSession:
    def __init__(self, seen: Sequence[Seen], shape: tuple[int, ...]) -> None:
        self._masks = [np.zeros(shape, bool), *(s.mask for s in seen)]

    def segment(self, prompts: Sequence[Prompt]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """(K, H, W) and (K,) ones."""
        picked = [self._pick(prompt) for prompt in prompts]
        return np.stack(picked) if picked else np.empty((0, *self._masks[0].shape), bool), np.ones(
            len(picked), np.float32
        )

    def _pick(self, prompt: Prompt) -> NDArray[np.bool_]:
        assert prompt.box is not None, "grounding prompts with boxes"
        left, top, right, bottom = (round(float(side)) for side in prompt.box)
        return max(self._masks, key=lambda mask: int(mask[top:bottom, left:right].sum()))

    def propagate(self, prompts: Sequence[Prompt], reverse: bool = False) -> Iterator[TrackedFrame]:
        raise NotImplementedError("a gallery's pictures do not move")


def demo_grounder(config: GrounderConfig, weights: str = "builtin") -> Grounder:
    """As the demo grounds."""
    blueprint = registry.resolve(EmbedderConfig("openclip", clip.MODEL_NAME, weights))
    embedder = registry.build(blueprint, "cpu")
    model = grounders.build(grounders.resolve(config, blueprint), embedder, "cpu")
    return ground.grounder(model, config, lambda phrase: templates.fill(phrase, "clip"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure grounding on test scenes.")
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument(
        "--tracker", default="builtin", help="builtin, truth, or a file of the demo SAM 2's weights"
    )
    parser.add_argument(
        "--size",
        type=int,
        default=256,
        help="pixels of the square scenes, whose masks are compared",
    )
    args = parser.parse_args()
    config = GrounderConfig(**yaml.safe_load(_CONFIG.read_text()))
    shown = gallery.drawn(args.seed, args.scenes, args.size, args.split)
    tracker: Tracker = TruthTracker(shown)
    if args.tracker != "truth":
        tracker = demo_tracker(None if args.tracker == "builtin" else Path(args.tracker))
    grounder = demo_grounder(config)
    answers = ask(grounder, tracker, shown, questions(shown, args.seed, args.split))
    kinds = ask(grounder, tracker, shown, kind_questions(shown))
    table = [
        f"{args.scenes} scenes of {args.size} px, min_score {config.min_score}",
        "",
        "| asked for | there | not there | precision | recall | average precision | false targets |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in lines(answers, kinds, config.min_score):
        shares = (one.precision, one.recall, one.average_precision, one.false_targets)
        table.append(
            f"| {one.name} | {one.present} | {one.absent} | {' | '.join(f'{share:.3f}' for share in shares)} |"
        )
    sys.stdout.write("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
