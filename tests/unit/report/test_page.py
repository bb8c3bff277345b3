"""The page of a run, as HTML and as a real browser shows it."""

import base64
import hashlib
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from looks import Tags, clip, track

from trawl.draw.palette import contrast
from trawl.draw.tracks import ClipFacts
from trawl.draw.video import write_video
from trawl.report.counts import count
from trawl.report.page import About, Card, Media, render
from trawl.report.timeline import FlagSpan
from trawl.runtime.run_file import SavedRun

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

EVIL = (
    "<img src=x onerror=\"document.title='run'\">/\"><script>document.title='run'</script>{{ 7*7 }}"
)
ABOUT = About(
    "<b>title</b>", ["a red star", "a blue ring"], "surest first", [("dataset", "<i>demo</i>")]
)


def card(made: ClipFacts | None = None, video: bool = True, note: str = "") -> Card:
    made = made or clip(
        track(0, flags=("speed", "border"), mean_score=0.6), track(1, text="a blue ring")
    )
    name = made.clip_id
    files = (f"media/{name}.mp4", f"media/{name}.jpg") if video else (None, None)
    media = Media(*files, f"media/{name}-ways.jpg", (160, 90), made.start_s, note)
    return Card(made, media, {0: [FlagSpan("speed", 12.0, 12.5), FlagSpan("border", 18.0, 19.0)]})


def page_of(
    *cards: Card, rest: tuple[ClipFacts, ...] = (), record: dict | None = None, about: About = ABOUT
) -> str:
    tracks = [item for made in (*(one.clip for one in cards), *rest) for item in made.tracks]
    return render(
        about,
        count(tracks, len(cards) + len(rest), SavedRun.of(record or {})),
        cards,
        rest,
        doubtful=3,
    )


def many(n: int) -> list[ClipFacts]:
    return [
        clip(track(0, f"{k:012x}"), track(1, f"{k:012x}", mean_score=0.8 - 0.2 * (k % 3 == 0)))
        for k in range(n)
    ]


def test_it_names_only_its_own_media() -> None:
    tags = Tags(page_of(card(), card(clip(track(0, "b" * 12)), video=False, note="gone")))
    assert not tags.of("link", "iframe", "object", "embed")
    assert not any(name.startswith("on") for _, attributes in tags.found for name in attributes)
    named = [a[k] for a in tags.of("img", "video") for k in ("src", "poster") if a.get(k)]
    assert named == [
        f"media/{'a' * 12}.mp4",
        *(f"media/{n}.jpg" for n in ("a" * 12, f"{'a' * 12}-ways", f"{'b' * 12}-ways")),
    ]


def test_the_one_script_is_the_one_that_the_policy_allows() -> None:
    html = page_of(card())
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(a["content"] for a in Tags(html).of("meta") if a.get("http-equiv"))
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


def test_names_and_texts_are_escaped() -> None:
    evil = clip(
        track(0, video_id=EVIL, text=EVIL, flags=(EVIL,)), track(1, video_id=EVIL, text=EVIL)
    )
    record = {
        "failures": {EVIL: 1},
        "failed_clips": {"x": f"{EVIL}: {EVIL}"},
        "seconds": {EVIL: 2.0},
    }
    about = About(EVIL, [EVIL], "surest first", [(EVIL, EVIL)])
    html = page_of(
        card(evil), card(evil, video=False, note=EVIL), rest=(evil,), record=record, about=about
    )
    tags = Tags(html)
    assert html.count("<script") == 1 and 'onerror="' not in html
    assert len(tags.of("img")) == 2 and "{{ 7*7 }}" in html


def test_everything_a_picture_says_is_said_in_words() -> None:
    tags = Tags(page_of(card(), card(clip(track(0, "b" * 12)), video=False, note="gone")))
    assert all(a["alt"] for a in tags.of("img"))
    assert all(a["aria-label"] for a in tags.of("video"))
    assert all(a["role"] == "img" and a["aria-label"] for a in tags.of("svg"))
    assert all(a.get("scope") for a in tags.of("th")), "every head cell says what it heads"


