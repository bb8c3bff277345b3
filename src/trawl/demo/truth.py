"""The demo corpus's ground truth, as rows: where every object is in every frame, and what can truly
be said of a video.

An object has a row for each frame in which any of it lies inside the picture; when something else
hides it wholly the row says area 0, an all-zero box and an empty mask. All in displayed
orientation. Knows nothing of files or codecs.
"""

from typing import Any

import numpy as np

from trawl import masks
from trawl.demo import words
from trawl.demo.plan import VideoPlan
from trawl.demo.render import Picture

Row = dict[str, Any]
_CLEAR = 0.6  # share of an object that must be visible before a caption may name it


def object_rows(plan: VideoPlan, frame_index: int, time_s: float, picture: Picture) -> list[Row]:
    """Rows of `schemas.TRUTH_OBJECTS` for one frame."""
    height, width = picture.ids.shape
    rows = []
    for k, (thing, whole) in enumerate(zip(plan.scene.things, picture.whole)):
        if not picture.inside[k]:
            continue
        mask = picture.ids == k
        area = int(np.count_nonzero(mask))
        rows.append(
            {
                "video_id": plan.video_id,
                "split": plan.split,
                "object_id": k,
                "frame_index": frame_index,
                "time_s": time_s,
                "color": thing.color,
                "shape": thing.shape,
                "size": thing.size,
                "box": masks.bounding_box(mask),
                "area": area,
                "visibility": min(area / whole, 1.0),
                "rle": masks.encode(mask),
                "height": height,
                "width": width,
            }
        )
    return rows


def video_row(plan: VideoPlan, rows: list[Row]) -> Row:
    """The row of `schemas.TRUTH_VIDEOS`, its captions drawn from the video's object rows."""
    times = plan.times_s
    height, width = plan.size
    return {
        "video_id": plan.video_id,
        "split": plan.split,
        "num_frames": len(times),
        "duration_s": times[-1] + 1 / plan.fps,
        "fps": plan.fps,
        "width": width,
        "height": height,
        "rotation_deg": plan.rotation_deg,
        "variable_rate": plan.variable_rate,
        "captions": captions(plan, rows),
    }


def captions(plan: VideoPlan, rows: list[Row]) -> list[str]:
    """Sentences that hold for some frame of the video: each object alone, over its background, and
    with others.
    """
    clear: dict[int, list[int]] = {}
    for row in rows:
        if row["visibility"] >= _CLEAR:
            clear.setdefault(row["frame_index"], []).append(row["object_id"])
    kinds = [plan.scene.backdrops[plan.scene.backdrop_index(t)].kind for t in plan.times_s]
    names = [words.name(t.color, t.shape) for t in plan.scene.things]
    sized = [words.name(t.color, t.shape, t.size) for t in plan.scene.things]
    said: dict[str, None] = {}  # in order, each once
    for frame_index, ids in clear.items():
        for a in ids:
            said.update(dict.fromkeys([words.describe([names[a]]), words.describe([sized[a]])]))
            said[words.describe([names[a]], kinds[frame_index])] = None
            said.update(dict.fromkeys(words.describe([names[a], names[b]]) for b in ids if b > a))
    return list(said)
