"""Finds the fragments of the frames table that hold a video's rows, which a commit must replace.

The first look reads the column video_id once; afterwards a fragment is read when it is new. So the
commits of a run cost in proportion to their own rows, however large the table has grown. All of it
is taken from the table itself, never from the ledger: rows of a commit that the ledger never heard
of are found like any others. It stays true whoever else commits or compacts, because a fragment
never takes in another video, and its number is not used again. Names are kept as 64-bit hashes, 12
bytes for each video and fragment; a collision costs a look into a fragment for nothing.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trawl.storage import lance_faults

_LEVELS = 64  # of what was read since the first look; then they are made one


class Places:
    """Holds what one committer knows of one table.

    version: the newest that it has seen through to its end, 0 for none.
    """

    def __init__(self) -> None:
        self.version = 0
        self._read: set[int] = set()
        # hashes, increasing; their fragments
        self._levels: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]] = []

    def find(self, dataset: Any, video_ids: Iterable[str]) -> list[Any]:
        """The fragments of a Lance dataset, at whatever version, that may hold rows of these
        videos; no other does.

        Raises:
            StorageError: the storage failed.
        """
        wanted = np.unique(_hashes(video_ids))
        if not len(wanted):
            return []
        present = {fragment.fragment_id: fragment for fragment in dataset.get_fragments()}
        self._look(
            dataset, [fragment for number, fragment in present.items() if number not in self._read]
        )
        found: set[int] = set()
        for names, fragments in self._levels:
            first, end = np.searchsorted(names, wanted), np.searchsorted(names, wanted, "right")
            for start, stop in zip(first[first < end], end[first < end], strict=True):
                found.update(fragments[start:stop].tolist())
        return [present[number] for number in sorted(found) if number in present]

    def _look(self, dataset: Any, fragments: list[Any]) -> None:
        if not fragments:
            return
        with lance_faults(dataset.uri):
            scanner = dataset.scanner(
                columns=["video_id"], fragments=fragments, with_row_address=True
            )
            parts = [_videos_of(batch) for batch in scanner.to_batches() if batch.num_rows]
        if parts:
            self._levels.append(_sorted(parts))
        if len(self._levels) > _LEVELS:
            self._levels = [_sorted(self._levels)]
        self._read.update(fragment.fragment_id for fragment in fragments)


def _videos_of(batch: pa.RecordBatch) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """(hash of the name, fragment) once for each stretch of rows of one video in one fragment."""
    names = batch["video_id"].dictionary_encode()
    codes = names.indices.to_numpy()
    # A row's address: its fragment's id in the upper 32 bits, its place there in the lower.
    fragments = (batch["_rowaddr"].to_numpy() >> np.uint64(32)).astype(np.uint32)
    begins = np.append(True, (codes[1:] != codes[:-1]) | (fragments[1:] != fragments[:-1]))
    return _hashes(names.dictionary.to_pylist())[codes[begins]], fragments[begins]


def _sorted(
    parts: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]],
) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    names, fragments = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(names, kind="stable")
    return names[order], fragments[order]


def _hashes(names: Iterable[str]) -> NDArray[np.uint64]:
    data = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(data, np.uint64)
