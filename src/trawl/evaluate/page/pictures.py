"""The pictures of what went wrong in a run: the frame of each case, with the truth and what the run
made of it drawn on.

Every video is opened once, where it can do no harm. One that is gone, has changed or does not
decode costs its pictures and nothing else: the reason stands in their place. Beside the case's own
track those of the same text are drawn, since a thing that nobody followed is best understood by
what was followed instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trawl.config.data import DecodeConfig, StorageConfig
from trawl.decode.desk import PictureDesk, Shot
from trawl.draw import marks
from trawl.draw.overlay import Mark, Picture
from trawl.evaluate.page.case_picture import draw_case
from trawl.evaluate.page.page import ShownCase
from trawl.evaluate.truth import Truth
from trawl.records.search import Source
from trawl.records.truth import Case, TruthObject, TruthVideo
from trawl.storage import Storage
from trawl.track import tables as write

_SIDE = 480  # pixels of a picture's width; a small video grows to twice its size at most
_JPEG_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Judged:
    """The run whose cases are drawn, and the truth that it was held against."""

    storage: Storage
    dataset: str
    run_id: str
    truth: Truth


def picture_cases(
    judged: Judged,
    cases: Sequence[Case],
    sources: Mapping[str, Source],
    decode: DecodeConfig,
    files: StorageConfig,
) -> list[ShownCase]:
    """Each case with its picture, in their order.

    Args:
        sources: where the videos lie, as the index knows them; a video that is not among them has
            no picture.
        files: how the videos are opened.

    Raises:
        StorageError: the run cannot be read.
    """
    known = set(judged.truth.video_ids())
    named = {
        case.video_id
        for case in cases
        if case.video_id is not None and case.frame_index is not None
    }
    videos = {video_id: judged.truth.video(video_id) for video_id in sorted(named & known)}
    times = [_time_s(case, videos) for case in cases]
    wanted: dict[str, list[float]] = {}
    for case, time_s in zip(cases, times, strict=True):
        if case.video_id is not None and case.video_id in sources and time_s is not None:
            wanted.setdefault(case.video_id, []).append(time_s)
    shots: dict[tuple[str, float], Shot] = {}
    if wanted:
        with PictureDesk(decode, files) as desk:
            shots = desk.fetch(
                {video_id: sorted(set(some)) for video_id, some in wanted.items()}, sources, _SIDE
            )
    found = _Found(judged, [case for case in cases if case.video_id in wanted])
    return [
        _shown(case, time_s, shots, videos, found)
        for case, time_s in zip(cases, times, strict=True)
    ]


def _shown(
    case: Case,
    time_s: float | None,
    shots: Mapping[tuple[str, float], Shot],
    videos: Mapping[str, TruthVideo],
    found: "_Found",
) -> ShownCase:
    shot = (
        shots.get((case.video_id, time_s))
        if case.video_id is not None and time_s is not None
        else None
    )
    if shot is None or shot.pixels is None or case.video_id is None:
        return ShownCase(case, time_s=time_s, note=shot.note if shot else _no_picture(case))
    picture = draw_case(
        _grown(shot.pixels), _true_mark(case, videos[case.video_id]), found.marks(case)
    )
    return ShownCase(case, _jpeg(picture), (picture.shape[1], picture.shape[0]), time_s)


class _Found:
    """What the run has on the frames of some cases."""

    def __init__(self, judged: Judged, cases: Sequence[Case]) -> None:
        mask_rows, tracks = write.read_run(judged.storage, judged.dataset, judged.run_id)
        of_videos = pc.field("video_id").isin(
            pa.array({case.video_id for case in cases}, pa.string())
        )
        on_frames = pc.field("frame_index").isin(
            pa.array({case.frame_index for case in cases}, pa.int64())
        )
        columns = ["track_id", "text"]
        self._texts = {
            row["track_id"]: row["text"]
            for row in _rows(tracks.to_table(columns, filter=of_videos))
        }
        self._table = mask_rows.to_table([*marks.COLUMNS, "video_id"], filter=of_videos & on_frames)

    def marks(self, case: Case) -> list[Mark]:
        """The case's own track first, so that it keeps its colour; then those of the same text."""
        here = pc.and_(
            pc.equal(self._table["video_id"], case.video_id),
            pc.equal(self._table["frame_index"], case.frame_index),
        )
        rows = [row for row in _rows(self._table.filter(here)) if row["track_id"] in self._texts]
        own = [row for row in rows if row["track_id"] == case.track_id]
        like = [row for row in rows if row not in own and self._texts[row["track_id"]] == case.text]
        return [self._mark(number, row) for number, row in enumerate(own + like)]

    def _mark(self, number: int, row: dict[str, Any]) -> Mark:
        text, box = self._texts[row["track_id"]], tuple(row["box"])
        return Mark(number, text, row["score"], box, row["rle"], row["height"], row["width"])


def _rows(table: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _time_s(case: Case, videos: Mapping[str, TruthVideo]) -> float | None:
    video = videos.get(case.video_id or "")
    if video is None or case.frame_index is None:
        return None
    place = int(np.searchsorted(video.frame_index, case.frame_index))
    there = place < len(video.frame_index) and video.frame_index[place] == case.frame_index
    return float(video.time_s[place]) if there else None


def _no_picture(case: Case) -> str:
    return (
        ""
        if case.frame_index is None
        else "no picture: the index does not know where this video lies"
    )


def _true_mark(case: Case, video: TruthVideo) -> Mark | None:
    """The case's object as the truth has it on that frame; None where it has none, or nothing
    visible of it.
    """
    thing = next((thing for thing in video.objects if thing.object_id == case.object_id), None)
    if thing is None or (place := _place(thing, case)) is None:
        return None
    x0, y0, x1, y1 = map(float, thing.boxes[place])
    return Mark(
        0,
        _longest(thing.names) or case.text,
        1.0,
        (x0, y0, x1, y1),
        thing.rles[place],
        video.height,
        video.width,
    )


def _place(thing: TruthObject, case: Case) -> int | None:
    found = np.flatnonzero(thing.frame_index == case.frame_index)
    return int(found[0]) if len(found) and thing.visibility[found[0]] > 0 else None


def _longest(names: Sequence[str]) -> str:
    """The name that says most of the thing."""
    return max(names, key=len, default="")


def _grown(frame: Picture) -> Picture:
    """A small frame at up to twice its size, so that what is drawn on it is not coarse."""
    scale = min(max(_SIDE / frame.shape[1], 1.0), 2.0)
    size = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
    return (
        frame
        if scale == 1
        else np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    )


def _jpeg(picture: Picture) -> bytes:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    assert done
    return bytes(data.tobytes())
