"""TrackEval's YouTube-VIS reader takes annotations and submission, and both hold the masks as they
went in.
"""

import json
from pathlib import Path

import numpy as np
from exported import export_masks, some_masks
from hypothesis import given, settings
from pycocotools import mask as coco_mask
from trackeval.datasets import YouTubeVIS


def read(folder: Path) -> YouTubeVIS:
    """The reader looks for <folder>youtube_vis_<split>/ and for one file in each tracker's folder."""
    for path in ("gt/youtube_vis_train", "trackers/youtube_vis_train"):
        (folder / path).mkdir(parents=True)
    (folder / "gt" / "youtube_vis_train" / "x.json").symlink_to(folder / "train" / "instances.json")
    (folder / "trackers" / "youtube_vis_train" / "ours").symlink_to(folder / "results")
    config = {
        "GT_FOLDER": f"{folder}/gt/",
        "TRACKERS_FOLDER": f"{folder}/trackers/",
        "PRINT_CONFIG": False,
    }
    return YouTubeVIS(
        config | {"SPLIT_TO_EVAL": "train", "TRACKERS_TO_EVAL": ["ours"], "TRACKER_SUB_FOLDER": ""}
    )


@settings(max_examples=8, deadline=None)
@given(some_masks())
def test_masks_come_back_identical(found: np.ndarray) -> None:
    folder, _ = export_masks("ytvis", found)
    reader = read(folder)
    times = np.flatnonzero(found.any(axis=(0, 2, 3)))
    raw = reader.get_raw_seq_data("ours", reader.seq_list[0])
    assert raw["num_timesteps"] == len(times)
    there = [k for k in range(len(found)) if found[k].any()]
    for position, t in enumerate(times):
        expected = [
            found[k, t]
            for k in sorted(there, key=lambda k: (np.flatnonzero(found[k].any((1, 2)))[0], k))
        ]
        expected = [mask for mask in expected if mask.any()]
        for kind in ("gt_dets", "tracker_dets"):
            masks = [coco_mask.decode(rle).astype(bool) for rle in raw[kind][position]]
            assert len(masks) == len(expected) and all(map(np.array_equal, masks, expected))
    document = json.loads((folder / "train" / "instances.json").read_text())
    assert document["videos"][0]["file_names"][0].endswith(f"-c1/{5 + times[0]:05d}.jpg")
    assert sorted(a["track_id"] for a in document["annotations"]) == [f"c1-{k}" for k in there]


def test_an_absent_object_is_null_and_the_score_is_the_mean() -> None:
    found = np.ones((2, 4, 6, 8), bool)
    found[1, 1:3] = False
    folder, _ = export_masks("ytvis", found)
    document = json.loads((folder / "train" / "instances.json").read_text())
    ring, star = document["annotations"]
    assert star["areas"] == [48, None, None, 48] and ring["areas"] == [48] * 4
    assert star["bboxes"][0] == [0, 0, 8, 6] and star["segmentations"][1] is None
    assert [
        round(r["score"], 5) for r in json.loads((folder / "results" / "train.json").read_text())
    ] == [0.5, 0.6]


def test_ytvis_evaluates_to_perfect() -> None:
    from trackeval.metrics import HOTA

    found = np.zeros((1, 5, 30, 30), bool)
    found[0, :, 5:20, 5:20] = True
    reader = read(export_masks("ytvis", found)[0])
    raw = reader.get_raw_seq_data("ours", reader.seq_list[0])
    data = reader.get_preprocessed_seq_data(raw, "a blue ring")
    assert np.mean(HOTA().eval_sequence(data)["HOTA"]) == 1.0
