"""The page of a night, as HTML and as a real browser shows it."""

import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from figures import EVIL, check_readable, look, outside
from looks import Tags
from nights import asked, failing, night

from trawl.nightly.page import About, Cost, render
from trawl.nightly.record import NightFacts

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


from trawl.nightly.page import NIGHTS, strip

COST = Cost(1.5, 0.25, {"CPU": 0.06, "GPU": 0.3, "reading": 0.0}, "USD")
ABOUT = About(
    COST, 1.25, {"r-red": "../../runs/r-red/report/index.html"}, ("night.json", "log.jsonl")
)


def page(
    tonight: NightFacts | None = None, earlier: tuple[NightFacts, ...] = (), about: About = ABOUT
) -> str:
    return render(tonight or night(), earlier, about)


def words(html: str) -> str:
    text = re.sub(r"<style>.*?</style>|<desc.*?</desc>", "", html, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def troubled() -> NightFacts:
    standing = {"red": [asked(), asked(run_id="r-2", ended=False)], "blue": []}
    refused, left = {"green": "search.where names nonsense"}, ["grey"]
    return night(index=failing(2, 0.1), exit_code=5, standing=standing, refused=refused, left=left)


def test_the_first_line_says_whether_anybody_has_to_look() -> None:
    assert '<h1 class="well">All well</h1>' in page()
    html = page(troubled())
    assert '<h1 class="look">Somebody has to look at 2 things</h1>' in html
    assert html.index("allows less") < html.index("<h2>")
    assert html.index("green could not be asked: search.where names nonsense") < html.index("<h2>")


def test_failures_come_with_an_example_and_what_to_do() -> None:
    told = words(page(troubled()))
    assert "truncated 2 The part of the container" in told
    assert "Upload it again, whole" in told and "cam/a.mp4: no moov" in told
    assert "What failed" not in words(page())


def test_standing_queries_with_their_runs() -> None:
    html = page(troubled())
    told = words(html)
    assert "red 2 5 0 3 420 r-red red 2 5 0 3 420 r-2 goes on next night" in told
    assert (
        "blue no new footage" in told
        and "grey left for the next night" in told
        and "green refused" in told
    )
    assert [a["href"] for a in Tags(html).of("a")][:1] == ["../../runs/r-red/report/index.html"]


def test_sums_say_how_fast_beside_the_nights_before() -> None:
    earlier = (night(2, index={"frames": {"embedded": 500}}), night(1, index={"frames": {}}))
    told = words(page(earlier=earlier))
    assert "embedded; 100% above the night before 10.0 frames/s" in told
    assert "since the newest publication 1 h 15 min" in told
    assert "cost 0.36 USD" in told and "CPU hours 1.50" in told
    assert "behind the corpus 0 videos" in told


@pytest.mark.parametrize(
    "tonight",
    [
        night(index=None, ended_by="s3 is away", exit_code=2),
        night(index={"plan": {}, "outcomes": {}}),
    ],
)
def test_a_night_that_knows_little_says_so(tonight: NightFacts) -> None:
    about = About(Cost(0, 0, {}, "EUR"), None, {}, ())
    told = words(page(tonight, about=about))
    assert ("not known: it ended before" in told) is bool(tonight.ended_by)
    assert "since the newest publication" not in told


def hostile() -> NightFacts:
    index: dict[str, Any] = failing(1) | {
        "failed_examples": {"truncated": EVIL},
        "stopped": EVIL,
        "left": 2,
    }
    return night(
        index=index,
        exit_code=3,
        refused={EVIL: EVIL},
        standing={EVIL: [asked(run_id=EVIL)]},
        left=[EVIL],
    )


def test_names_from_outside_stay_text() -> None:
    html = page(hostile())
    assert not Tags(html).of("script", "img")
    assert "{{ 7*7 }}" in words(html)


def test_words_can_be_read_in_both_schemes() -> None:
    check_readable(page(troubled()))


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_a_browser_shows_it_whole(
    browser: "BrowserContext", tmp_path: Path, width: int, dark: bool
) -> None:
    nights = tuple(
        night(days, index=failing(days % 3), exit_code=3 * bool(days % 3))
        for days in range(29, 0, -1)
    )
    seen = look(browser, page(troubled(), nights), tmp_path, width, dark)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert not seen.complaints and not outside(seen)
    assert seen.page.locator("svg.plot").count() == 3
    assert seen.page.locator("h1").is_visible() and seen.page.title().startswith(
        "Somebody has to look"
    )
    assert seen.page.locator(".warn").first.bounding_box()["y"] < 300
    seen.page.close()


@pytest.mark.browser
def test_a_browser_runs_nothing_of_it(browser: "BrowserContext", tmp_path: Path) -> None:
    seen = look(browser, page(hostile()), tmp_path)
    assert seen.page.title() != "run"
    assert not outside(seen)
    seen.page.close()


def bars(svg: str) -> list[str]:
    """The shade of each bar, in order."""
    return re.findall(r'clip-path="[^"]*" style="fill: var\(--shade-(\d)\)', svg)


def test_a_bar_for_each_night_and_the_troubled_ones_stand_out() -> None:
    nights = [night(3), night(2, index=failing(2), exit_code=3), night(1), night(0)]
    charts = dict(strip(nights))
    assert list(charts) == ["videos indexed", "videos failed", "hours"]
    assert bars(charts["videos indexed"]) == ["0", "1", "0", "0"]
    assert "19 Nov: 2" in charts["videos failed"]
    assert "21 Nov: 0.50" in charts["hours"]


@pytest.mark.parametrize(
    ("count", "dates"), [(2, ["21 Nov"]), (3, ["21 Nov"]), (4, ["18 Nov", "21 Nov"])]
)
def test_dates_below_the_bars_do_not_touch(count: int, dates: list[str]) -> None:
    charts = dict(strip([night(days) for days in reversed(range(count))]))
    assert re.findall(r">(\d\d Nov)<", charts["hours"]) == dates


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 0), (2, 2), (NIGHTS + 5, NIGHTS)])
def test_how_many(count: int, shown: int) -> None:
    charts = strip([night(days) for days in reversed(range(count))])
    assert len(charts) == (3 if shown else 0)
    assert all(len(bars(svg)) == shown for _, svg in charts)


def test_equal_nights_are_equal_bytes() -> None:
    assert strip([night(1), night()]) == strip([night(1), night()])