def test_the_sums_come_first() -> None:
    record = {
        "failures": {"corrupt": 2},
        "failed_clips": {"x": "corrupt: c.mp4: broken"},
        "wall_s": 12.34,
    }
    html = page_of(card(), rest=tuple(many(1)), record=record)
    heads = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", html[: html.index("</dl>")]))
    assert heads == {
        "clips finished": "2",
        "tracks": "4",
        "masks": "280",
        "places inferred through gaps": "40",
        "doubtful tracks": "2",
        "failed clips": "2",
        "seconds in all": "12.3",
    }
    assert "c.mp4: broken" in html and "it moved faster than objects do" in html


def test_the_most_doubtful_are_named_and_linked_where_shown() -> None:
    shown = clip(track(0, mean_score=0.6))
    listed = clip(track(0, "b" * 12, mean_score=0.6, grounding_mean=0.1))
    html = page_of(card(shown), rest=(listed,))
    worst = html[html.index('<table class="worst">') : html.index("<h2>Clips</h2>")]
    assert worst.index("cam/b.mp4") < worst.index("cam/a.mp4")
    assert worst.count("<a ") == 1 and f'href="#clip-{"a" * 12}"' in worst
    assert "All doubtful tracks" in worst or "All doubtful tracks" in html


def test_a_clip_without_its_video_says_why() -> None:
    html = page_of(card(video=False, note="the file is gone"))
    assert (
        not Tags(html).of("video") and len(Tags(html).of("img")) == 1 and "the file is gone" in html
    )


@pytest.mark.parametrize(("shown", "listed"), [(0, 0), (1, 0), (0, 3), (20, 180)])
def test_one_clip_and_two_hundred(shown: int, listed: int) -> None:
    clips = many(shown + listed)
    html = page_of(*map(card, clips[:shown]), rest=tuple(clips[shown:]))
    tags = Tags(html)
    assert len(tags.of("video")) == len(tags.of("article")) == shown
    assert html.count('<g class="bar"') == 2 * shown
    rest = html[html.index('<table class="rest">') :] if listed else ""
    assert len(Tags(rest).of("tr")) == (listed + 1 if listed else 0)
    assert ('<p class="none">' in html) == (shown + listed == 0)


def test_nothing_found_says_how_near_it_came() -> None:
    html = page_of(record={"best_retrieval": 0.2345, "best_grounding": 0.1})
    assert "Nothing was followed." in html and "0.234" in html and "0.100" in html


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_can_be_read_on_every_ground(scheme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", page_of(card()), re.S)[scheme]
    shades = {
        name: tuple(bytes.fromhex(_six(value)))
        for name, value in re.findall(r"--([\w-]+): #(\w+)", block)
    }
    for letters in ("ink", "soft", "alarm", "mark"):
        for ground in ("bg", "card"):
            assert contrast(shades[letters], shades[ground]) >= 4.5, (letters, ground)  # type: ignore[arg-type]
    assert contrast(shades["alarm"], shades["alarm-bg"]) >= 4.5
    assert contrast(shades["edge"], shades["card"]) >= 3, "a bar's outline, whatever its colour"


def _six(value: str) -> str:
    return value if len(value) == 6 else "".join(digit * 2 for digit in value)


class Seen:
    """The page in the browser beside real media, with what it asked for and complained about."""

    def __init__(
        self,
        browser: "BrowserContext",
        html: str,
        folder: Path,
        width: int = 1280,
        dark: bool = False,
    ) -> None:
        media = folder / "media"
        media.mkdir()
        for name in set(re.findall(r"media/([\w-]+\.\w+)", html)):
            (media / name).write_bytes(
                _video(folder / "v.mp4") if name.endswith(".mp4") else _picture()
            )
        (folder / "index.html").write_text(html, encoding="utf-8")
        self.page: Page = browser.new_page()
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "requestfailed",
            lambda request: self.complaints.append(f"{request.url} {request.failure}"),
        )
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto((folder / "index.html").as_uri())


def _video(path: Path) -> bytes:
    """Ten seconds; made at `path` once."""
    if not path.exists():
        write_video(
            path, ((np.full((90, 160, 3), 5 * n % 256, np.uint8), 10 + n / 10) for n in range(100))
        )
    return path.read_bytes()


def _picture() -> bytes:
    return cv2.imencode(".jpg", np.full((90, 160, 3), 90, np.uint8))[1].tobytes()


