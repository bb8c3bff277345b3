"""Renders a contact sheet as one HTML file that needs nothing else: no script, no network.

Pictures go in as JPEG in data URIs. Names of videos and texts come from outside and are escaped by
the template engine, which is told to escape everything. Knows nothing of storage, decoding or
search.
"""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from trawl.draw.times import clock
from trawl.query.terminal import height_of
from trawl.records.search import Segment
from trawl.storage.veil import is_veiled

_JPEG_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Card:
    """One segment on the sheet. picture (H, W, 3) uint8 RGB of its best frame, or None: `note` says
    why, or is empty where none was asked for.

    uri: where the video lies; a local file becomes a link that opens it at the segment.
    """

    rank: int
    segment: Segment
    uri: str
    duration_s: float
    picture: NDArray[np.uint8] | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One query and its cards, best first. background: the score of a typical frame, from which the
    meters rise.
    """

    query: str
    background: float
    cards: Sequence[Card]


@dataclass(frozen=True, slots=True)
class About:
    """Describes the index that answered, as (label, value) pairs in reading order, and a title."""

    title: str
    facts: Sequence[tuple[str, str]]


def render(sections: Sequence[Section], about: About) -> str:
    """The sheet as HTML."""
    from jinja2 import Environment, StrictUndefined

    source = resources.files("trawl.query").joinpath("sheet.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    views = [{"query": s.query, "cards": [_view(card, s) for card in s.cards]} for s in sections]
    return environment.from_string(source).render(
        about=about, sections=views, total=sum(len(s.cards) for s in sections)
    )


def _view(card: Card, section: Section) -> dict[str, Any]:
    """A card in the template's words: texts and percentages."""
    segment = card.segment
    again = any(other.segment.rerank_score is not None for other in section.cards)
    best = max(height_of(other.segment, section.background, again) for other in section.cards)
    folder, _, name = segment.video_id.rpartition("/")
    return {
        "rank": card.rank,
        "name": name,
        "folder": f"{folder}/" if folder else "",
        "video_id": segment.video_id,
        "times": f"{clock(segment.start_s)} – {clock(segment.end_s)}",
        "best": clock(segment.best_time_s),
        "score": f"{segment.score:.3f}",
        "rerank": f"{segment.rerank_score:.3f}" if segment.rerank_score is not None else None,
        "meter": _percent(height_of(segment, section.background, again), best),
        "left": _percent(segment.start_s, card.duration_s),
        "width": max(_percent(segment.end_s - segment.start_s, card.duration_s), 1.0),
        "length": clock(card.duration_s),
        "link": _link(card.uri, segment.start_s, segment.end_s),
        "picture": _data_uri(card.picture) if card.picture is not None else None,
        "size": card.picture.shape[1::-1] if card.picture is not None else (0, 0),
        "note": card.note,
    }


def _percent(part: float, whole: float) -> float:
    return round(100 * min(max(part / whole, 0.0), 1.0), 2) if whole > 0 else 0.0


def _link(uri: str, start_s: float, end_s: float) -> str | None:
    """A media fragment of a local file, or of one that a browser can fetch; None for any other
    scheme.
    """
    fragment = f"#t={start_s:.1f},{end_s:.1f}"
    if uri.startswith("/"):
        return f"file://{quote(uri)}{fragment}"
    return (
        f"{quote(uri, safe=':/%?&=')}{fragment}"
        if re.match(r"https?://", uri) and not is_veiled(uri)
        else None
    )


def _data_uri(picture: NDArray[np.uint8]) -> str:
    from PIL import Image

    sink = io.BytesIO()
    Image.fromarray(picture).save(sink, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(sink.getvalue()).decode()
