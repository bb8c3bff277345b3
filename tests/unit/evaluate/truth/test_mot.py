"""MOTChallenge's and MOTS's text: our exports come back, and TrackEval's own readers read the same."""

from pathlib import Path

import numpy as np
import pytest
from annotated import index_of, masks_in, numbered, opened, same_masks, texts_of
from exported import export_masks, one_winner, some_masks
from hypothesis import given, settings
from trackeval.datasets import MotChallenge2DBox

from trawl import masks
from trawl.errors import TruthError

VIDEO = "cam 1/a.mp4"
INFO = "[Sequence]\nname={name}\nimDir=img1\nframeRate=30\nseqLength=6\nimWidth=1920\nimHeight=1080\nimExt=.jpg\n"
# As MOT17 has it: a pedestrian who is hidden on one frame and reaches out of the picture, one who
# is not to be considered, a car.
GT = """\
1,1,912,484,97,109,1,1,1.0
2,1,-14,480,97,109,1,1,0.35
3,1,-20,480,97,109,1,1,0.0
5,1,912.5,484.5,97,109,1,1,0.86014
1,2,1338,418,167,379,0,1,1
2,3,600,400,50.5,60,0,3,0.5
6,9,10,20,30,40,1,1,1
"""


@settings(max_examples=8, deadline=None)
@given(some_masks())
def test_our_boxes_come_back(found: np.ndarray) -> None:
    folder, _ = export_masks("mot", found)
    truth = opened(folder, "mot", index_of(VIDEO, size=found.shape[2:]), part="train")
    video, expected = truth.video(VIDEO), numbered(found)
    read = {
        (item.object_id, int(frame)): tuple(box)
        for item in video.objects
        for frame, box in zip(item.frame_index, item.boxes)
    }
    assert read == {key: masks.bounding_box(mask) for key, mask in expected.items()}
    assert video.frame_index.tolist() == list(range(max(frame for _, frame in expected) + 1))
    assert (
        all(rle is None for item in video.objects for rle in item.rles)
        and not truth.stated(VIDEO).masks
    )
    assert set(texts_of(truth)) == {
        ("a blue ring", "a red star")[k % 2] for k in range(len(found)) if found[k].any()
    }


@settings(max_examples=8, deadline=None)
@given(some_masks())
def test_our_masks_come_back(found: np.ndarray) -> None:
    """MOTS: an object's number is 1000 times its class and its own."""
    folder, _ = export_masks("mots", found)
    truth = opened(folder, "mot", index_of(VIDEO, size=found.shape[2:]))
    read = masks_in(truth, VIDEO)
    assert same_masks(
        {(n % 1000, frame): m for (n, frame), m in read.items()}, numbered(found, one_winner)
    )
    assert truth.stated(VIDEO).masks


def written(
    folder: Path, names: tuple[str, ...] = ("MOT17-02", "MOT17-04"), gt: str = GT, info: str = INFO
) -> Path:
    for name in names:
        (folder / "train" / name / "gt").mkdir(parents=True)
        (folder / "train" / name / "gt" / "gt.txt").write_text(gt)
        if info:
            (folder / "train" / name / "seqinfo.ini").write_text(info.format(name=name))
    return folder


