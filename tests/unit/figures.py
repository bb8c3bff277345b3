"""What tests of the pages of figures share: made-up figures, curves and runs, and a page in a
browser.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trawl.compare.comparison import Entrant
from trawl.draw.palette import contrast
from trawl.records.truth import Curve, Metric

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

EVIL = (
    "<img src=x onerror=\"document.title='run'\">/\"><script>document.title='run'</script>{{ 7*7 }}"
)


def metric(name: str, value: float | None = 0.5, family: str = "masks", **more) -> Metric:
    why = more.pop("why", "no truth")
    return Metric(family, name, value, why=why if value is None else "", **more)


def curve(
    name: str = "frame", kind: str = "precision_recall", y: object = (1.0, 0.8, 0.3), **more
) -> Curve:
    values = np.asarray(y, np.float64)
    labels = {"x_label": "recall", "y_label": "precision"} | more
    return Curve(
        kind,
        name,
        x=np.linspace(0, 1, len(values)) if kind != "recall_at_k" else _ks(values),
        y=values,
        **labels,
    )


def _ks(values: np.ndarray) -> np.ndarray:
    return np.arange(1.0, len(values) + 1)


def entrant(run_id: str, quality: float | None, cost: float | None, **settings) -> Entrant:
    figures = (
        metric("j_and_f", quality),
        metric(
            "cpu_s_per_video_hour",
            cost,
            "cost",
            unit="s",
            better="lower",
            why="no clip was tracked",
        ),
    )
    return Entrant(run_id, figures, settings, {"publication": "1"}, (curve(),))


@dataclass
class Seen:
    """A page in the browser, with what it asked for and complained about."""

    page: "Page"
    requests: list[str]
    complaints: list[str]


def look(
    browser: "BrowserContext", html: str, folder: Path, width: int = 1280, dark: bool = False
) -> Seen:
    (folder / "index.html").write_text(html, encoding="utf-8")
    seen = Seen(browser.new_page(), [], [])
    seen.page.set_viewport_size({"width": width, "height": 900})
    seen.page.emulate_media(color_scheme="dark" if dark else "light")
    seen.page.on("console", lambda message: seen.complaints.append(message.text))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.goto((folder / "index.html").as_uri())
    return seen


def outside(seen: Seen) -> list[str]:
    """Requests for anything but the page itself and what it holds."""
    return [
        url
        for url in seen.requests
        if not url.startswith("data:") and not url.endswith("/index.html")
    ]


def check_readable(html: str) -> None:
    """Words stand out from every ground they are on, and lines from the card, in both schemes."""
    for block in re.findall(r":root \{(.*?)\}", html, re.S)[:2]:
        shades = {name: _rgb(value) for name, value in re.findall(r"--([\w-]+): #(\w+)", block)}
        for letters in ("ink", "soft", "alarm", "mark"):
            for ground in ("bg", "card"):
                assert contrast(shades[letters], shades[ground]) >= 4.5, (letters, ground)
        assert contrast(shades["alarm"], shades["alarm-bg"]) >= 4.5
        assert contrast(shades["ink"], shades["best-bg"]) >= 4.5
        lines = [name for name in shades if name.startswith("shade-")]
        assert lines and all(contrast(shades[name], shades["card"]) >= 3 for name in lines)


def _rgb(value: str) -> tuple[int, int, int]:
    six = value if len(value) == 6 else "".join(digit * 2 for digit in value)
    red, green, blue = bytes.fromhex(six)
    return red, green, blue
