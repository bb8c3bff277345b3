"""What we export comes back as it was; what pycocotools reads, we read the same; a file that is no
truth of videos is told so.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated import index_of, masks_in, numbered, opened, same_masks, texts_of
from exported import TEXTS, export, export_masks, some_masks, write_masks
from hypothesis import given, settings
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from trawl.errors import TruthError
from trawl.storage import Storage

VIDEO = "cam 1/a.mp4"


@settings(max_examples=8, deadline=None)
@given(some_masks())
def test_our_export_comes_back(found: np.ndarray) -> None:
    folder, _ = export_masks("coco", found)
    truth = opened(folder, "coco", index_of(VIDEO, size=found.shape[2:]))
    assert truth.video_ids() == [VIDEO]
    expected, video = numbered(found), truth.video(VIDEO)
    assert same_masks(masks_in(truth, VIDEO), expected)
    assert video.frame_index.tolist() == sorted({frame for _, frame in expected})
    assert np.allclose(video.time_s, video.frame_index / 10)
    assert (video.height, video.width) == found.shape[2:]
    assert {item.names for item in video.objects} <= {(text.removeprefix("a "),) for text in TEXTS}
    said = truth.stated(VIDEO)
    assert said.masks and said.identities and said.last_index == max(frame for _, frame in expected)


def test_parts_are_files(local_storage: Storage, tmp_path: Path) -> None:
    for video_id, clip_id in (("b.mp4", "b1"), ("a.mp4", "a1"), ("a.mp4", "a2")):
        write_masks(
            local_storage,
            video_id,
            clip_id,
            np.ones((2, 3, 4, 6), bool),
            100 if clip_id == "a2" else 0,
        )
    export(local_storage, "coco", {"a.mp4": ["a1", "a2"], "b.mp4": ["b1"]}, tmp_path / "coco")
    for record in ("export.json", "settings.json"):
        (tmp_path / "coco" / record).write_text("{}")
    indexed = index_of("a.mp4", "b.mp4")
    for place, part in (
        (tmp_path / "coco", None),
        (tmp_path / "coco", "train"),
        (tmp_path / "coco" / "train.json", None),
    ):
        truth = opened(place, "coco", indexed, part=part)
        assert truth.video_ids() == ["a.mp4", "b.mp4"]
        assert [item.object_id for item in truth.video("a.mp4").objects] == [1, 2, 3, 4]
        assert texts_of(truth)["a red star"] == {"a.mp4": (2, 4), "b.mp4": (2,)}
    with pytest.raises(TruthError, match="names no video"):
        opened(tmp_path / "coco", "coco", indexed, part="val")


def instances() -> dict[str, Any]:
    """Two pictures of one video and one of another, in every way to write a mask, as other tools
    write them.
    """
    mask = np.zeros((30, 40), np.uint8, order="F")
    mask[3:9, 5:20] = 1
    coded = coco_mask.encode(mask)
    runs = [5 * 30 + 3, *([6, 24] * 14), 6]
    runs.append(30 * 40 - sum(runs))
    polygons = [[1.0, 1.0, 12.0, 1.0, 12.0, 9.5, 1.0, 9.5], [20.0, 20.0, 30.0, 20.0, 25.0, 28.0]]
    sizes = {"height": 30, "width": 40}
    images = [
        {"id": 7, "file_name": "cam1/000004.jpg", **sizes},
        {"id": 3, "file_name": "cam1/000009.jpg", **sizes},
        {"id": 9, "file_name": "cam2/000000.jpg", **sizes},
    ]
    crowd = {
        "id": 15,
        "image_id": 7,
        "category_id": 1,
        "iscrowd": 1,
        "segmentation": {"size": [30, 40], "counts": [1200]},
    }
    annotations = [
        {"id": 11, "image_id": 7, "category_id": 1, "track_id": 2, "segmentation": polygons},
        {
            "id": 12,
            "image_id": 3,
            "category_id": 1,
            "track_id": 2,
            "segmentation": {"size": [30, 40], "counts": runs},
        },
        {"id": 13, "image_id": 7, "category_id": 5, "track_id": 4, "segmentation": polygons[1:]},
        {"id": 14, "image_id": 9, "category_id": 5, "track_id": 4}
        | {"segmentation": {"size": [30, 40], "counts": coded["counts"].decode()}},
        crowd,
    ]
    categories = [{"id": 1, "name": "Person"}, {"id": 5, "name": "dog"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def written(tmp_path: Path, content: dict[str, Any]) -> Path:
    (tmp_path / "truth.json").write_text(json.dumps(content))
    return tmp_path / "truth.json"


def test_masks_are_those_that_pycocotools_reads(tmp_path: Path) -> None:
    path = written(tmp_path, instances())
    truth, reference = opened(path, "coco", index_of("x/cam1.mp4", "x/cam2.mp4")), COCO(str(path))
    ours = {(v, *key): mask for v in truth.video_ids() for key, mask in masks_in(truth, v).items()}
    theirs = {}
    for item in reference.anns.values():
        if not item["iscrowd"] if "iscrowd" in item else True:
            folder, frame = (
                reference.imgs[item["image_id"]]["file_name"].removesuffix(".jpg").split("/")
            )
            theirs[f"x/{folder}.mp4", item["track_id"], int(frame)] = reference.annToMask(
                item
            ).astype(bool)
    assert len(theirs) == 4 and same_masks(ours, theirs)
    assert texts_of(truth) == {
        "Person": {"x/cam1.mp4": (2,)},
        "dog": {"x/cam1.mp4": (4,), "x/cam2.mp4": (4,)},
    }
    assert {item.names for item in truth.video("x/cam1.mp4").objects} == {("person",), ("dog",)}
    assert truth.video("x/cam1.mp4").frame_index.tolist() == [4, 9]
    assert truth.video("x/cam1.mp4").time_s.tolist() == [0.4, 0.9], "times come from the index"


def test_times_of_the_file_are_believed(tmp_path: Path) -> None:
    content = instances()
    for image, time_s in zip(content["images"], (5.25, 5.75, 1.5)):
        image["time_s"] = time_s
    truth = opened(written(tmp_path, content), "coco", index_of("cam1.mp4", "cam2.mp4"))
    assert truth.video("cam1.mp4").time_s.tolist() == [5.25, 5.75] and truth.video(
        "cam2.mp4"
    ).time_s.tolist() == [1.5]


def test_frames_may_count_from_one(tmp_path: Path) -> None:
    content = instances()
    content["images"][2]["file_name"] = "cam2/img_000001.jpg"
    indexed = index_of("cam1.mp4", "cam2.mp4")
    truth = opened(written(tmp_path, content), "coco", indexed, first_frame=1)
    assert truth.video("cam1.mp4").frame_index.tolist() == [3, 8]
    assert truth.video("cam2.mp4").frame_index.tolist() == [0]
    with pytest.raises(TruthError, match="has a frame 1, and frames count from 2"):
        opened(tmp_path / "truth.json", "coco", indexed, first_frame=2)


def test_boxes_alone_are_boxes(tmp_path: Path) -> None:
    content = instances()
    content["annotations"].pop()
    for item in content["annotations"]:
        del item["segmentation"]
        item["bbox"] = [2, 3, 10, 20]
    truth = opened(written(tmp_path, content), "coco", index_of("cam1.mp4", "cam2.mp4"))
    assert not truth.stated("cam1.mp4").masks
    (item, _) = truth.video("cam1.mp4").objects
    assert item.rles == (None, None) and item.boxes.tolist() == [[2, 3, 12, 23]] * 2


def test_without_identities_each_annotation_is_an_object(tmp_path: Path) -> None:
    content = instances()
    for item in content["annotations"]:
        item.pop("track_id", None)
    truth = opened(written(tmp_path, content), "coco", index_of("cam1.mp4", "cam2.mp4"))
    assert not truth.stated("cam1.mp4").identities
    assert [
        (item.object_id, item.frame_index.tolist()) for item in truth.video("cam1.mp4").objects
    ] == [
        (11, [4]),
        (12, [9]),
        (13, [4]),
    ]


def test_texts_as_identities_are_numbered(tmp_path: Path) -> None:
    content = instances()
    for item in content["annotations"][:4]:
        item["track_id"] = f"b{item['track_id']}"
    truth = opened(written(tmp_path, content), "coco", index_of("cam1.mp4", "cam2.mp4"))
    assert [(item.object_id, item.names) for item in truth.video("cam1.mp4").objects] == [
        (1, ("person",)),
        (2, ("dog",)),
    ]


def test_categories_that_training_lacked_are_a_slice(tmp_path: Path) -> None:
    truth = opened(
        written(tmp_path, instances()), "coco", index_of("cam1", "cam2"), unseen=["a person"]
    )
    assert {q.text: q.slices[-1] for q in truth.queries()} == {
        "Person": "category=unseen",
        "dog": "category=seen",
    }


WRONG = {
    "an unknown image": (
        lambda c: c["annotations"][1].update(image_id=99),
        "annotation 12 is of image 99",
    ),
    "an unknown category": (
        lambda c: c["annotations"][1].update(category_id=8),
        "annotation 11: .*category_id",
    ),
    "one without a mask": (
        lambda c: c["annotations"][0].pop("segmentation"),
        "annotation 11 has no mask, nor have 0 more of 4",
    ),
    "one without identity": (
        lambda c: c["annotations"][2].pop("track_id"),
        "annotation 13 has neither instance_id nor track_id, as have 0 more",
    ),
    "twice on a frame": (
        lambda c: c["annotations"][1].update(image_id=7),
        "another annotation on the same frame",
    ),
    "a mask of another size": (
        lambda c: c["annotations"][1]["segmentation"].update(size=[40, 30]),
        "annotation 12: its mask is 30 x 40 pixels and its picture 40 x 30",
    ),
    "runs too short": (
        lambda c: c["annotations"][1]["segmentation"]["counts"].pop(),
        "annotation 12: its runs cover",
    ),
    "images of two sizes": (lambda c: c["images"][0].update(width=41), "2 different sizes"),
    "two images of a frame": (
        lambda c: c["images"][0].update(file_name="cam1/9.jpg"),
        "two images of frame 9",
    ),
    "no number": (
        lambda c: c["images"][0].update(file_name="cam1/a.jpg"),
        "must end with its number",
    ),
    "no video": (lambda c: c["images"][0].update(file_name="4.jpg"), "does not say of which video"),
    "an id twice": (lambda c: c["images"][1].update(id=7), "several images with the id 7"),
    "no id": (lambda c: c["images"][1].pop("id"), "an entry lacks the field 'id'"),
    "no category": (
        lambda c: c["annotations"][1].pop("category_id"),
        "lacks the field 'category_id'",
    ),
    "no categories": (lambda c: c.pop("categories"), "no list 'categories'"),
}


@pytest.mark.parametrize(("break_it", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(break_it: Any, words: str, tmp_path: Path) -> None:
    content = instances()
    break_it(content)
    with pytest.raises(TruthError, match=words) as raised:
        truth = opened(written(tmp_path, content), "coco", index_of("cam1.mp4", "cam2.mp4"))
        truth.stated("cam1.mp4")
        truth.queries()
        truth.video("cam1.mp4")
    assert "\n" not in str(raised.value)
