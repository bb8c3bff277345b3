"""A query's answer as a table in the terminal.

Names and texts are shown as they are, never read as markup.
"""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from trawl.draw.times import clock
from trawl.records.search import Segment

_BAR = 10


def answer_table(query: str, segments: Sequence[Segment], background: float) -> Table:
    """One row per segment, best first.

    Args:
        query: the text, as typed.
        segments: best first; may be empty. Where some were looked at again, their order and the
            bars are of that.
        background: the score of a typical frame, from which the bars rise.
    """
    again = any(segment.rerank_score is not None for segment in segments)
    table = Table(
        title=Text(f"“{query}”", style="bold"),
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    for name in ("#", *(("rerank",) if again else ()), "score", ""):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    table.add_column("from – to", no_wrap=True)
    table.add_column("video", overflow="fold")
    heights = [height_of(segment, background, again) for segment in segments]
    for rank, (segment, height) in enumerate(zip(segments, heights), 1):
        second = (_figure(segment.rerank_score),) if again else ()
        times = f"{clock(segment.start_s)} – {clock(segment.end_s)}"
        bar = _bar(height, max(heights))
        table.add_row(
            str(rank), *second, _figure(segment.score), bar, times, Text(segment.video_id)
        )
    if not segments:
        table.caption = Text(
            "nothing found: no frame passes search.where and search.min_score", style="yellow"
        )
    return table


def _figure(score: float | None) -> str:
    return "–" if score is None else f"{score:.3f}"


def _bar(part: float, whole: float) -> Text:
    filled = round(_BAR * min(max(part / whole, 0.0), 1.0)) if whole > 0 else 0
    return Text("━" * filled, style="green") + Text("━" * (_BAR - filled), style="bright_black")


def height_of(segment: Segment, background: float, again: bool) -> float:
    """Return the height of a segment's bar: its score above the background's, or that of a second
    look; none without it.
    """
    return (segment.rerank_score or 0.0) if again else segment.score - background
