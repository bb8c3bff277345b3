"""The page of an evaluation, as HTML and as a real browser shows it."""

import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from figures import EVIL, check_readable, curve, look, metric, outside
from looks import Tags

from trawl.evaluate.page.page import EvaluationSummary, ShownCase, render
from trawl.records.truth import Case, Metric

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

ABOUT = EvaluationSummary(
    "run-a",
    "50 texts over 20 videos",
    31,
    "hota_masks",
    [("dataset", "demo"), ("settings", "c0ffee")],
)
METRICS = [
    metric("j_and_f", 0.7426, count=83),
    metric("j_and_f", 0.61, slice="pair=unseen", count=12),
    metric("boundary_iou", None, why="the truth has boxes only"),
    metric("boundary_iou", None, slice="pair=unseen", why="no object of these"),
    metric("hota_masks", 0.55, "tracking"),
    metric("id_switches", 31.0, "tracking", better="lower"),
    metric("peak_mb", 1347.4, "cost", unit="MiB", better="lower"),
    metric("gpu_s_per_video_hour", None, "cost", unit="s", better="lower", why="no GPU was used"),
]
JPEG = cv2.imencode(".jpg", np.full((90, 160, 3), 90, np.uint8))[1].tobytes()


def shown(
    kind: str = "missed", severity: float = 9.0, picture: bytes | None = JPEG, **changes
) -> ShownCase:
    facts = {"video_id": "cam/a.mp4", "frame_index": 30, "object_id": 2} | changes
    case = Case(
        kind,
        facts.pop("text", "a red star"),
        severity,
        facts.pop("message", "nobody followed it"),
        **facts,
    )
    return ShownCase(
        case, picture, (160, 90) if picture else (0, 0), 1.2, "" if picture else "the video is gone"
    )


def page(
    metrics: list[Metric] = METRICS,
    about: EvaluationSummary = ABOUT,
    cases: tuple[ShownCase, ...] = (shown(),),
) -> str:
    return render(about, metrics, [curve("frame"), curve("<b>", "recall_at_k")], cases)


def rows(html: str) -> dict[str, list[str]]:
    """Cells of the big tables by metric; marks of footnotes in brackets."""
    result = re.findall(r'<tr><th scope="row">(.*?)</tr>', html, re.S)
    cells = [re.sub(r"<sup>(\d+)</sup>", r"[\1]", row) for row in result]
    return {
        re.split("<|\n", row)[0].strip(): [
            re.sub(r"<[^>]*>", "", cell) for cell in re.findall("<td.*?</td>", row)
        ]
        for row in cells
    }


def test_what_went_wrong_comes_first_then_figures_then_curves() -> None:
    html = page()
    places = [
        html.index(f"<h2>{name}</h2>")
        for name in ("Look at these first", "In short", "All figures", "Curves")
    ]
    assert places == sorted(places) and html.index("<img ") < places[1]


def test_cases_are_grouped_worst_first_with_their_pictures() -> None:
    cases = (
        shown(severity=1, text="least"),
        shown("ranked", 3, None, text="late"),
        shown(severity=8, text="worst"),
    )
    html = page(cases=cases)
    requests = re.findall(r'class="asked">([^<]*)<', html)
    assert requests == ["worst", "least", "late"] and "3 of 31 cases" in html
    assert (
        html.index("Nobody followed it")
        < html.index(">worst<")
        < html.index("The right answer comes late")
    )
    assert len(Tags(html).of("img")) == 2 and "the video is gone" in html
    assert "cam/a.mp4 · 00:01.2 · frame 30 · object 2" in html


def test_the_objective_leads_the_headlines() -> None:
    heads = re.findall(r"<dt>([^<]*)", page())
    assert [head.strip() for head in heads[:3]] == ["HOTA masks", "J&amp;F", "peak memory"]


def test_a_metric_without_a_value_is_a_dash_with_its_reason() -> None:
    html = page()
    result = rows(html)
    assert result["J&amp;F"] == ["0.743", "0.610", "83"]
    assert result["boundary IoU"] == ["—[1]", "—[2]", ""]
    assert result["GPU s per video hour"] == ["—[1]", ""]
    assert html.count("the truth has boxes only") == 1 and html.count("no GPU was used") == 1
    assert result["ID switches"] == ["31", ""]


