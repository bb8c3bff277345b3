"""What tests of pages share: made-up tracks and clips, and the tags of a page."""

from html.parser import HTMLParser

from trawl.draw.tracks import ClipFacts, TrackFacts, by_clip


def track(number: int = 0, clip_id: str = "aaaaaaaaaaaa", **changes) -> TrackFacts:
    facts = {
        "track_id": f"{clip_id}-{number}",
        "clip_id": clip_id,
        "video_id": f"cam/{clip_id[0]}.mp4",
        "uri": f"/videos/cam/{clip_id[0]}.mp4",
        "text": "a red star",
        "clip_start_s": 10.0,
        "clip_end_s": 20.0,
        "start_s": 11.0,
        "end_s": 19.0,
        "num_masks": 70,
        "num_inferred": 10,
        "height": 90,
        "width": 160,
        "retrieval_score": 0.31,
        "grounding_score": 0.5,
        "grounding_mean": 0.4,
        "mean_score": 0.8,
        "mean_speed": 12.4,
        "max_speed": 1234.5,
        "direction_deg": 90.0,
        "gaps": ((14.0, 15.0),),
        "flags": (),
        "fingerprint": "print",
        "recipe": "0123456789ab",
        "embedder": "clip/demo@aa",
        "grounder": "clip/demo@aa",
        "tracker": "sam2/demo@bb",
    }
    return TrackFacts(**(facts | changes))


def clip(*tracks: TrackFacts) -> ClipFacts:
    (made,) = by_clip(tracks or [track()])
    return made


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]
