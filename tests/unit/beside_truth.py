"""Small drawn scenes: a clip, what is truly in it, and what was followed, for tests of the
measurements.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from trawl import masks
from trawl.config.steps import EvaluationConfig
from trawl.evaluate.clip import ClipQuery, EvaluatedClip, FollowedTrack
from trawl.evaluate.pairing import PairedClip, pair
from trawl.records.truth import TruthObject, TruthVideo

SIZE = (60, 80)  # height, width
FPS = 10.0
STAR = "a red star"

# frame -> (H, W) bool; None: there and wholly hidden, or a row without a mask
Film = Mapping[int, np.ndarray | None]


def square(left: int, top: int = 10, side: int = 20, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size, np.bool_)
    mask[max(top, 0) : top + side, max(left, 0) : left + side] = True
    return mask


def moving(frames: int, step: int = 2, start: int = 5, **more: int) -> dict[int, np.ndarray | None]:
    return {n: square(start + step * n, **more) for n in range(frames)}


def truth(
    object_id: int, film: Film, names: Sequence[str] = ("red star",), visibility: float = 1.0
) -> TruthObject:
    return TruthObject(
        object_id,
        tuple(names),
        np.array(sorted(film), np.int64),
        _boxes(film),
        tuple(
            masks.encode(np.zeros(SIZE, bool) if film[n] is None else film[n]) for n in sorted(film)
        ),
        np.array([0.0 if film[n] is None else visibility for n in sorted(film)], np.float32),
    )


def boxes_only(one: TruthObject) -> TruthObject:
    return TruthObject(
        one.object_id,
        one.names,
        one.frame_index,
        one.boxes,
        (None,) * len(one.rles),
        one.visibility,
    )


def track(
    track_id: str,
    film: Film,
    score: float = 0.5,
    text: str = STAR,
    flags: Mapping[int, tuple[str, ...]] | None = None,
) -> FollowedTrack:
    return FollowedTrack(
        track_id,
        text,
        score,
        np.array(sorted(film), np.int64),
        _boxes(film),
        tuple(None if film[n] is None else masks.encode(film[n]) for n in sorted(film)),
        np.linspace(0.5, 0.9, len(film)).astype(np.float32),
        tuple((flags or {}).get(n, ()) for n in sorted(film)),
    )


def clip(
    objects: Sequence[TruthObject],
    tracks: Sequence[FollowedTrack],
    frames: int = 10,
    queries: Sequence[ClipQuery] | None = None,
    clip_id: str = "c1",
    video_id: str = "a.mp4",
) -> EvaluatedClip:
    """queries: None: all objects are wanted as a red star."""
    video = TruthVideo(video_id, *SIZE, np.arange(frames), np.arange(frames) / FPS, tuple(objects))
    queries = [ClipQuery(STAR, tuple(o.object_id for o in objects))] if queries is None else queries
    return EvaluatedClip(clip_id, video, np.arange(frames), tuple(queries), tuple(tracks))


def paired(*args, config: EvaluationConfig | None = None, **more) -> PairedClip:
    """`clip` with its tracks told apart."""
    return pair(clip(*args, **more), config or EvaluationConfig())


def random_film(
    rng: np.random.Generator, frames: int, gone: float = 0.2
) -> dict[int, np.ndarray | None]:
    """A blob that walks about; on some frames it is not there."""
    place, step, film = rng.uniform(0, 40, 2), rng.uniform(-3, 3, 2), {}
    for n in range(frames):
        place = place + step + rng.normal(0, 1, 2)
        if rng.random() > gone:
            mask = square(int(place[0]), int(place[1]), int(rng.integers(8, 25)))
            mask &= rng.random(SIZE) > 0.05
            if mask.any():
                film[n] = mask
    return film or {0: square(1)}


def near(film: Film, rng: np.random.Generator, most: int = 4) -> dict[int, np.ndarray | None]:
    """The film, moved a little and with frames missing."""
    dx, dy = rng.integers(-most, most + 1, 2)
    moved = {n: np.roll(mask, (dy, dx), (0, 1)) for n, mask in film.items() if rng.random() > 0.1}
    return moved or dict(film)


def values(measured, where: str = "all") -> dict[str, float | None]:
    return {m.name: m.value for m in measured.metrics if m.slice == where}


def _boxes(film: Film) -> np.ndarray:
    boxes = [(0, 0, 0, 0) if film[n] is None else masks.bounding_box(film[n]) for n in sorted(film)]
    return np.array(boxes, np.float32).reshape(-1, 4)
