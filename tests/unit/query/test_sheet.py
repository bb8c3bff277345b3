"""The contact sheet, as HTML and as a real browser shows it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from looks import Tags
from playwright.sync_api import BrowserContext, Page

from trawl.query.sheet import About, Card, Section, render
from trawl.records.search import Segment

EVIL = "<img src=x onerror=\"document.title='run'\">/\"><script>document.title='run'</script>{{ 7*7 }}.mp4"
ABOUT = About("<b>title</b>", [("dataset", "demo"), ("model", "<i>m</i>")])


def card(
    rank: int = 1, video_id: str = "cam/a.mp4", uri: str = "/videos/a b#1.mp4", picture: bool = True
) -> Card:
    segment = Segment(video_id, 61.0, 75.0, 0.9 / rank, 30, 62.0, 3)
    pixels = np.full((90, 160, 3), (200, 30, 30), np.uint8) if picture else None
    return Card(rank, segment, uri, 120.0, pixels, "" if picture else f"gone: {EVIL}")


def page_of(*cards: Card, query: str = "a red star", more: tuple[Section, ...] = ()) -> str:
    return render([Section(query, 0.1, cards), *more], ABOUT)


def test_nothing_is_loaded_from_anywhere() -> None:
    for tag, attributes in Tags(page_of(card(), card(2, picture=False))).found:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("src") or "data:").startswith(
            "data:image/jpeg;base64,"
        ) or tag != "img"


def test_names_and_texts_are_escaped() -> None:
    html = page_of(card(video_id=EVIL, uri=f"/x/{EVIL}"), card(2, picture=False), query=EVIL)
    assert (
        "<script" not in html
        and 'onerror="' not in html
        and "<b>title" not in html
        and "<i>m" not in html
    )
    assert len([tag for tag, _ in Tags(html).found if tag == "img"]) == 1
    assert "{{ 7*7 }}" in html, "a name is no template"


@pytest.mark.parametrize(
    ("uri", "link"),
    [
        ("/videos/a b#1.mp4", "file:///videos/a%20b%231.mp4#t=61.0,75.0"),
        ("https://host/a.mp4?x=1", "https://host/a.mp4?x=1#t=61.0,75.0"),
        ("s3://bucket/a.mp4", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
    ],
    ids=["local", "http", "s3", "script", "data"],
)
def test_links_open_the_video_at_the_segment(uri: str, link: str | None) -> None:
    links = [
        attributes["href"] for tag, attributes in Tags(page_of(card(uri=uri))).found if tag == "a"
    ]
    assert links == ([link] if link else [])


def test_a_second_look_is_what_the_meter_shows() -> None:
    cards = [card(), card(2), card(3)]
    looked = [replace(cards[0], segment=replace(cards[0].segment, rerank_score=0.4))]
    looked += [replace(cards[1], segment=replace(cards[1].segment, rerank_score=0.1)), cards[2]]
    html = page_of(*looked)
    assert re.findall(r"width: ([\d.]+)%\"></i></b>", html) == ["100.0", "25.0", "0.0"]
    assert html.count("second look") == 2 and ">0.400<" in html and "</b>0.300<" in html


def test_an_empty_answer_and_several_queries() -> None:
    html = page_of(more=(Section("second", 0.1, [card()]),))
    assert "Nothing found." in html and html.count("<section") == 2
    assert [
        a["href"] for tag, a in Tags(html).found if tag == "a" and a["href"].startswith("#")
    ] == ["#q1", "#q2"]


class Seen:
    """A page in the browser, with what it asked for and complained about."""

    def __init__(
        self,
        browser: BrowserContext,
        html: str,
        folder: Path,
        width: int = 1280,
        dark: bool = False,
    ) -> None:
        path = folder / "contact_sheet.html"
        path.write_text(html, encoding="utf-8")
        self.page: Page = browser.new_page()
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())


@pytest.mark.browser
def test_a_browser_shows_it(browser: BrowserContext, tmp_path: Path) -> None:
    seen = Seen(browser, page_of(card(), card(2, EVIL), card(3, picture=False)), tmp_path)
    widths = seen.page.eval_on_selector_all(
        "img", "images => images.map(image => image.naturalWidth)"
    )
    assert widths == [160, 160]
    assert seen.page.locator(".card").count() == 3
    assert EVIL in "".join(seen.page.locator(".name").all_inner_texts())
    assert EVIL in seen.page.locator(".shot p").inner_text()
    assert seen.page.title() == "<b>title</b>"
    assert seen.complaints == []
    assert [url for url in seen.requests if not re.match(r"file:|data:", url)] == []
    seen.page.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1280], ids=["small phone", "phone", "desk"])
def test_nothing_sticks_out(width: int, browser: BrowserContext, tmp_path: Path) -> None:
    long = "x" * 300
    seen = Seen(
        browser, page_of(card(video_id=long), card(2, f"{long}/y"), query=long), tmp_path, width
    )
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    seen.page.close()


@pytest.mark.browser
def test_dark_is_dark(browser: BrowserContext, tmp_path: Path) -> None:
    shade = {}
    for dark in (False, True):
        seen = Seen(browser, page_of(card()), tmp_path, dark=dark)
        color = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        shade[dark] = sum(map(int, re.findall(r"\d+", color)[:3]))
        seen.page.close()
    assert shade[True] < 150 < 600 < shade[False]