PLAY = """async video => {
    await video.play();
    await new Promise(resolve => video.requestVideoFrameCallback(resolve));
    video.pause();
    return [video.readyState, video.videoWidth, video.videoHeight, Math.round(video.duration * 10)];
}"""


@pytest.mark.browser
def test_a_browser_plays_and_shows_it(browser: "BrowserContext", tmp_path: Path) -> None:
    second = card(
        clip(track(0, "b" * 12), track(3, "b" * 12, flags=("lost",))), video=False, note="gone"
    )
    seen = Seen(browser, page_of(card(), second, rest=tuple(many(3))), tmp_path)
    page = seen.page
    state, width, height, tenths = page.eval_on_selector("video", PLAY)
    assert state >= 2 and (width, height) == (160, 90) and tenths in (99, 100)
    images = page.locator("article img")
    for k in range(images.count()):
        images.nth(k).scroll_into_view_if_needed()
    becomes(
        page, "[...document.images].every(image => image.complete && image.naturalWidth === 160)"
    )
    assert images.count() == 2
    assert [page.locator(f"#clip-{c * 12} g.bar").count() for c in "ab"] == [2, 2]
    boxes = page.eval_on_selector_all(
        "rect.seen", "all => all.map(one => one.getBoundingClientRect().width)"
    )
    assert len(boxes) == 8 and min(boxes) > 100, "bars are drawn, each in two parts"
    assert page.title() == "<b>title</b>"
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith(tmp_path.as_uri())] == []
    page.close()


@pytest.mark.browser
def becomes(page: "Page", expression: str, within_s: float = 30.0) -> None:
    """Wait until an expression is true.

    Playwright's own waiting evaluates inside the page, which the page forbids.
    """
    deadline = time.monotonic() + within_s
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def test_times_and_the_timeline_move_the_video(browser: "BrowserContext", tmp_path: Path) -> None:
    seen = Seen(browser, page_of(card()), tmp_path)
    page = seen.page
    page.locator("a[data-time]").first.click()  # the track begins at 11 s of a clip from 10 s
    becomes(page, "Math.abs(document.querySelector('video').currentTime - 1) < 0.05")
    drawing = page.locator("svg.timeline")
    box = drawing.bounding_box()
    assert box is not None
    drawing.click(position={"x": box["width"] * 0.75, "y": 40})
    becomes(page, "Math.abs(document.querySelector('video').currentTime - 7.5) < 0.1")
    becomes(page, "document.querySelector('.head').getAttribute('x1').startsWith('7')")
    assert seen.complaints == [] and page.url.endswith("index.html")
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1280], ids=["small phone", "phone", "desk"])
def test_nothing_sticks_out(width: int, browser: "BrowserContext", tmp_path: Path) -> None:
    long = "x" * 300
    made = clip(
        track(0, video_id=long, text=long, flags=("identity_switch", "area_jump")),
        track(1, video_id=f"{long}/y"),
    )
    about = About("t", [long], "surest first", [(long[:20], long)])
    record = {"failures": {"corrupt": 1}, "failed_clips": {"x": f"corrupt: {long}"}}
    html = page_of(
        card(made),
        card(clip(track(0, "b" * 12)), video=False, note=long),
        rest=(made,),
        record=record,
        about=about,
    )
    seen = Seen(browser, html, tmp_path, width)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    seen.page.close()


@pytest.mark.browser
def test_dark_is_dark(browser: "BrowserContext", tmp_path: Path) -> None:
    shade = {}
    for dark in (False, True):
        (tmp_path / str(dark)).mkdir()
        seen = Seen(browser, page_of(card()), tmp_path / str(dark), dark=dark)
        color = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        shade[dark] = sum(map(int, re.findall(r"\d+", color)[:3]))
        seen.page.close()
    assert shade[True] < 150 < 600 < shade[False]


@pytest.mark.browser
def test_many_videos_are_fetched_only_when_played(
    browser: "BrowserContext", tmp_path: Path
) -> None:
    seen = Seen(browser, page_of(*map(card, many(60))), tmp_path)
    assert [url for url in seen.requests if url.endswith(".mp4")] == []
    assert seen.complaints == []
    seen.page.close()