def test_metrics_with_other_slices_have_a_table_of_their_own() -> None:
    metrics = [metric("j"), metric("f"), metric("f", 0.4, slice="pair=unseen")]
    html = page(metrics)
    assert rows(html) == {"J": ["0.500", ""], "F": ["0.500", "0.400", ""]}
    assert re.findall(r'<th scope="col"[^>]*>([^<]*)<', html) == [
        "metric",
        "all",
        "n",
        "metric",
        "all",
        "pair=unseen",
        "n",
    ]


def test_equal_figures_are_equal_pages() -> None:
    assert page() == page()


def test_nothing_measured_says_so() -> None:
    html = render(ABOUT, [], [], [])
    assert "Nothing was measured." in html and "<h2>" not in html


def test_names_and_texts_are_escaped_and_nothing_is_loaded() -> None:
    about = EvaluationSummary(EVIL, EVIL, 1, "", [(EVIL, EVIL)])
    cases = (
        shown(EVIL, text=EVIL, message=EVIL, video_id=EVIL, track_id=EVIL),
        shown(picture=None),
    )
    metrics = [metric(EVIL, None, EVIL, slice=EVIL, why=EVIL), metric(EVIL, unit=EVIL)]
    html = render(about, metrics, [curve(EVIL, EVIL, x_label=EVIL, y_label=EVIL)], cases)
    tags = Tags(html)
    assert not tags.of("script", "link", "iframe", "object", "embed") and len(tags.of("img")) == 1
    assert not any(name.startswith("on") for _, attributes in tags.found for name in attributes)
    policy = next(a["content"] for a in tags.of("meta") if a.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_everything_a_picture_says_is_said_in_words() -> None:
    html = page()
    tags = Tags(html)
    assert [a["alt"] for a in tags.of("img")] == [
        "cam/a.mp4 at 00:01.2: nobody followed it: nobody followed it"
    ]
    assert all(a.get("aria-labelledby") or a.get("aria-hidden") for a in tags.of("svg"))
    assert all(a.get("scope") for a in tags.of("th"))
    assert (
        "Precision over recall</title>" in html
        and "frame: precision 1 at recall 0, 0.3 at 1" in unescape(html)
    )


def test_words_and_lines_can_be_seen_on_every_ground() -> None:
    check_readable(page())


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1280], ids=["small phone", "phone", "desk"])
def test_nothing_sticks_out(width: int, browser: "BrowserContext", tmp_path: Path) -> None:
    long = "x" * 300
    metrics = [metric("j", slice=f"kind={k}") for k in range(12)] + [
        metric(long[:60], None, slice="z", why=long)
    ]
    cases = (shown(text=long, message=long), shown(picture=None, video_id=long))
    html = render(
        EvaluationSummary(long, long, 2, "j", [(long[:20], long)]), metrics, [curve(long)], cases
    )
    visible = look(browser, html, tmp_path, width)
    assert visible.page.evaluate("document.documentElement.scrollWidth") <= width
    assert visible.page.locator(".plot").first.bounding_box()["width"] > 200  # type: ignore[index]
    visible.page.close()


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_it_and_asks_for_nothing(
    dark: bool, browser: "BrowserContext", tmp_path: Path
) -> None:
    visible = look(browser, page(), tmp_path, dark=dark)
    assert (visible.complaints, outside(visible)) == ([], [])
    assert visible.page.evaluate(
        "[...document.images].every(image => image.complete && image.naturalWidth === 160)"
    )
    ground = visible.page.evaluate("getComputedStyle(document.body).backgroundColor")
    line = visible.page.evaluate(
        "getComputedStyle(document.querySelector('.plot [style*=\"--shade-0\"]')).stroke"
    )
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 150) == dark
    assert line == ("rgb(86, 180, 233)" if dark else "rgb(0, 114, 178)"), (
        "a plot follows the scheme"
    )
    visible.page.close()
