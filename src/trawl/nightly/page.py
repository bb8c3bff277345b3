"""The page of one night: whether anybody has to look, then what changed, what failed, what was
asked, what it cost.

One HTML file that needs nothing else; it names the night's other files and the runs' reports
relatively, so it opens from a disk and a web server alike. Everything that comes from outside is
escaped. Knows nothing of storage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from trawl.draw.plots import INK, draw, stand_in
from trawl.evaluate.page.page import environment
from trawl.failures.reasons import explain
from trawl.nightly.record import AskedFacts, NightFacts
from trawl.nightly.verdict import judge

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_PLAN = {
    "new": "new",
    "changed": "changed",
    "retry": "to try again",
    "removed": "gone from the corpus",
    "unchanged": "unchanged",
    "failed": "failed before, left alone",
    "quarantined": "in quarantine",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Holds the cost of indexing and the standing queries together.

    money: by what it was spent on, in `currency`.
    """

    cpu_h: float
    gpu_h: float
    money: Mapping[str, float]
    currency: str


@dataclass(frozen=True, slots=True)
class About:
    """Holds what `night.json` does not.

    published_h: hours since the newest publication, None without one; reports: by run_id, the links
    to those that there are; files: of the night, beside the page.
    """

    cost: Cost
    published_h: float | None
    reports: Mapping[str, str]
    files: Sequence[str]


def render(tonight: NightFacts, earlier: Sequence[NightFacts], about: About) -> str:
    """The page as HTML.

    Args:
        earlier: nights before it, oldest first.
    """
    verdict = judge(tonight, earlier)
    html: str = (
        environment()
        .get_template("nightly/night.html.j2")
        .render(
            night=tonight,
            when=f"{tonight.started_at:%A, %d %B %Y, %H:%M} UTC",
            day=f"{tonight.started_at:%Y-%m-%d}",
            length=_length(tonight.hours),
            verdict=verdict,
            sums=_sums(tonight, earlier, about),
            plan=[
                (word, tonight.plan[kind]) for kind, word in _PLAN.items() if tonight.plan.get(kind)
            ],
            became=_became(tonight),
            failures=_failures(tonight),
            asked=[_asked(name, some, about) for name, some in sorted(tonight.standing.items())],
            cost=_cost(about.cost),
            steps=[
                (name.replace("_", " "), _length(spent / 3600))
                for name, spent in tonight.seconds.items()
            ],
            strip=strip([*earlier, tonight]),
            nights=min(NIGHTS, len(earlier) + 1),
            files=about.files,
        )
    )
    return html


def _sums(
    tonight: NightFacts, earlier: Sequence[NightFacts], about: About
) -> list[tuple[str, str, str]]:
    """(label, value, unit) of the figures at the top."""
    money = sum(about.cost.money.values())
    found = [
        ("videos indexed", f"{tonight.indexed:,}", ""),
        ("videos failed", f"{tonight.failed:,}", ""),
        ("behind the corpus", f"{tonight.lag:,}", "video" if tonight.lag == 1 else "videos"),
    ]
    if tonight.lag:
        found.append(("of them unusable", f"{tonight.unusable:,}", ""))
    if about.published_h is not None:
        found.append(("since the newest publication", _length(about.published_h), ""))
    if tonight.frames_per_s is not None:
        found.append(
            (
                f"embedded{_compared(tonight.frames_per_s, earlier)}",
                f"{tonight.frames_per_s:,.1f}",
                "frames/s",
            )
        )
    found.append(("from start to end", _length(tonight.hours), ""))
    return [*found, ("cost", f"{money:,.2f}", about.cost.currency)]


def _compared(frames_per_s: float, earlier: Sequence[NightFacts]) -> str:
    """Compare its speed with the earlier nights that embedded anything."""
    known = [night.frames_per_s for night in earlier[-NIGHTS:] if night.frames_per_s is not None]
    if not known:
        return ""
    change = frames_per_s / fmean(known) - 1
    nights = "the night before" if len(known) == 1 else f"the mean of {len(known)} nights"
    return (
        f"; {abs(change):.0%} {'above' if change >= 0 else 'below'} {nights}"
        if abs(change) >= 0.005
        else f"; as {nights}"
    )


def _became(tonight: NightFacts) -> list[tuple[str, int]]:
    counts = [
        ("indexed", tonight.indexed),
        ("of them damaged", tonight.damaged),
        ("failed", tonight.failed),
    ]
    counts += [
        ("removed from the index", tonight.plan.get("removed", 0) if not tonight.ended_by else 0)
    ]
    return [
        (word, count)
        for word, count in [*counts, ("left for the next night", tonight.waiting)]
        if count
    ]


def _failures(tonight: NightFacts) -> list[dict[str, Any]]:
    """By reason, the most frequent first."""
    return [
        {
            "reason": reason.replace("_", " "),
            "count": count,
            "meaning": explain(reason).meaning,
            "remedy": explain(reason).remedy,
            "example": tonight.examples.get(reason, ""),
        }
        for reason, count in sorted(tonight.failures.items(), key=lambda item: (-item[1], item[0]))
    ]


def _asked(name: str, some: Sequence[AskedFacts], about: About) -> dict[str, Any]:
    """A standing query: a line for each run, none where there was nothing new."""
    runs = [
        {
            "run_id": one.run_id,
            "link": about.reports.get(one.run_id),
            "counts": [one.videos, one.clips, one.failed, one.tracks, one.masks],
            "note": "" if one.ended else "goes on next night",
        }
        for one in some
    ]
    return {"name": name, "runs": runs}


def _cost(cost: Cost) -> list[tuple[str, str]]:
    rows = [("CPU hours", f"{cost.cpu_h:,.2f}"), ("GPU hours", f"{cost.gpu_h:,.2f}")]
    return rows + [
        (f"{name}, {cost.currency}", f"{spent:,.2f}") for name, spent in cost.money.items()
    ]


def _length(hours: float) -> str:
    """
    >>> _length(26.2), _length(1.25), _length(0.1), _length(0.002)
    ('26 h', '1 h 15 min', '6 min', '7 s')
    """
    seconds = round(hours * 3600)
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 600 else f"{hours:,.0f} h"


NIGHTS = 30
_HEIGHT_IN = 1.5
_APART = 4  # nights from which on the dates of the first and the last do not touch
_WELL, _NOT_WELL = 0, 1  # shades of `plots.SHADES`


def strip(nights: Sequence[NightFacts]) -> list[tuple[str, str]]:
    """(title, SVG) of each chart; nights oldest first, the last is tonight.

    Fewer than two: none.
    """
    shown = nights[-NIGHTS:]
    if len(shown) < 2:
        return []
    values: dict[str, list[float]] = {
        "videos indexed": [night.indexed for night in shown],
        "videos failed": [night.failed for night in shown],
        "hours": [night.hours for night in shown],
    }
    return [
        (title, _bars(title, some, shown, f"strip-{n}"))
        for n, (title, some) in enumerate(values.items())
    ]


def _bars(title: str, values: Sequence[float], nights: Sequence[NightFacts], ident: str) -> str:
    days = [f"{night.started_at:%d %b}" for night in nights]
    form = ",.0f" if all(float(value).is_integer() for value in values) else ",.2f"

    def paint(axes: "Axes") -> None:
        colors = [
            stand_in(_NOT_WELL if night.exit_code or night.ended_by else _WELL) for night in nights
        ]
        axes.bar(range(len(values)), values, width=0.75, color=colors)
        axes.annotate(
            f"{values[-1]:{form}}",
            (len(values) - 1, values[-1]),
            (0, 2),
            textcoords="offset points",
            ha="center",
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
