"""The report job on one screen: a run's tables - its sums - the clips to show - their pictures -
one page.

No Ray, no model, no index: all that it tells is in the run's own tables and in the videos. Written
to `<root>/<dataset>/runs/<run_id>/report/`, where a repeated report replaces the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from trawl.config.jobs import ReportJobConfig
from trawl.corpus.source import dataset_name
from trawl.draw.doubt import doubt
from trawl.draw.tracks import COLUMNS, ClipFacts, TrackFacts, by_clip, from_row
from trawl.report import page
from trawl.report.clip_pictures import MEDIA, ClipDesk, Run
from trawl.report.counts import RunCounts, count
from trawl.runtime import run_file
from trawl.storage import Storage
from trawl.track import tables as write

_PAGE = "index.html"
_ORDERS = {"best": "surest first", "doubtful": "most doubtful first"}


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """Describes what was written.

    page: URI of the HTML file; shown: clips with pictures; notes: by clip_id, what is missing from
    them.
    """

    page: str
    counts: RunCounts
    shown: int
    notes: dict[str, str]


def run(config: ReportJobConfig, console: Console | None = None) -> ReportOutcome:
    """Write the page of a run and say where it is.

    Raises:
        UsageError: there is no such run, or the storage fails.
    """
    console = console or Console()
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    storage.check(write=True)
    run_id = write.resolve_run(storage, dataset, config.run)
    folder = f"{dataset}/runs/{run_id}/report"
    saved = run_file.read(storage, dataset, run_id) or run_file.SavedRun()
    tracks = _tracks(storage, dataset, run_id)
    counts = count(tracks, len(write.finished(storage, dataset, run_id)), saved)
    clips = _in_order(by_clip(tracks), config.report.order)
    shown, rest = clips[: config.report.clips], clips[config.report.clips :]
    cards = []
    with (
        ClipDesk(Run(storage, dataset, run_id, folder), config) as desk,
        console.status("") as status,
    ):
        for card in desk.draw(shown):
            cards.append(card)
            status.update(f"{len(cards)} of {len(shown)} clips drawn")
    about = _about(dataset, run_id, tracks, saved, _ORDERS[config.report.order])
    html = page.render(about, counts, cards, rest, config.report.doubtful)
    storage.write_bytes(f"{folder}/{_PAGE}", html.encode())
    _sweep(storage, f"{folder}/{MEDIA}", cards)
    notes = {card.clip.clip_id: card.media.note for card in cards if card.media.note}
    outcome = ReportOutcome(storage.uri(folder, _PAGE), counts, len(cards), notes)
    _print(outcome, console)
    return outcome


def _tracks(storage: Storage, dataset: str, run_id: str) -> list[TrackFacts]:
    _, tracks = write.read_run(storage, dataset, run_id)
    return [from_row(row) for row in tracks.to_table(columns=list(COLUMNS)).to_pylist()]


def _in_order(clips: Sequence[ClipFacts], order: str) -> list[ClipFacts]:
    if order == "best":
        return sorted(clips, key=lambda clip: -clip.best)
    return sorted(clips, key=lambda clip: max(map(doubt, clip.tracks)), reverse=True)


def _about(
    dataset: str, run_id: str, tracks: Sequence[TrackFacts], saved: run_file.SavedRun, order: str
) -> page.About:
    texts = saved.texts or tuple(dict.fromkeys(track.text for track in tracks))
    facts = [("dataset", dataset), ("run", run_id), ("asked for", ", ".join(texts))]
    for name in ("embedder", "grounder", "tracker", "recipe"):
        made_by = dict.fromkeys(getattr(track, name) for track in tracks)
        facts.append((name, ", ".join(made_by)))
    facts += [("run began", saved.started_at[:16].replace("T", " "))]
    facts += [("reported", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")]
    title = ", ".join(texts[:1]) or run_id
    return page.About(
        f"{title} · trawl",
        list(texts) or [run_id],
        order,
        [(name, value) for name, value in facts if value],
    )


def _sweep(storage: Storage, folder: str, cards: Sequence[page.Card]) -> None:
    """Delete pictures of an earlier report that this one does not show."""
    wanted = {
        name for card in cards for name in (card.media.video, card.media.poster, card.media.plot)
    }
    for name in storage.names(folder):
        if f"{MEDIA}/{name}" not in wanted:
            storage.delete(f"{folder}/{name}")


def _print(outcome: ReportOutcome, console: Console) -> None:
    counts = outcome.counts
    told = (
        f"{counts.tracks:,} tracks in {counts.clips:,} clips, {counts.doubtful:,} of them doubtful"
    )
    console.print(Text(f"tracks    {told}"), soft_wrap=True)
    for clip_id, note in outcome.notes.items():
        console.print(Text(f"clip      {clip_id}: {note}", style="yellow"), soft_wrap=True)
    console.print(Text(f"report    {outcome.page}"), soft_wrap=True)
