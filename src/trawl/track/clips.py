"""Segments that texts found to the clips that are tracked: one per stretch of video, with
everything looked for in it.

Segments of different texts that overlap become one clip, so that several phrases share decoding and
image features. Pure functions over records.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

from trawl.records.search import Segment
from trawl.records.tracking import Clip, Target


def plan_clips(
    found: Iterable[tuple[str, Segment]], where: Mapping[str, tuple[str, str]]
) -> list[Clip]:
    """Disjoint clips that cover every segment, the one with the best segment first.

    Args:
        found: (phrase, segment) pairs in any order.
        where: video_id -> (uri, fingerprint).
    """
    of_video: dict[str, list[tuple[str, Segment]]] = {}
    for phrase, segment in found:
        of_video.setdefault(segment.video_id, []).append((phrase, segment))
    clips = [
        _clip(video_id, *where[video_id], together)
        for video_id, pairs in of_video.items()
        for together in _overlapping(pairs)
    ]
    return sorted(
        clips,
        key=lambda clip: (
            -max(target.score for target in clip.targets),
            clip.video_id,
            clip.start_s,
        ),
    )


def _overlapping(pairs: list[tuple[str, Segment]]) -> Iterable[list[tuple[str, Segment]]]:
    """Groups of one video's segments: each overlaps another of its group, none overlaps one of
    another group.
    """
    ordered = sorted(pairs, key=lambda pair: (pair[1].start_s, pair[1].end_s, pair[0]))
    group, end_s = [ordered[0]], ordered[0][1].end_s
    for pair in ordered[1:]:
        if pair[1].start_s < end_s:
            group.append(pair)
            end_s = max(end_s, pair[1].end_s)
        else:
            yield group
            group, end_s = [pair], pair[1].end_s
    yield group


def _clip(video_id: str, uri: str, fingerprint: str, pairs: list[tuple[str, Segment]]) -> Clip:
    targets = tuple(Target(phrase, segment.score, segment.best_time_s) for phrase, segment in pairs)
    start_s, end_s = min(s.start_s for _, s in pairs), max(s.end_s for _, s in pairs)
    named = [video_id, fingerprint, start_s, end_s, [[t.phrase, t.best_time_s] for t in targets]]
    clip_id = hashlib.sha256(json.dumps(named).encode()).hexdigest()[:12]
    return Clip(clip_id, video_id, uri, fingerprint, start_s, end_s, targets)