def test_boxes_are_those_that_trackeval_reads(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "seqmap.txt").write_text("name\nMOT17-02\n")
    (tmp_path / "none").mkdir()
    config = {
        "GT_FOLDER": str(tmp_path / "train"),
        "SEQMAP_FILE": str(tmp_path / "seqmap.txt"),
        "PRINT_CONFIG": False,
    }
    config |= {
        "TRACKERS_FOLDER": str(tmp_path / "none"),
        "TRACKERS_TO_EVAL": [],
        "SKIP_SPLIT_FOL": True,
    }
    raw = MotChallenge2DBox(config)._load_raw_file("none", "MOT17-02", is_gt=True)
    truth = opened(tmp_path, "mot", index_of("MOT17-02.mp4", "MOT17-04.mp4", size=(1080, 1920)))
    video = truth.video("MOT17-02.mp4")
    assert len(video.frame_index) == raw["num_timesteps"] == 6
    for t in range(6):
        considered = raw["gt_extras"][t]["zero_marked"] == 1
        theirs = dict(
            zip(raw["gt_ids"][t][considered].tolist(), raw["gt_dets"][t][considered].tolist())
        )
        ours = {}
        for item in video.objects:
            for box in item.boxes[item.frame_index == t]:
                ours[item.object_id] = [box[0] + 1, box[1] + 1, box[2] - box[0], box[3] - box[1]]
        assert ours == theirs
    assert video.objects[0].visibility.tolist() == pytest.approx([1.0, 0.35, 0.0, 0.86014])
    assert video.time_s.tolist() == [t / 10 for t in range(6)] and video.objects[
        0
    ].frame_index.tolist() == [0, 1, 2, 4]
    assert texts_of(truth) == {"pedestrian": {"MOT17-02.mp4": (1, 9), "MOT17-04.mp4": (1, 9)}}, (
        "cars are not considered"
    )
    said = truth.stated("MOT17-02.mp4")
    assert (said.last_index, said.fps, said.width, said.height, said.masks) == (
        5,
        30.0,
        1920,
        1080,
        False,
    )


def test_older_and_barer_files(tmp_path: Path) -> None:
    """MOT15 has coordinates of the world where later ones have class and visibility; seqinfo.ini
    may be missing.
    """
    written(
        tmp_path,
        ("A",),
        "1,4,1699,385,159,281,1,0.5,0.25,0\n3,4,1699,385,159,281,1,-1,-1,-1\n",
        info="",
    )
    truth = opened(tmp_path / "train" / "A", "mot", index_of("A.avi", size=(1080, 1920)))
    video = truth.video("A.avi")
    assert video.frame_index.tolist() == [0, 1, 2] and (video.height, video.width) == (1080, 1920)
    assert video.objects[0].visibility.tolist() == [1, 1] and texts_of(truth) == {
        "pedestrian": {"A.avi": (4,)}
    }
    assert opened(tmp_path, "mot", index_of("A.avi"), first_frame=0).video(
        "A.avi"
    ).frame_index.tolist() == [0, 1, 2, 3]


def test_labels_name_the_classes(tmp_path: Path) -> None:
    written(tmp_path, ("A",))
    (tmp_path / "labels.txt").write_text("1 a person who walks\n")
    assert list(texts_of(opened(tmp_path, "mot", index_of("A.mp4")))) == ["a person who walks"]


WRONG = {
    "a frame 0": ("0,1,2,3,4,5,1,1,1\n", "line 1 has a frame 0, and frames count from 1"),
    "twice": ("1,1,2,3,4,5,1,1,1\n1,1,2,3,4,5,1,1,1\n", "object 1 twice on frame 1"),
    "too long": ("7,1,2,3,4,5,1,1,1\n", "has a frame 7 and its seqinfo.ini says 6"),
    "too few columns": ("1,1,2,3,4\n", "line 1 is not a line of MOTChallenge"),
    "letters": ("1,1,2,3,4,x,1,1,1\n", "line 1 is not a line of MOTChallenge"),
    "a class without a name": ("1,1,2,3,4,5,1,77,1\n", "the class 77"),
    "two classes": ("1,1,2,3,4,5,1,1,1\n2,1,2,3,4,5,1,2,1\n", "object 1 is of several classes"),
    "masks cut short": ("1 1001 1 30\n", "line 1 is not a line of MOTS"),
    "masks of another size": ("1 1001 1 30 40 Zg0\n", "masks of 1 sizes"),
}


@pytest.mark.parametrize(("gt", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(gt: str, words: str, tmp_path: Path) -> None:
    truth = opened(written(tmp_path, ("A",), gt), "mot", index_of("A.mp4"))
    with pytest.raises(TruthError, match=words):
        truth.stated("A.mp4")
        truth.queries()
        truth.video("A.mp4")
