"""Draws the frame of each case, with the ground truth and the run's tracks on it.

The ground truth is a dashed white outline; the run's tracks are drawn in colour by the same overlay
as everywhere else, so the two cannot be confused. A video that is gone, has changed or does not
decode costs only its pictures, and a note gives the reason. Beside the case's own track, those of
the same text are drawn, because a missed object is best understood by what was followed instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trawl import masks
from trawl.config.data import DecodeConfig, StorageConfig
from trawl.decode.desk import PictureDesk, Shot
from trawl.draw import marks
from trawl.draw.overlay import (
    Mark,
    Overlay,
    Pen,
    Picture,
    dashes,
    enlarged,
    fitted,
    free_place,
    scaled_box,
    to_jpeg,
)
from trawl.draw.palette import Rgb
from trawl.evaluate.page.page import ShownCase
from trawl.evaluate.truth import Truth
from trawl.records.search import Source
from trawl.records.truth import Case, TruthVideo
from trawl.storage import Storage
from trawl.track import tables

_WIDTH = 480  # pixels; a small video grows to twice its size at most
_JPEG_QUALITY = 82
_WHITE: Rgb = (255, 255, 255)
_DARK: Rgb = (16, 18, 22)
_PAD = 4  # pixels around the label's text
_TEXT_CHARS = 40


@dataclass(frozen=True, slots=True)
class EvaluatedRun:
    """Names a tracking run and the ground truth that it is measured against."""

    storage: Storage
    dataset: str
    run_id: str
    truth: Truth


def picture_cases(
    run: EvaluatedRun,
    cases: Sequence[Case],
    sources: Mapping[str, Source],
    decode: DecodeConfig,
    files: StorageConfig,
) -> list[ShownCase]:
    """Return each case with its picture, in their order.

    Args:
        sources: Where the videos are, by video_id; a video that is missing here has no picture.
        files: How the videos are opened.

    Raises:
        StorageError: The run cannot be read.
    """
    with_frame = {
        case.video_id
        for case in cases
        if case.video_id is not None and case.frame_index is not None
    }
    annotated = with_frame & set(run.truth.video_ids())
    videos = {video_id: run.truth.video(video_id) for video_id in sorted(annotated)}
    times = [_time_s(case, videos) for case in cases]
    times_of_video: dict[str, set[float]] = {}
    for case, time_s in zip(cases, times, strict=True):
        if case.video_id is not None and case.video_id in sources and time_s is not None:
            times_of_video.setdefault(case.video_id, set()).add(time_s)
    shots: dict[tuple[str, float], Shot] = {}
    if times_of_video:
        requests = {video_id: sorted(times_s) for video_id, times_s in times_of_video.items()}
        with PictureDesk(decode, files) as desk:
            shots = desk.fetch(requests, sources, _WIDTH)
    tracks = _Tracks(run, [case for case in cases if case.video_id in times_of_video])
    return [
        _shown(case, time_s, shots, videos, tracks)
        for case, time_s in zip(cases, times, strict=True)
    ]


def draw_case(frame: Picture, truth: Mark | None, tracks: Sequence[Mark]) -> Picture:
    """Return a copy of `frame` with the ground truth and the tracks drawn on it.

    Args:
        frame: The frame of the case, at any scale.
        truth: The true object, whose `text` is its name, or None if there is none.
        tracks: The run's objects on that frame, with numbers that all differ.
    """
    taken: list[tuple[int, int, int, int]] = []
    canvas = frame.copy()
    scale = max(1.0, min(canvas.shape[:2]) / 480)
    if truth is not None:  # its label takes its place before the run's labels do
        place = _label_place(truth, canvas, scale)
        taken.append(place)
    canvas = Overlay(0).draw(canvas, 0.0, tracks, taken)
    if truth is not None:
        for outline in _outlines(truth, canvas):
            for width, shade in ((4 * scale, _DARK), (2 * scale, _WHITE)):
                for a, b in dashes(outline, 6 * scale):
                    cv2.line(canvas, a, b, shade, round(width), cv2.LINE_AA)
        corner = place[0] + _PAD, place[1] + _PAD
        cv2.rectangle(canvas, place[:2], place[2:], _WHITE, -1)
        Pen().write(canvas, _label(truth), corner, round(13 * scale), _DARK)
    return canvas


def _shown(
    case: Case,
    time_s: float | None,
    shots: Mapping[tuple[str, float], Shot],
    videos: Mapping[str, TruthVideo],
    tracks: "_Tracks",
) -> ShownCase:
    if case.video_id is None or time_s is None or (case.video_id, time_s) not in shots:
        no_source = "no picture: the index does not know where this video is"
        return ShownCase(case, time_s=time_s, note="" if case.frame_index is None else no_source)
    shot = shots[case.video_id, time_s]
    if shot.pixels is None:
        return ShownCase(case, time_s=time_s, note=shot.note)
    frame = enlarged(shot.pixels, shot.pixels.shape[1], _WIDTH)
    picture = draw_case(frame, _true_mark(case, videos[case.video_id]), tracks.marks(case))
    size = picture.shape[1], picture.shape[0]
    return ShownCase(case, to_jpeg(picture, _JPEG_QUALITY), size, time_s)


class _Tracks:
    """Holds the run's tracks on the frames of some cases."""

    def __init__(self, run: EvaluatedRun, cases: Sequence[Case]) -> None:
        mask_rows, tracks = tables.read_run(run.storage, run.dataset, run.run_id)
        of_videos = pc.field("video_id").isin(
            pa.array({case.video_id for case in cases}, pa.string())
        )
        on_frames = pc.field("frame_index").isin(
            pa.array({case.frame_index for case in cases}, pa.int64())
        )
        texts = tracks.to_table(["track_id", "text"], filter=of_videos).to_pylist()
        self._texts = {row["track_id"]: row["text"] for row in texts}
        self._table = mask_rows.to_table([*marks.COLUMNS, "video_id"], filter=of_videos & on_frames)

    def marks(self, case: Case) -> list[Mark]:
        """Return the case's own track first, so that it keeps its colour, then others of its text."""
        on_frame = pc.and_(
            pc.equal(self._table["video_id"], case.video_id),
            pc.equal(self._table["frame_index"], case.frame_index),
        )
        rows = self._table.filter(on_frame).to_pylist()
        rows = [
            row
            for row in rows
            if row["track_id"] in self._texts
            and (row["track_id"] == case.track_id or self._texts[row["track_id"]] == case.text)
        ]
        rows.sort(key=lambda row: row["track_id"] != case.track_id)
        return [self._mark(number, row) for number, row in enumerate(rows)]

    def _mark(self, number: int, row: dict[str, Any]) -> Mark:
        text, box = self._texts[row["track_id"]], tuple(row["box"])
        return Mark(number, text, row["score"], box, row["rle"], row["height"], row["width"])


