"""The page of a comparison, as HTML and as a real browser shows it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from figures import EVIL, check_readable, curve, entrant, look, metric, outside
from looks import Tags

from trawl.compare.comparison import Absentee, Comparison, Entrant, compare
from trawl.compare.page import About, render

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

ABOUT = About("3 runs compared", "demo: 3 evaluated runs, 1 setting differs", [("dataset", "demo")])


def of(*entrants: Entrant, absent: tuple[Absentee, ...] = ()) -> Comparison:
    return compare(entrants, "j_and_f", "cpu_s_per_video_hour", absent=absent)


def three() -> list[Entrant]:
    return [
        entrant(f"run-{k}", q, c, chunk=k)
        for k, (q, c) in enumerate([(0.5, 100), (0.7, 300), (0.6, None)])
    ]


def page(found: Comparison | None = None, about: About = ABOUT) -> str:
    return render(about, found or of(*three(), absent=(Absentee("chunk=0", "failed: too small"),)))


def cells(html: str, table: int) -> list[list[str]]:
    body = re.findall(r"<tbody>(.*?)</tbody>", html, re.S)[table]
    found = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        for row in re.findall(r"<tr.*?</tr>", body, re.S)
    ]
    return [[re.sub(r"<sup>(\d+)</sup>", r"[\1]", cell) for cell in row] for row in found]


def plain(cell: str) -> str:
    return re.sub(r"<[^>]*>", "", cell)


def test_the_runs_with_what_sets_them_apart() -> None:
    rows = [[plain(cell) for cell in row] for row in cells(page(), 0)]
    assert rows == [
        ["1", "0", "0.500", "100 best", "yes", "run-0"],
        ["2", "1", "0.700 best", "300", "yes", "run-1"],
        ["3", "2", "0.600", "—", "", "run-2"],
    ]


def test_the_best_is_marked_and_said_and_a_missing_one_has_its_reason() -> None:
    html = page()
    (quality,) = cells(html, 1)
    assert [("best" in cell) for cell in quality[1:]] == [False, True, False]
    (cost,) = cells(html, 2)
    assert [plain(cell) for cell in cost[1:]] == ["100 best", "300", "—[1]"]
    assert html.count("<li><sup>1</sup> no clip was tracked</li>") == 1


def test_slices_wait_behind_a_click() -> None:
    runs = [
        replace(one, metrics=(*one.metrics, metric("j_and_f", 0.1, slice="pair=unseen")))
        for one in three()
    ]
    html = page(of(*runs))
    assert html.index("<details>") < html.index("pair=unseen") and "1 more figure<" in html
    assert cells(html, 2)[0][1] == "pair=unseen"


def test_warnings_and_what_has_no_figures_are_in_sight() -> None:
    runs = three()
    runs[1] = replace(runs[1], conditions={"publication": "2"})
    html = page(of(*runs, absent=(Absentee("chunk=0", "failed: too small"),)))
    assert (
        html.index('class="warn"')
        < html.index("Which to take")
        < html.index("chunk=0</b>: failed: too small")
    )
    assert "publication is not the same" in html and 'class="warn"' not in page()


def test_without_a_trade_there_is_a_reason_and_no_front() -> None:
    html = page(of(*(replace(one, metrics=(metric("j"),)) for one in three())))
    assert "quality=j_and_f was not measured in these runs" in html
    assert ">front<" not in html and "against" not in html


def test_equal_settings_are_said_to_be_equal() -> None:
    assert "Their settings are the same." in page(of(entrant("a", 0.1, 1), entrant("b", 0.2, 2)))


def test_curves_lie_over_each_other() -> None:
    html = page()
    assert "Precision over recall: frame" in html and html.count('class="plot"') == 2
    assert [key for key in ("1: chunk 0", "2: chunk 1", "3: chunk 2") if key in html] == [
        "1: chunk 0",
        "2: chunk 1",
        "3: chunk 2",
    ]


def test_equal_comparisons_are_equal_pages() -> None:
    assert page() == page()


def test_names_and_texts_are_escaped_and_nothing_is_loaded() -> None:
    runs = [
        Entrant(
            EVIL,
            (metric(EVIL, v, EVIL, slice=s, unit=EVIL, why=EVIL) for s in ("all", EVIL)),
            {EVIL: EVIL + c},
            {EVIL: c},
        )
        for v, c in ((0.1, "a"), (None, "b"))
    ]
    runs = [
        replace(one, metrics=tuple(one.metrics), curves=(curve(EVIL, EVIL, x_label=EVIL),))
        for one in runs
    ]
    html = page(of(*runs, absent=(Absentee(EVIL, EVIL),)), About(EVIL, EVIL, [(EVIL, EVIL)]))
    tags = Tags(html)
    assert not tags.of("script", "img", "link", "iframe", "object", "embed")
    assert not any(name.startswith("on") for _, attributes in tags.found for name in attributes)
    policy = next(a["content"] for a in tags.of("meta") if a.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert all(a.get("scope") for a in tags.of("th"))


def test_words_and_lines_can_be_seen_on_every_ground() -> None:
    check_readable(page())


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1280], ids=["small phone", "phone", "desk"])
def test_nothing_sticks_out(width: int, browser: "BrowserContext", tmp_path: Path) -> None:
    long = "x" * 200
    runs = [
        entrant(
            long[:40] + str(k), k / 20, 20 - k, **{f"group.{long[:30]}": k, "text": long + str(k)}
        )
        for k in range(14)
    ]
    html = page(of(*runs, absent=(Absentee(long, long),)), About(long, long, [(long, long)]))
    seen = look(browser, html, tmp_path, width)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    seen.page.close()


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_it_and_asks_for_nothing(
    dark: bool, browser: "BrowserContext", tmp_path: Path
) -> None:
    seen = look(browser, page(), tmp_path, dark=dark)
    assert (seen.complaints, outside(seen)) == ([], [])
    ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 150) == dark
    boxes = seen.page.eval_on_selector_all(
        "svg.plot", "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert len(boxes) == 2 and min(boxes) > 150
    seen.page.close()
