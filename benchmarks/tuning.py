"""Which tracks to believe, which to doubt, which masks to flag: what each rule would make of one
run, for docs/tuning.md.

The run holds all that was followed, whatever its detections said. A rule is then applied to its
tracks, and what is left is judged by the package's own measurements; nothing is followed again, so
that a row takes seconds.

    python -m jobs.evaluate +dataset=demo dataset.truth.part=train reuse=true tracking.new_score=0
    tracking.min_support=0 python -m benchmarks.tuning dataset.truth.part=train [run=latest]
    [SETTINGS OF jobs.evaluate ...] [--write]

What is doubted and flagged is of the tracks that are believed by `tracking.new_score` and
`tracking.min_support` as they are set; rows of the settings as they are set are bold. Traded away:
a track that `new_score` forbids is dropped here, where following anew would not have started it and
may have found another in its place.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trawl import cli
from trawl.config.jobs import EvaluateConfig
from trawl.corpus.source import dataset_name
from trawl.draw.doubt import SELDOM, WEAK
from trawl.errors import RunError, UsageError
from trawl.evaluate.clip import FollowedTrack
from trawl.evaluate.end_to_end import FOUND, EndToEnd
from trawl.evaluate.job import paired
from trawl.evaluate.masks.measure import Masks
from trawl.evaluate.page.pictures import EvaluatedRun
from trawl.evaluate.pairing import PairedClip, PairedText, pair
from trawl.evaluate.tracking.flags import Flags
from trawl.evaluate.tracking.measure import Tracking
from trawl.evaluate.truth import open_truth
from trawl.evaluate.truth.indexed import LEDGER_COLUMNS, IndexedVideos
from trawl.query.published import PublishedIndex
from trawl.records.tracking import Flag
from trawl.storage import Storage
from trawl.table import publish
from trawl.track import tables as write
from trawl.track.job import TrackPlan

PAGE = Path(__file__).parents[1] / "docs" / "tuning.md"
START, END = "<!-- printed by benchmarks/tuning.py: {} -->\n", "<!-- end -->\n"
# new_score, min_support
BELIEVED = [(0.0, 0.0), (0.1, 0.0), (0.2, 0.0), (0.0, 0.2), (0.0, 0.25), (0.0, 0.3)]
BELIEVED += [(0.1, 0.2), (0.1, 0.25), (0.1, 0.3), (0.1, 0.4), (0.15, 0.25), (0.2, 0.25)]
DOUBTED = [
    (0.0, 0.3),
    (0.0, 0.4),
    (0.0, 0.5),
    (0.65, 0.0),
    (0.7, 0.0),
    (0.65, 0.4),
    (0.7, 0.4),
    (0.65, 0.5),
    (0.75, 0.4),
]
LOW_SCORES = (0.3, 0.4, 0.5, 0.6, 0.7)
SAYS_LITTLE = {Flag.BORDER, Flag.OVERLAP}


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a track. best, mean: of its detections' scores, 0-1, the mean over all searched frames;
    masks: mean of the tracker's.
    """

    best: float
    mean: float
    masks: float

    @property
    def share(self) -> float:
        return self.mean / self.best if self.best else 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """A run beside its truth. facts: of each track, by its id."""

    config: EvaluateConfig
    clips: list[PairedClip]
    facts: dict[str, Facts]

    def kept(self, best: float, share: float) -> list[PairedClip]:
        """Its clips with the tracks whose best detection and share of it on average are at least
        these.
        """
        rule = self.rule(best, share)
        clips = [
            replace(one.clip, tracks=tuple(filter(rule, one.clip.tracks))) for one in self.clips
        ]
        return [pair(clip, self.config.evaluation) for clip in clips]

    def rule(self, best: float, share: float) -> Callable[[FollowedTrack], bool]:
        def holds(track: FollowedTrack) -> bool:
            facts = self.facts[track.track_id]
            return facts.best >= best and facts.share >= share

        return holds


