"""Ground truth files opened as the product opens them, and what is in them as plain arrays."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from trawl import masks
from trawl.config.data import DatasetConfig, StorageConfig, TruthConfig
from trawl.evaluate.truth import Truth, open_truth
from trawl.evaluate.truth.indexed import IndexedVideo, IndexedVideos

FPS = 10.0


def index_of(
    *video_ids: str, size: tuple[int, int] = (30, 40), num_frames: int = 200
) -> IndexedVideos:
    """An index of videos of 10 frames a second; size: height and width."""
    facts = IndexedVideo(FPS, num_frames, num_frames / FPS, size[1], size[0])
    return IndexedVideos(dict.fromkeys(video_ids, facts))


def opened(
    place: Path | str,
    form: str,
    known: IndexedVideos,
    storage: StorageConfig | None = None,
    **more: Any,
) -> Truth:
    """more: of `dataset.truth`."""
    truth = TruthConfig(format=form, uri=str(place), **more)
    config = DatasetConfig(kind="folder", uri="/videos", truth=truth)
    return open_truth(config, storage or StorageConfig(root="unused"), known)


def masks_in(truth: Truth, video_id: str) -> dict[tuple[int, int], np.ndarray]:
    """(object_id, frame_index) -> mask; boxes are those of the masks."""
    video, found = truth.video(video_id), {}
    for one in video.objects:
        assert set(one.frame_index.tolist()) <= set(video.frame_index.tolist())
        for frame, box, rle in zip(one.frame_index.tolist(), one.boxes, one.rles, strict=True):
            found[one.object_id, frame] = masks.decode(str(rle), video.height, video.width)
            assert tuple(box) == masks.bounding_box(found[one.object_id, frame])
    return found


def same_masks(a: dict[Any, np.ndarray], b: dict[Any, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


def numbered(
    found: np.ndarray, kept: Callable[[np.ndarray], np.ndarray] = lambda m: m
) -> dict[tuple[int, int], Any]:
    """(K, T, H, W) as an export numbers it from 1: (number, frame_index) -> mask.

    Frames count from 5, as `exported` has it.
    """
    order = sorted(
        (k for k in range(len(found)) if found[k].any()), key=lambda k: (_first(found[k]), k)
    )
    left = kept(found)
    return {
        (number, 5 + t): left[k, t]
        for number, k in enumerate(order, 1)
        for t in range(found.shape[1])
        if left[k, t].any()
    }


def texts_of(truth: Truth) -> dict[str, dict[str, Iterable[int]]]:
    """text -> video_id -> object_ids of its one group."""
    return {
        query.text: {v: groups[0] for v, groups in query.groups.items()}
        for query in truth.queries()
    }


def _first(of_object: np.ndarray) -> int:
    return int(np.flatnonzero(of_object.any((1, 2)))[0])
