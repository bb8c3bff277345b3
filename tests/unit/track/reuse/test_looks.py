"""Each crop is embedded once, and alone."""

from pathlib import Path

import numpy as np

from trawl.config.data import StorageConfig
from trawl.schemas import SEEN
from trawl.storage import Storage
from trawl.track.reuse.looks import remembering
from trawl.track.reuse.shelf import Shelf
from trawl.track.reuse.tally import Tally


def test_known_crops_are_not_embedded_again(tmp_path: Path) -> None:
    asked: list[int] = []

    def embed(crops: list[np.ndarray]) -> np.ndarray:
        asked.append(len(crops))
        return np.array([[crop.mean() / 3, 0.1] for crop in crops], np.float32)

    crops = [np.full((2, 3, 3), n, np.uint8) for n in (1, 2, 1)] + [np.full((3, 2, 3), 1, np.uint8)]
    truth = embed(crops)
    asked.clear()
    shelf = Shelf(Storage.open(StorageConfig(root=str(tmp_path))), "seen", SEEN)
    tally = Tally()
    assert np.array_equal(remembering(embed, shelf, tally)(crops), truth)
    assert asked == [1, 1, 1]
    shelf.save()
    later = Shelf(Storage.open(StorageConfig(root=str(tmp_path))), "seen", SEEN)
    found = remembering(embed, later, tally)(crops)
    assert found.dtype == np.float32 and np.array_equal(found, truth)
    assert asked == [1, 1, 1]
    assert (tally.made["crops"], tally.saved["crops"]) == (3, 5)
