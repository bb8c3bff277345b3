"""Videos of masks: our export and a file as the benchmark has it, read as TrackEval and pycocotools
read them.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated import index_of, masks_in, opened, same_masks, texts_of
from exported import export, export_masks, some_masks, write_masks
from hypothesis import given, settings
from pycocotools import mask as coco_mask

from trawl.errors import TruthError
from trawl.storage import Storage

VIDEO = "cam 1/a.mp4"


@settings(max_examples=8, deadline=None)
@given(some_masks())
def test_our_export_comes_back(found: np.ndarray) -> None:
    folder, _ = export_masks("ytvis", found)
    truth = opened(folder, "ytvis", index_of(VIDEO, size=found.shape[2:]))
    raw = json.loads((folder / "train" / "instances.json").read_text())
    frames = [int(name[-9:-4]) for name in raw["videos"][0]["file_names"]]
    expected = {}
    for item in raw["annotations"]:
        k = int(item["track_id"].rpartition("-")[2])
        expected |= {
            (item["id"], frame): found[k, frame - 5]
            for frame in frames
            if found[k, frame - 5].any()
        }
    assert same_masks(masks_in(truth, VIDEO), expected) and len(expected) == found.any((2, 3)).sum()
    assert truth.video(VIDEO).frame_index.tolist() == frames, "also those without an object"


def test_clips_of_a_video_are_joined(local_storage: Storage, tmp_path: Path) -> None:
    for clip_id, first_index in (("c1", 0), ("c2", 50)):
        write_masks(local_storage, "a.mp4", clip_id, np.ones((2, 3, 4, 6), bool), first_index)
    export(local_storage, "ytvis", {"a.mp4": ["c1", "c2"]}, tmp_path)
    truth = opened(tmp_path, "ytvis", index_of("a.mp4"), part="train")
    video = truth.video("a.mp4")
    assert video.frame_index.tolist() == [0, 1, 2, 50, 51, 52]
    assert [item.frame_index.tolist() for item in video.objects] == [[0, 1, 2]] * 2 + [
        [50, 51, 52]
    ] * 2
    assert texts_of(truth) == {"a blue ring": {"a.mp4": (1, 3)}, "a red star": {"a.mp4": (2, 4)}}


def benchmark() -> dict[str, Any]:
    """As YouTube-VIS has it: every fifth frame, one mask missing, a crowd."""
    mask = np.zeros((30, 40), np.uint8, order="F")
    mask[3:9, 5:20] = 1
    flat = mask.ravel(order="F")
    turns = np.flatnonzero(np.diff(flat)) + 1
    coded = {"size": [30, 40], "counts": np.diff([0, *turns, flat.size]).tolist()}
    video = {"id": 1, "width": 40, "height": 30, "length": 3}
    video["file_names"] = [f"00f88c4f0a/{n:05d}.jpg" for n in (0, 5, 10)]
    item = {
        "id": 1,
        "video_id": 1,
        "category_id": 22,
        "iscrowd": 0,
        "segmentations": [coded, None, coded],
    }
    item["bboxes"] = [[5, 3, 15, 6], None, [5, 3, 15, 6]]
    crowd = item | {"id": 2, "iscrowd": 1}
    return {
        "videos": [video],
        "annotations": [item, crowd],
        "categories": [{"id": 22, "name": "parrot"}],
    }


def written(tmp_path: Path, content: dict[str, Any]) -> Path:
    (tmp_path / "instances.json").write_text(json.dumps(content))
    return tmp_path / "instances.json"


def test_the_benchmarks_own_form(tmp_path: Path) -> None:
    truth = opened(written(tmp_path, benchmark()), "ytvis", index_of("videos/00f88c4f0a.mp4"))
    (video_id,) = truth.video_ids()
    video = truth.video(video_id)
    assert video_id == "videos/00f88c4f0a.mp4" and video.time_s.tolist() == [0.0, 0.5, 1.0]
    coded = benchmark()["annotations"][0]["segmentations"][0]
    reference = coco_mask.decode(coco_mask.frPyObjects(coded, 30, 40)).astype(bool)
    assert same_masks(masks_in(truth, video_id), {(1, 0): reference, (1, 10): reference})
    assert video.objects[0].boxes.tolist() == [[5, 3, 20, 9]] * 2
    said = truth.stated(video_id)
    assert (said.last_index, said.width, said.height, said.masks) == (10, 40, 30, True)


def test_boxes_alone_are_boxes(tmp_path: Path) -> None:
    content = benchmark()
    del content["annotations"][0]["segmentations"]
    truth = opened(written(tmp_path, content), "ytvis", index_of("00f88c4f0a"))
    (item,) = truth.video("00f88c4f0a").objects
    assert (
        item.rles == (None, None)
        and item.frame_index.tolist() == [0, 10]
        and not truth.stated("00f88c4f0a").masks
    )


WRONG = {
    "an unknown video": (
        lambda c: c["annotations"][0].update(video_id=3),
        "annotation 1 is of video 3",
    ),
    "an unknown category": (
        lambda c: c["annotations"][0].update(category_id=3),
        "category_id 3 is no category",
    ),
    "too few masks": (
        lambda c: c["annotations"][0]["segmentations"].pop(),
        "2 segmentations and its video 3 frames",
    ),
    "a frame twice": (
        lambda c: c["videos"][0]["file_names"].__setitem__(1, "00f88c4f0a/0.jpg"),
        "the same number",
    ),
    "no size": (lambda c: c["videos"][0].pop("width"), "no height and width"),
    "an id twice": (
        lambda c: c["annotations"][1].update(id=1),
        "several annotations with the id 1",
    ),
    "no id": (lambda c: c["videos"][0].pop("id"), "lacks the field 'id'"),
    "no category": (
        lambda c: c["annotations"][0].pop("category_id"),
        "lacks the field 'category_id'",
    ),
    "no folder": (
        lambda c: c["videos"][0].update(file_names=["0.jpg", "1.jpg", "2.jpg"]),
        "which video is it",
    ),
    "results": (lambda c: c.pop("videos"), "no list 'videos'"),
}


@pytest.mark.parametrize(("break_it", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(break_it: Any, words: str, tmp_path: Path) -> None:
    content = benchmark()
    break_it(content)
    with pytest.raises(TruthError, match=words):
        truth = opened(written(tmp_path, content), "ytvis", index_of("00f88c4f0a"))
        truth.queries()
        truth.video("00f88c4f0a")


def test_a_file_of_results_is_no_truth(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(TruthError, match="a JSON list"):
        opened(tmp_path / "x.json", "ytvis", index_of("a"))
