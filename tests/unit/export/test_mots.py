"""TrackEval's MOTS reader, which refuses overlaps, takes the files, and the masks come back."""

from pathlib import Path

import numpy as np
import pytest
from exported import export_masks, one_winner, read_stretches, some_masks, write_masks
from hypothesis import given, settings
from pycocotools import mask as coco_mask
from trackeval.datasets import MOTSChallenge

from trawl.errors import ConfigError
from trawl.export import mots
from trawl.storage import Storage


def read(folder: Path) -> MOTSChallenge:
    """The same file is ground truth and, under a tracker's name, its output."""
    (folder / "trackers" / "ours").mkdir(parents=True)
    for path in (folder / "train").iterdir():
        (folder / "trackers" / "ours" / f"{path.name}.txt").symlink_to(path / "gt" / "gt.txt")
    config = {
        "GT_FOLDER": str(folder / "train"),
        "SEQMAP_FILE": str(folder / "seqmaps" / "train.txt"),
    }
    config |= {
        "TRACKERS_FOLDER": str(folder / "trackers"),
        "TRACKERS_TO_EVAL": ["ours"],
        "TRACKER_SUB_FOLDER": "",
    }
    return MOTSChallenge(config | {"SKIP_SPLIT_FOL": True, "PRINT_CONFIG": False})


@settings(max_examples=8, deadline=None)
@given(some_masks())
def test_masks_come_back_with_each_pixel_once(found: np.ndarray) -> None:
    folder, cost = export_masks("mots", found)
    reader = read(folder)
    raw = reader.get_raw_seq_data("ours", reader.seq_list[0])
    kept = one_winner(found)
    assert cost["overlap_pixels"] == found.sum() - kept.sum()
    order = sorted(
        (k for k in range(len(found)) if found[k].any()),
        key=lambda k: (np.flatnonzero(found[k].any((1, 2)))[0], k),
    )
    hidden = 0
    for t in range(raw["num_timesteps"] - 5):
        there = [(number, k) for number, k in enumerate(order, 1) if kept[k, t].any()]
        hidden += sum(found[k, t].any() and not kept[k, t].any() for k in order)
        for kind in ("gt", "tracker"):
            decoded = [coco_mask.decode(rle).astype(bool) for rle in raw[f"{kind}_dets"][t + 5]]
            assert all(map(np.array_equal, decoded, [kept[k, t] for _, k in there])) and len(
                decoded
            ) == len(there)
            assert raw[f"{kind}_ids"][t + 5].tolist() == [
                1000 * (1 + k % 2) + number for number, k in there
            ]
    assert cost["hidden"] == hidden


def test_masks_that_do_not_overlap_are_untouched() -> None:
    found = np.zeros((2, 3, 10, 12), bool)
    found[0, :, :5], found[1, :, 5:] = True, True
    folder, cost = export_masks("mots", found)
    assert (
        not cost
        and len((next((folder / "train").iterdir()) / "gt" / "gt.txt").read_text().splitlines())
        == 6
    )


def test_class_two_is_scored_as_the_benchmarks_pedestrian() -> None:
    from trackeval.metrics import HOTA

    found = np.zeros((2, 5, 30, 40), bool)
    found[1, :, 5:20, 5:20] = True  # a red star, class 2
    found[0, 0, 25, 25] = True
    reader = read(export_masks("mots", found)[0])
    data = reader.get_preprocessed_seq_data(
        reader.get_raw_seq_data("ours", reader.seq_list[0]), "pedestrian"
    )
    assert data["num_gt_ids"] == 1 and np.mean(HOTA().eval_sequence(data)["HOTA"]) == 1.0


def test_what_ids_have_no_room_for_is_refused(
    local_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_masks(local_storage, "a.mp4", "c1", np.ones((3, 1, 4, 4), bool))
    found = read_stretches(local_storage, {"a.mp4": ["c1"]}, by_clip=False)
    with pytest.raises(ConfigError, match="ignore"):
        mots.write(found, {10: "a red star"}, lambda name, data: None)
    monkeypatch.setattr(mots, "MOST_OBJECTS", 2)
    with pytest.raises(ConfigError, match=r"a\.mp4 has 3 objects"):
        mots.write(found, {1: "a red star"}, lambda name, data: None)
