"""The query job on one screen: published index - text vectors - frames - segments - files and a
contact sheet.

No Ray and no GPU. The model, its preprocessing and its weights come from the published recipe,
never from settings, so a query cannot disagree with the index it reads. Start-up is most of the
time a person waits, so nothing heavy is imported before it is needed, and settings are checked
first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from trawl.config.jobs import QueryConfig
from trawl.config.steps import ReportConfig
from trawl.corpus.source import dataset_name
from trawl.decode.desk import PictureDesk
from trawl.models.clip import embedders as registry
from trawl.query import rerank, results, sheet, templates, terminal, texts
from trawl.query.published import PublishedIndex, openable
from trawl.records.search import Answer, Source
from trawl.runtime.clock import Clock
from trawl.storage import Storage
from trawl.table import publish
from trawl.table.publish import Published

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class QueryOutcome:
    """Describes what a query returned and wrote.

    folder: URI of the files; timings_s: seconds by step, in order.
    """

    answers: list[Answer]
    table: "pa.Table"
    folder: str
    published: int
    timings_s: dict[str, float] = field(default_factory=dict)


def run(config: QueryConfig, console: Console | None = None) -> QueryOutcome:
    """Answer the text or the file of texts, write results and the contact sheet, print a table.

    Raises:
        UsageError: nothing is published, a text or filter is no good, the weights are missing, the
            storage fails.
    """
    console, clock = console or Console(), Clock()
    queries = texts.read_texts(config.text, config.queries)
    templates.check_templates(config.search.templates)
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    with clock.step("find the index"):
        published = publish.latest(storage, dataset)
        storage.check(write=True)
        blueprint = registry.from_recipe(published.recipe.embedder, config.weights)
    with PictureDesk(config.decode, config.storage) as desk:
        with clock.step("load the model"):
            embedder = registry.build(blueprint, config.device) if config.rerank else None
        with clock.step("embed the text"):
            embed_texts = (
                embedder.embed_texts if embedder else registry.build_text(blueprint, config.device)
            )
            vectors = [
                templates.query_vector(query, config.search.templates, embed_texts)
                for query in queries
            ]
        with clock.step("open the tables"):
            index = PublishedIndex(storage, dataset, published)
        with clock.step("search"):
            answers = index.answers(queries, vectors, rerank.pool(config.search, config.rerank))
        if embedder:
            with clock.step("rerank"):
                second = rerank.open_reranker(embedder, index, desk, config, config.rerank)
                answers = [second.rerank(answer) for answer in answers]
        with clock.step("write"):
            sources = index.sources(
                segment.video_id for answer in answers for segment in answer.segments
            )
            table = results.to_table(answers, sources, published.recipe_key)
            folder = results.new_folder(storage, dataset, queries, datetime.now(UTC))
            results.write(storage, folder, table, _about(config, published))
        with clock.step("contact sheet"):
            page = _contact_sheet(answers, sources, desk, config, published, dataset)
            storage.write_bytes(f"{folder}/contact_sheet.html", page.encode())
    outcome = QueryOutcome(answers, table, storage.uri(folder), published.number, clock.steps)
    _print(outcome, console)
    return outcome


def _contact_sheet(
    answers: Sequence[Answer],
    sources: Mapping[str, Source],
    desk: PictureDesk,
    config: QueryConfig,
    published: Published,
    dataset: str,
) -> str:
    shown = [
        segment for answer in answers for segment in answer.segments[: config.report.thumbnails]
    ]
    opened = openable(
        config.dataset, config.storage, {one.video_id: sources[one.video_id] for one in shown}
    )
    shots = desk.best_frames(shown, opened, config.report.thumbnail_width)
    sections = [_section(answer, sources, shots, config.report) for answer in answers]
    title = answers[0].query + (f" and {len(answers) - 1} more" if len(answers) > 1 else "")
    return sheet.render(
        sections, sheet.About(f"{title} · trawl", _facts(published, dataset, config))
    )


def _section(
    answer: Answer, sources: Mapping[str, Source], shots: Any, report: ReportConfig
) -> sheet.Section:
    cards = []
    for rank, segment in enumerate(answer.segments, 1):
        source, shot = sources[segment.video_id], shots.get((segment.video_id, segment.best_time_s))
        picture, note = (
            (shot.pixels, shot.note) if shot and rank <= report.thumbnails else (None, "")
        )
        cards.append(sheet.Card(rank, segment, source.uri, source.duration_s, picture, note))
    return sheet.Section(answer.query, answer.background, cards)


def _facts(published: Published, dataset: str, config: QueryConfig) -> list[tuple[str, str]]:
    embedder = published.recipe.embedder
    facts = [
        ("dataset", dataset),
        (
            "index",
            f"number {published.number}, {_date(datetime.fromisoformat(published.created_at))}",
        ),
        ("contents", f"{published.num_videos:,} videos, {published.num_rows:,} frames"),
        ("model", f"{embedder['model']}, {embedder['weights']}"),
        ("recipe", published.recipe_key),
        ("asked", _date(datetime.now(UTC))),
    ]
    facts += [("second look", f"the best {config.rerank}")] if config.rerank else []
    return facts + ([("where", config.search.where)] if config.search.where else [])


def _date(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _about(config: QueryConfig, published: Published) -> dict[str, Any]:
    index = {key: value for key, value in asdict(published).items() if key != "token"}
    return {"index": index, "search": asdict(config.search), "rerank": config.rerank}


def _print(outcome: QueryOutcome, console: Console) -> None:
    for answer in outcome.answers:
        console.print(terminal.answer_table(answer.query, answer.segments, answer.background))
        console.print()
    sheet_at = f"{outcome.folder}/contact_sheet.html"
    console.print(Text(f"contact sheet  {sheet_at}"), soft_wrap=True)
    console.print(
        Text(f"results        {outcome.folder}/results.parquet .json .csv"), soft_wrap=True
    )
    spent = ", ".join(
        f"{name} {seconds:.1f}" for name, seconds in outcome.timings_s.items() if seconds >= 0.05
    )
    console.print(Text(f"index {outcome.published}; seconds: {spent}", style="dim"), soft_wrap=True)