def opened(config: EvaluateConfig) -> Run:
    """
    Raises:
        RunError: tracks were left out when the run was made, or it is of an earlier Trawl.
        UsageError: there is no such run, or the truth is of other videos.
    """
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    run_id = write.resolve_run(storage, dataset, config.run or "latest")
    record = json.loads(storage.read_bytes(f"{dataset}/runs/{run_id}/run.json"))
    made_with = record["config"]["tracking"]
    if made_with["new_score"] or made_with["min_support"]:
        raise RunError(
            f"run={run_id} left tracks out: make one with tracking.new_score=0 tracking.min_support=0"
        )
    index = PublishedIndex(
        storage, dataset, publish.numbered(storage, dataset, record["published"])
    )
    judged = EvaluatedRun(
        storage,
        dataset,
        run_id,
        open_truth(
            config.dataset,
            config.storage,
            IndexedVideos.of_ledger(index.ledger(LEDGER_COLUMNS), index.sampled),
        ),
    )
    plan = TrackPlan.from_json(storage.read_bytes(f"{dataset}/runs/{run_id}/plan.json"))
    columns = ["track_id", "grounding_score", "grounding_mean", "mean_score"]
    rows = write.read_run(storage, dataset, run_id)[1].to_table(columns=columns).to_pylist()
    if any(row["grounding_mean"] is None for row in rows):
        raise RunError(
            f"run={run_id} was made by a Trawl that kept no mean detection score: make another"
        )
    facts = {
        row["track_id"]: Facts(row["grounding_score"], row["grounding_mean"], row["mean_score"])
        for row in rows
    }
    return Run(config, list(paired(judged, plan.clips, config.evaluation)), facts)


def believed(run: Run) -> Iterator[str]:
    """A table: what is left by each pair of thresholds, judged."""
    yield "| `new_score` | `min_support` | tracks | found | false a segment | twice a segment | AP | HOTA | IDF1 | J&F |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    chosen = run.config.tracking.new_score, run.config.tracking.min_support
    for best, share in BELIEVED:
        clips, measured = (
            run.kept(best, share),
            [EndToEnd(run.config.evaluation, None), Tracking(), Masks()],
        )
        for one in measured:
            for clip in clips:
                one.add(clip)
        found = {
            m.name: m.value for one in measured for m in one.measured().metrics if m.slice == "all"
        }
        names = (
            "found",
            "false_tracks_per_segment",
            "duplicate_tracks_per_segment",
            "average_precision",
        )
        names += ("hota_masks", "idf1_masks", "j_and_f")
        tracks = sum(len(clip.clip.tracks) for clip in clips)
        cells = [f"{best:g}", f"{share:g}", str(tracks), *(three(found[name]) for name in names)]
        yield line(cells, (best, share) == chosen)


def doubted(run: Run, clips: Sequence[PairedClip]) -> Iterator[str]:
    """A table: how well each rule for whole tracks tells those that are not their object's best, or
    overlap it by under half.
    """
    match_iou = run.config.evaluation.match_iou
    judged = [one for clip in clips for text in clip.texts for one in wrong_tracks(text, match_iou)]
    wrong = np.array([wrong for _, wrong in judged], np.bool_)
    yield f"Of {len(judged)} tracks {wrong.mean():.0%} are wrong.\n"
    yield "| rule | named | of those wrong | of the wrong, named |"
    yield "|---|---|---|---|"
    flags = [{flag for row in track.flags for flag in row} for track, _ in judged]
    any_flag = np.array([bool(own - SAYS_LITTLE) for own in flags])
    yield line(["any flag but `border` and `overlap`", *told(any_flag, wrong)])
    for flag in Flag:
        named = np.array([flag in own for own in flags])
        yield line([f"`{flag.value}` anywhere", *told(named, wrong)])
    often = np.array(
        [np.mean(["low_score" in row for row in track.flags]) > 0.1 for track, _ in judged]
    )
    yield line(["`low_score` on a tenth of its rows", *told(often, wrong)])
    for weak, seldom in DOUBTED:
        facts = [run.facts[track.track_id] for track, _ in judged]
        named = np.array([one.masks < weak or one.share < seldom for one in facts])
        words = [f"mean mask score < {weak:g}"] * (weak > 0) + [
            f"mean / best detection < {seldom:g}"
        ] * (seldom > 0)
        yield line([", or ".join(words), *told(named, wrong)], (weak, seldom) == (WEAK, SELDOM))


def wrong_tracks(text: PairedText, match_iou: float) -> Iterator[tuple[FollowedTrack, bool]]:
    """Each track of a text, and whether it is wrong; those of what is seen too little to count are
    left out.
    """
    mean, object_of = text.overlap.mean(), {n: k for k, n in text.track_of.items()}
    for n, track in enumerate(text.tracks):
        if n in object_of:
            yield track, bool(mean[object_of[n], n] < FOUND)
        elif mean[:, n].max(initial=0.0) < match_iou or int(mean[:, n].argmax()) < text.num_targets:
            yield track, True