def _time_s(case: Case, videos: Mapping[str, TruthVideo]) -> float | None:
    video = videos.get(case.video_id or "")
    if video is None or case.frame_index is None:
        return None
    rows = np.flatnonzero(video.frame_index == case.frame_index)
    return float(video.time_s[rows[0]]) if len(rows) else None


def _true_mark(case: Case, video: TruthVideo) -> Mark | None:
    """Return the case's true object on its frame, or None if nothing of it is visible there."""
    for truth in video.objects:
        rows = np.flatnonzero(truth.frame_index == case.frame_index)
        if truth.object_id == case.object_id and len(rows) and truth.visibility[rows[0]] > 0:
            x0, y0, x1, y1 = map(float, truth.boxes[rows[0]])
            name = max(truth.names, key=len, default="") or case.text  # the most specific name
            rle = truth.rles[rows[0]]
            return Mark(0, name, 1.0, (x0, y0, x1, y1), rle, video.height, video.width)
    return None


def _outlines(mark: Mark, canvas: Picture) -> list[list[tuple[float, float]]]:
    """Return closed lines around the mask, or the box if there is no mask, in the canvas's pixels."""
    if mark.rle is None:
        x0, y0, x1, y1 = scaled_box(mark, canvas)
        return [[(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]]
    mask = fitted(masks.decode(mark.rle, mark.height, mark.width), canvas)
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [
        [(float(x), float(y)) for x, y in np.concatenate([contour, contour[:1]])[:, 0]]
        for contour in contours
    ]


def _label(mark: Mark) -> str:
    text = f"truth: {mark.text}"
    return text if len(text) <= _TEXT_CHARS else text[: _TEXT_CHARS - 1] + "…"


def _label_place(mark: Mark, canvas: Picture, scale: float) -> tuple[int, int, int, int]:
    """Return a place below the object if there is room, because the run's labels go above."""
    width, height = Pen().size(_label(mark), round(13 * scale))
    full_width, full_height = width + 2 * _PAD, height + 2 * _PAD
    x0, _, x1, y1 = scaled_box(mark, canvas)
    below = (x0, y1 + full_height + 4, x1, y1)
    x, y = free_place(below, (full_width, full_height), canvas, [])
    return x, y, x + full_width, y + full_height
