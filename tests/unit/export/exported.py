"""A small run written and read back, as the formats are handed it; and one format's files on a
disk.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tracked import LINEAGE, RUN, clip, row, track

from trawl.config.data import StorageConfig
from trawl.export import filters
from trawl.export.job import FORMATS
from trawl.export.stretch import Stretch, categories_of, stretches
from trawl.storage import Storage
from trawl.track import tables as write

TEXTS = ("a blue ring", "a red star")
# gone when the tests are; hypothesis allows no tmp_path
_ROOM = tempfile.TemporaryDirectory(prefix="trawl-export-")


@st.composite
def some_masks(draw: st.DrawFn) -> np.ndarray:
    """(K, T, H, W) bool, objects that overlap, vanish and touch the border, at least one pixel in
    all.
    """
    shape = tuple(draw(st.integers(1, most)) for most in (3, 4, 9, 9))
    found = draw(arrays(np.bool_, shape, elements=st.booleans()))
    if not found.any():
        found[0, 0, 0, 0] = True
    return found


def write_masks(
    storage: Storage, video_id: str, clip_id: str, found: np.ndarray, first_index: int = 5
) -> None:
    """found (K, T, H, W): object k is named by TEXTS[k % 2] and scores 0.5 + k / 10; no row where
    its mask is empty.
    """
    tracks = []
    for k, of_object in enumerate(found):
        rows = [
            row(first_index + t, mask, 0.5 + k / 10)
            for t, mask in enumerate(of_object)
            if mask.any()
        ]
        if rows:
            tracks.append(track(k, rows, found.shape[2:], TEXTS[k % 2]))
    write.write_clip(storage, "demo", RUN, clip(clip_id, video_id, TEXTS), tracks, LINEAGE)


def read_stretches(
    storage: Storage,
    clips: Mapping[str, Sequence[str]],
    by_clip: bool,
    split: str = "train",
    where: str | None = None,
) -> list[Stretch]:
    """clips: video_id -> clip_ids."""
    found = []
    for video_id in sorted(clips):
        parts = write.read_run(storage, "demo", RUN, clips[video_id])
        rows, frames = filters.select(*parts, where), filters.looked_at(*parts)
        found += stretches(rows, frames, split, categories_of(set(TEXTS), {}), by_clip)
    return found


def export(
    storage: Storage, name: str, clips: Mapping[str, Sequence[str]], folder: Path
) -> Counter[str]:
    """Write one format's files below `folder`."""
    form = FORMATS[name]

    def put(file: str, data: bytes) -> None:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        assert not path.exists()
        path.write_bytes(data)

    categories = {number: text for text, number in categories_of(set(TEXTS), {}).items()}
    return form.write(read_stretches(storage, clips, form.by_clip), categories, put)


def export_masks(name: str, found: np.ndarray) -> tuple[Path, Counter[str]]:
    """One clip `c1` of the video `cam 1/a.mp4`, from frame 5 on, through writer, reader and format,
    in a new folder.
    """
    folder = Path(tempfile.mkdtemp(dir=_ROOM.name))
    storage = Storage.open(StorageConfig(root=str(folder / "root")))
    write_masks(storage, "cam 1/a.mp4", "c1", found)
    cost = export(storage, name, {"cam 1/a.mp4": ["c1"]}, folder / name)
    return folder / name, cost


def one_winner(found: np.ndarray) -> np.ndarray:
    """(K, T, H, W) bool where the last object, which scores highest, keeps a pixel that several
    have.
    """
    above = np.cumsum(found[::-1], axis=0)[::-1] - found
    return found & (above == 0)