def flagged(run: Run, clips: Sequence[PairedClip]) -> Iterator[str]:
    """A table: each flag as a detector of masks that overlap their track's object by less than
    half.
    """
    found = flags_of(run, clips)
    rows, share = found["wrong_masks"]
    yield f"Of {rows:,} masks {share:.0%} are wrong.\n"
    yield "| flag | rows | of those wrong | of the wrong, flagged |"
    yield "|---|---|---|---|"
    for low in LOW_SCORES:
        cells = flag_cells(
            flags_of(run, [with_low_score(clip, low) for clip in clips]), Flag.LOW_SCORE
        )
        yield line([f"`low_score` at {low:g}", *cells], low == run.config.tracking.motion.low_score)
    for flag in Flag:
        if flag != Flag.LOW_SCORE and found[f"flag_{flag.value}_precision"][0]:
            yield line([f"`{flag.value}`", *flag_cells(found, flag)])


def flags_of(run: Run, clips: Sequence[PairedClip]) -> dict[str, tuple[int, float | None]]:
    """(count, value) of each metric of flags."""
    flags = Flags(run.config.evaluation)
    for clip in clips:
        flags.add(clip)
    return {metric.name: (metric.count, metric.value) for metric in flags.measured().metrics}


def flag_cells(found: dict[str, tuple[int, float | None]], flag: Flag) -> list[str]:
    (count, precision), (_, recall) = (
        found[f"flag_{flag.value}_{name}"] for name in ("precision", "recall")
    )
    return [f"{count / found['wrong_masks'][0]:.1%}", three(precision), three(recall)]


def with_low_score(clip: PairedClip, low: float) -> PairedClip:
    """The clip with `low_score` on the rows whose tracker's score is below, and on no others."""
    texts = (
        replace(
            text, tracks=tuple(replace(one, flags=tuple(_flags(one, low))) for one in text.tracks)
        )
        for text in clip.texts
    )
    return replace(clip, texts=tuple(texts))


def _flags(track: FollowedTrack, low: float) -> Iterator[tuple[str, ...]]:
    for score, flags in zip(track.scores, track.flags, strict=True):
        yield (
            *(flag for flag in flags if flag != Flag.LOW_SCORE),
            *([Flag.LOW_SCORE.value] if score < low else []),
        )


def told(named: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> list[str]:
    """Share that is named; of the named those that are wrong; of the wrong those that are named."""
    both = int((named & wrong).sum())
    return [
        f"{named.mean():.0%}",
        *(f"{both / whole.sum():.2f}" if whole.any() else "–" for whole in (named, wrong)),
    ]


def line(cells: Sequence[str], bold: bool = False) -> str:
    return f"| {' | '.join(f'**{cell}**' if bold else cell for cell in cells)} |"


def three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def put(page: str, name: str, table: str) -> str:
    """The page with a table between its marks.

    >>> put(START.format("x") + "old" + END + "rest", "x", "new") == START.format("x") + "\\nnew\\n\\n" + END + "rest"
    True
    """
    head, mark, rest = page.partition(START.format(name))
    assert mark and END in rest, f"{PAGE} has no place for {name}"
    return f"{head}{mark}\n{table}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "settings", nargs="*", help="of jobs.evaluate: run, dataset, storage.root, ..."
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/tuning.md")
    args = parser.parse_args()
    given = any(word.lstrip("+").startswith("dataset=") for word in args.settings)
    try:
        run = opened(
            cli.compose(
                "evaluate",
                EvaluateConfig,
                args.settings if given else ["+dataset=demo", *args.settings],
            )
        )
    except UsageError as error:
        parser.error(str(error))
    here = run.kept(run.config.tracking.new_score, run.config.tracking.min_support)
    for name, lines in (
        ("believed", believed(run)),
        ("doubted", doubted(run, here)),
        ("flagged", flagged(run, here)),
    ):
        table = []
        for text in lines:
            print(text, flush=True)
            table.append(text)
        print()
        if args.write:
            PAGE.write_text(put(PAGE.read_text(), name, "\n".join(table)))


if __name__ == "__main__":
    main()
