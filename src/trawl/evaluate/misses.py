"""Collects the worst cases of objects and tracks, each with the frame that shows it best.

missed      an object that nobody followed. Severity: seconds in sight, where a half-hidden second
            counts half.
poor        an object whose track overlaps it by less than 0.75 on average. Severity: 1 minus that.
false       a track of nothing that the text names. Severity: its grounding score.
duplicate   a track of an object that another track follows better. Severity: its grounding score.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trawl.config.steps import EvaluationConfig
from trawl.evaluate.measured import Measured
from trawl.evaluate.overlap import positions
from trawl.evaluate.pairing import PairedClip, PairedText
from trawl.records.truth import Case, TruthObject

_POOR = 0.75  # mean IoU


class Misses:
    """Collects cases clip by clip, and keeps as many of each kind as will be shown."""

    def __init__(self, config: EvaluationConfig) -> None:
        self._match_iou = config.match_iou
        self._most = config.worst
        self._worst: dict[str, list[Case]] = {
            "missed": [],
            "poor": [],
            "false": [],
            "duplicate": [],
        }

    def add(self, paired: PairedClip) -> None:
        for text in paired.texts:
            for case in (*self._objects(text), *self._tracks(text)):
                self._worst[case.kind].append(case)
        for kind, cases in self._worst.items():
            cases.sort(
                key=lambda case: (
                    -case.severity,
                    case.video_id,
                    case.frame_index,
                    case.text,
                    case.track_id or "",
                )
            )
            self._worst[kind] = cases[: self._most]

    def measured(self) -> Measured:
        return Measured(cases=[case for cases in self._worst.values() for case in cases])

    def _objects(self, text: PairedText) -> Iterator[Case]:
        clip, mean = text.clip, text.overlap.mean()
        for position in range(text.num_targets):
            truth, n, visible = (
                text.objects[position],
                text.track_of.get(position),
                text.overlap.visible[:, position],
            )
            visibility = np.where(visible, truth.visibility[positions(clip, truth)], 0.0)
            if n is None:
                seconds = float(visibility.mean()) * clip.duration_s
                message = (
                    f"in sight for {clip.duration_s * float(visible.mean()):.1f} s, and "
                    "nobody followed it"
                )
                yield _case("missed", text, seconds, message, int(visibility.argmax()), truth)
            elif mean[position, n] < _POOR:
                iou = text.overlap.iou[:, position, n]
                frame = int(np.lexsort((-visibility, np.where(visible, iou, np.inf)))[0])
                message = (
                    f"its track overlaps it by {mean[position, n]:.2f} on average, and by "
                    f"{iou[frame]:.2f} here"
                )
                yield _case(
                    "poor",
                    text,
                    1 - float(mean[position, n]),
                    message,
                    frame,
                    truth,
                    text.tracks[n].track_id,
                )

    def _tracks(self, text: PairedText) -> Iterator[Case]:
        mean, matched = text.overlap.mean(), {n: k for k, n in text.track_of.items()}
        false = set(text.false_tracks(self._match_iou))
        for n, track in enumerate(text.tracks):
            if n in false:
                frame = _surest(text, n)
                message = f"grounded with {track.score:.2f}: {self._followed(text, n)}"
                yield _case("false", text, track.score, message, frame, None, track.track_id)
            elif (
                n not in matched and mean[: text.num_targets, n].max(initial=0.0) >= self._match_iou
            ):
                k = int(mean[: text.num_targets, n].argmax())
                frame = int(text.overlap.iou[:, k, n].argmax())
                message = (
                    f"overlaps an object by {mean[k, n]:.2f} that another track follows better"
                )
                yield _case(
                    "duplicate", text, track.score, message, frame, text.objects[k], track.track_id
                )

    def _followed(self, text: PairedText, n: int) -> str:
        """Describe what a false track follows in fact."""
        mean = text.others.mean()[:, n]
        if mean.max(initial=0.0) < self._match_iou:
            return "nothing that the truth knows is there"
        truth = text.clip.video.objects[int(mean.argmax())]
        return (
            f"what it follows is called {max(truth.names, key=len)}"
            if truth.names
            else f"it follows object {truth.object_id}"
        )


def _surest(text: PairedText, n: int) -> int:
    """Return the frame of a track's best mask."""
    track, at = text.tracks[n], positions(text.clip, text.tracks[n])
    scores: NDArray[np.float64] = np.where(
        at >= 0, track.scores[at] if len(track.scores) else -1.0, -1.0
    )
    return int(scores.argmax())


def _case(
    kind: str,
    text: PairedText,
    severity: float,
    message: str,
    frame: int,
    truth: TruthObject | None,
    track_id: str | None = None,
) -> Case:
    return Case(
        kind=kind,
        text=text.query.text,
        severity=severity,
        message=message,
        video_id=text.clip.video.video_id,
        frame_index=int(text.clip.frame_index[frame]),
        object_id=None if truth is None else truth.object_id,
        track_id=track_id,
    )
