"""pycocotools loads the file, and every mask comes out of it as it went in."""

import numpy as np
from exported import TEXTS, export, export_masks, some_masks, write_masks
from hypothesis import given, settings
from pycocotools.coco import COCO

from trawl.storage import Storage


@settings(max_examples=8, deadline=None)
@given(some_masks())
def test_masks_come_back_identical(found: np.ndarray) -> None:
    folder, cost = export_masks("coco", found)
    coco = COCO(str(folder / "train.json"))
    assert not cost
    expected = {
        (f"c1-{k}", 5 + t): found[k, t] for k, t in np.ndindex(found.shape[:2]) if found[k, t].any()
    }
    images = coco.imgs
    read = {
        (ann["track_id"], images[ann["image_id"]]["frame_index"]): ann for ann in coco.anns.values()
    }
    assert read.keys() == expected.keys()
    for key, mask in expected.items():
        ann = read[key]
        assert np.array_equal(coco.annToMask(ann).astype(bool), mask)
        assert ann["area"] == mask.sum()
        left, top, width, height = map(int, ann["bbox"])
        assert mask[top : top + height, left : left + width].sum() == mask.sum()
        assert coco.cats[ann["category_id"]]["name"] == TEXTS[int(key[0][-1]) % 2]
    assert len(images) == found.any(axis=(0, 2, 3)).sum(), "frames without an object are no images"


def test_ids_run_through_several_videos(local_storage: Storage, tmp_path) -> None:
    for video_id, clip_id in (("b.mp4", "b1"), ("a.mp4", "a1"), ("a.mp4", "a2")):
        first_index = 100 if clip_id == "a2" else 0
        write_masks(local_storage, video_id, clip_id, np.ones((2, 3, 4, 6), bool), first_index)
    export(local_storage, "coco", {"a.mp4": ["a1", "a2"], "b.mp4": ["b1"]}, tmp_path / "coco")
    coco = COCO(str(tmp_path / "coco" / "train.json"))
    assert sorted(coco.anns) == list(range(1, 19)) and sorted(coco.imgs) == list(range(1, 10))
    names = [coco.imgs[n]["file_name"] for n in (1, 4, 9)]
    assert names == ["a.mp4/00000.jpg", "a.mp4/00100.jpg", "b.mp4/00002.jpg"]
    assert [video["name"] for video in coco.dataset["videos"]] == ["a.mp4", "b.mp4"]
    assert coco.imgs[4]["time_s"] == 10.0
    in_a = {ann["instance_id"] for ann in coco.anns.values() if ann["video_id"] == 1}
    assert in_a == {1, 2, 3, 4}, "objects of two clips are different objects"


def test_results_of_a_detector_load_against_it() -> None:
    """What people do next: score detections against the exported masks."""
    from pycocotools.cocoeval import COCOeval

    found = np.zeros((1, 3, 40, 40), bool)
    found[:, :, 5:35, 5:35] = True
    folder, _ = export_masks("coco", found)
    coco = COCO(str(folder / "train.json"))
    wanted = ("image_id", "category_id", "segmentation", "score")
    scored = COCOeval(
        coco, coco.loadRes([{k: ann[k] for k in wanted} for ann in coco.anns.values()]), "segm"
    )
    scored.evaluate()
    scored.accumulate()
    scored.summarize()
    assert scored.stats[0] == 1.0
