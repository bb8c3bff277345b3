"""TrackEval's DAVIS reader and PIL take the PNGs, and the masks come back."""

from pathlib import Path

import numpy as np
import pytest
from exported import export_masks, one_winner, read_stretches, some_masks, write_masks
from hypothesis import given, settings
from PIL import Image
from pycocotools import mask as coco_mask
from trackeval.datasets import DAVIS

from trawl.errors import ConfigError
from trawl.export import davis
from trawl.storage import Storage


def read(folder: Path) -> DAVIS:
    annotations = folder / "Annotations" / "Full-Resolution"
    (folder / "trackers" / "ours").mkdir(parents=True)
    (folder / "trackers" / "ours" / "data").symlink_to(annotations)
    config = {
        "GT_FOLDER": str(annotations),
        "TRACKERS_FOLDER": str(folder / "trackers"),
        "PRINT_CONFIG": False,
    }
    return DAVIS(config | {"SEQMAP_FILE": str(folder / "ImageSets" / "2017" / "train.txt")})


@settings(max_examples=8, deadline=None)
@given(some_masks())
def test_masks_come_back_with_each_pixel_once(found: np.ndarray) -> None:
    folder, cost = export_masks("davis", found)
    kept, times = one_winner(found), np.flatnonzero(found.any(axis=(0, 2, 3)))
    assert cost["overlap_pixels"] == found.sum() - kept.sum()
    order = sorted(
        (k for k in range(len(found)) if found[k].any()),
        key=lambda k: (np.flatnonzero(found[k].any((1, 2)))[0], k),
    )
    reader = read(folder)
    raw = reader.get_raw_seq_data("ours", reader.seq_list[0])
    assert raw["num_timesteps"] == len(times)
    for position, t in enumerate(times):
        there = [(number, k) for number, k in enumerate(order, 1) if kept[k, t].any()]
        decoded = [coco_mask.decode(rle).astype(bool) for rle in raw["gt_dets"][position]]
        assert raw["gt_ids"][position].tolist() == [number for number, _ in there]
        assert all(map(np.array_equal, decoded, [kept[k, t] for _, k in there])) and len(
            decoded
        ) == len(there)


def test_pngs_are_indexed_in_the_colours_of_davis() -> None:
    found = np.zeros((2, 3, 10, 12), bool)
    found[0, :, :5], found[1, [0, 2], 5:] = True, True
    folder, cost = export_masks("davis", found)
    files = sorted((folder / "Annotations" / "Full-Resolution").rglob("*.png"))
    assert [file.name for file in files] == ["00005.png", "00006.png", "00007.png"] and not cost
    with Image.open(files[0]) as picture:
        assert picture.mode == "P" and np.array_equal(
            np.array(picture), found[0, 0] + 2 * found[1, 0]
        )
        assert picture.convert("RGB").getpixel((0, 0)) == (128, 0, 0)
        assert picture.convert("RGB").getpixel((0, 9)) == (0, 128, 0)
    with Image.open(files[1]) as picture:
        assert set(np.unique(np.array(picture))) == {0, 1}
    assert (folder / "ImageSets" / "2017" / "train.txt").read_text().split() == [
        files[0].parent.name
    ]
    assert files[0].parent.name.endswith("-c1"), "a sequence is a clip"


def test_the_palette_is_that_of_pascal_voc() -> None:
    known = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        5: (128, 0, 128),
        8: (64, 0, 0),
        15: (192, 128, 128),
        20: (0, 64, 128),
    }
    assert {index: tuple(davis.PALETTE[index].tolist()) for index in known} == known
    assert (
        tuple(davis.PALETTE[255].tolist()) == (224, 224, 192)
        and len(np.unique(davis.PALETTE, axis=0)) == 256
    )


def test_more_objects_than_a_palette_holds_are_refused(
    local_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(davis, "MOST_OBJECTS", 2)
    write_masks(local_storage, "a.mp4", "c1", np.ones((3, 1, 4, 4), bool))
    with pytest.raises(ConfigError, match=r"a\.mp4 has 3 objects"):
        davis.write(
            read_stretches(local_storage, {"a.mp4": ["c1"]}, by_clip=True),
            {},
            lambda name, data: None,
        )
