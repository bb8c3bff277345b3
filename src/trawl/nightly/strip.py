"""The last nights as three small bar charts: videos, failures, hours. Nights that somebody had to look at stand out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trawl.draw.plots import INK, draw, stand_in
from trawl.nightly.facts import NightFacts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NIGHTS = 30
_HEIGHT_IN = 1.5
_APART = 4  # nights from which on the dates of the first and the last do not touch
_WELL, _NOT_WELL = 0, 1  # shades of `plots.SHADES`


def strip(nights: Sequence[NightFacts]) -> list[tuple[str, str]]:
    """(title, SVG) of each chart; nights oldest first, the last is tonight. Fewer than two: none."""
    shown = nights[-NIGHTS:]
    if len(shown) < 2:
        return []
    values: dict[str, list[float]] = {
        "videos indexed": [night.indexed for night in shown],
        "videos failed": [night.failed for night in shown],
        "hours": [night.hours for night in shown],
    }
    return [(title, _bars(title, some, shown, f"strip-{n}")) for n, (title, some) in enumerate(values.items())]


def _bars(title: str, values: Sequence[float], nights: Sequence[NightFacts], ident: str) -> str:
    days = [f"{night.started_at:%d %b}" for night in nights]
    form = ",.0f" if all(float(value).is_integer() for value in values) else ",.2f"

    def paint(axes: "Axes") -> None:
        colors = [stand_in(_NOT_WELL if night.exit_code or night.ended_by else _WELL) for night in nights]
        axes.bar(range(len(values)), values, width=0.75, color=colors)
        axes.annotate(
            f"{values[-1]:{form}}", (len(values) - 1, values[-1]), (0, 2), textcoords="offset points", ha="center"
        )
        ends = [0, len(days) - 1] if len(days) >= _APART else [len(days) - 1]
        axes.set_xticks(ends, [days[end] for end in ends])
        axes.set_xlim(-0.8, max(len(values), 8) - 0.2)
        axes.set_ylim(0, max(*values, 1e-9) * 1.25)
        axes.locator_params(axis="y", nbins=3, integer=form == ",.0f")
        axes.grid(axis="x", visible=False)
        axes.axhline(0, color=INK, linewidth=0.6)

    words = "; ".join(f"{day}: {value:{form}}" for day, value in zip(days, values, strict=True))
    return draw(paint, title, words, ident, _HEIGHT_IN)
