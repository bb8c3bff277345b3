"""How high the bar beside a segment is, the same in the terminal and on the contact sheet."""

from trawl.records.search import Segment


def height_of(segment: Segment, background: float, again: bool) -> float:
    """What a segment's bar shows: its score above the background's, or that of a second look; none without it."""
    return (segment.rerank_score or 0.0) if again else segment.score - background
