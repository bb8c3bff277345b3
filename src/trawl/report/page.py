"""The page of a tracking run: its sums, what to look at first, and clip by clip a video, the ways,
a timeline and a table.

One HTML file beside a folder of media that it names relatively, so that it opens from a disk and a
web server alike. It loads nothing else: the one script is inline and named by its hash in the
page's own content policy, and names and texts, which come from outside, are escaped by the template
engine. Knows nothing of storage and decoding.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any
from urllib.parse import quote

from trawl.draw.doubt import MEANING, in_words, is_doubtful, reasons, worst_first
from trawl.draw.palette import color, css, ink
from trawl.draw.times import clock
from trawl.draw.tracks import ClipFacts, TrackFacts
from trawl.report.counts import RunCounts
from trawl.report.timeline import FlagSpan, timeline

_TITLE_TEXTS = 3
_ARROWS = "→↘↓↙←↖↑↗"


@dataclass(frozen=True, slots=True)
class Media:
    """A clip's files, as names relative to the page, or None. plot is always there.

    size: (width, height) of all three, pixels. offset_s: the time of the video's first frame. note:
    what is missing and why, or empty.
    """

    video: str | None
    poster: str | None
    plot: str
    size: tuple[int, int]
    offset_s: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A clip that is shown. spans: doubts of its rows, by number of the track."""

    clip: ClipFacts
    media: Media
    spans: Mapping[int, Sequence[FlagSpan]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class About:
    """Describes what the page shows.

    facts: (label, value) for its foot; order: how the clips are sorted, in words.
    """

    title: str
    texts: Sequence[str]
    order: str
    facts: Sequence[tuple[str, str]]


def render(
    about: About, counts: RunCounts, cards: Sequence[Card], rest: Sequence[ClipFacts], doubtful: int
) -> str:
    """The page as HTML.

    Args:
        cards: clips with their media, in the order to show them.
        rest: clips that are only listed, after those.
        doubtful: how many of the most doubtful tracks are named at the top, at most.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("trawl.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = resources.files("trawl.report").joinpath("page.js").read_text(encoding="utf-8")
    tracks = [track for clip in (*(card.clip for card in cards), *rest) for track in clip.tracks]
    shown = {card.clip.clip_id for card in cards}
    return environment.get_template("page.html.j2").render(
        about=about,
        heading=_heading(about.texts),
        counts=counts,
        flags=[(in_words(flag), MEANING.get(flag, ""), n) for flag, n in counts.flags],
        failures=[(in_words(reason), n, example) for reason, n, example in counts.failures],
        worst=[
            {**_track(track), "shown": track.clip_id in shown}
            for track in worst_first(tracks)[:doubtful]
        ],
        cards=[_card(rank, card) for rank, card in enumerate(cards, 1)],
        rest=[_clip(rank, clip) for rank, clip in enumerate(rest, len(cards) + 1)],
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _heading(texts: Sequence[str]) -> str:
    more = len(texts) - _TITLE_TEXTS
    return ", ".join(texts[:_TITLE_TEXTS]) + (f" and {more} more" if more > 0 else "")


def _card(rank: int, card: Card) -> dict[str, Any]:
    clip, media = card.clip, card.media
    return _clip(rank, clip) | {
        "video": quote(media.video) if media.video else None,
        "poster": quote(media.poster) if media.poster else None,
        "plot": quote(media.plot),
        "size": media.size,
        "offset": f"{media.offset_s:.3f}",
        "note": media.note,
        "timeline": timeline(clip, card.spans),
        "tracks": [_track(track, media) for track in clip.tracks],
    }


def _clip(rank: int, clip: ClipFacts) -> dict[str, Any]:
    """A clip in the template's words."""
    folder, _, name = clip.video_id.rpartition("/")
    return {
        "rank": rank,
        "id": clip.clip_id,
        "video_id": clip.video_id,
        "folder": f"{folder}/" if folder else "",
        "name": name,
        "start_s": f"{clip.start_s:.3f}",
        "end_s": f"{clip.end_s:.3f}",
        "start": clock(clip.start_s),
        "end": clock(clip.end_s),
        "texts": ", ".join(clip.texts),
        "count": len(clip.tracks),
        "best": f"{clip.best:.2f}",
        "doubtful": sum(map(is_doubtful, clip.tracks)),
    }


def _track(track: TrackFacts, media: Media | None = None) -> dict[str, Any]:
    """A track in the template's words."""
    own = color(track.number)
    rows = track.num_masks + track.num_inferred
    return {
        "number": track.number,
        "clip_id": track.clip_id,
        "video_id": track.video_id,
        "text": track.text,
        "color": css(own),
        "ink": css(ink(own)),
        "times": f"{clock(track.start_s)} – {clock(track.end_s)}",
        "start_s": f"{track.start_s:.3f}",
        "seek": f"{max(track.start_s - media.offset_s, 0):.1f}" if media else "",
        "masks": track.num_masks,
        "inferred": track.num_inferred,
        "share": f"{100 * track.num_inferred / max(rows, 1):.0f} %",
        "retrieval": f"{track.retrieval_score:.3f}",
        "grounding": f"{track.grounding_score:.2f}",
        "score": f"{track.mean_score:.2f}",
        "mean_speed": f"{track.mean_speed:,.0f}",
        "max_speed": f"{track.max_speed:,.0f}",
        "way": _ARROWS[round(track.direction_deg / 45) % 8]
        if track.direction_deg is not None
        else "",
        "way_name": f"{track.direction_deg:.0f} degrees" if track.direction_deg is not None else "",
        "gaps": len(track.gaps),
        "flags": [(name, why, False) for name, why in reasons(track)]
        + [(in_words(flag), MEANING.get(flag, ""), True) for flag in track.flags],
        "doubtful": is_doubtful(track),
    }
