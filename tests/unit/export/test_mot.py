"""TrackEval's MOTChallenge reader takes the files, and boxes come back as they went in, counted
from 1.
"""

from pathlib import Path

import numpy as np
from exported import export_masks, read_stretches, some_masks, write_masks
from hypothesis import given, settings
from tracked import LINEAGE, RUN, clip, row, square, track
from trackeval.datasets import MotChallenge2DBox

from trawl import masks
from trawl.export import mot
from trawl.records.tracking import Visibility
from trawl.storage import Storage
from trawl.track import tables as write


def read(folder: Path, **more: object) -> MotChallenge2DBox:
    config = {
        "GT_FOLDER": str(folder / "train"),
        "SEQMAP_FILE": str(folder / "seqmaps" / "train.txt"),
        "PRINT_CONFIG": False,
    }
    config |= {
        "TRACKERS_FOLDER": str(folder / "results"),
        "TRACKERS_TO_EVAL": ["train"],
        "TRACKER_SUB_FOLDER": "",
    }
    return MotChallenge2DBox(config | {"SKIP_SPLIT_FOL": True, "DO_PREPROC": False} | more)


@settings(max_examples=8, deadline=None)
@given(some_masks())
def test_boxes_come_back_identical(found: np.ndarray) -> None:
    reader = read(export_masks("mot", found)[0])
    raw = reader.get_raw_seq_data("train", reader.seq_list[0])
    assert raw["num_timesteps"] == 5 + np.flatnonzero(found.any(axis=(0, 2, 3)))[-1] + 1
    assert all(len(dets) == 0 for dets in raw["gt_dets"][:5])
    order = sorted(
        (k for k in range(len(found)) if found[k].any()),
        key=lambda k: (np.flatnonzero(found[k].any((1, 2)))[0], k),
    )
    for t in range(raw["num_timesteps"] - 5):
        there = [(number, k) for number, k in enumerate(order, 1) if found[k, t].any()]
        boxes = [masks.bounding_box(found[k, t]) for _, k in there]
        expected = [
            [left + 1, top + 1, right - left, bottom - top] for left, top, right, bottom in boxes
        ]
        for kind in ("gt", "tracker"):
            assert raw[f"{kind}_dets"][t + 5].tolist() == expected
            assert raw[f"{kind}_ids"][t + 5].tolist() == [number for number, _ in there]
        assert raw["gt_classes"][t + 5].tolist() == [1 + k % 2 for _, k in there]
        assert np.allclose(raw["tracker_confidences"][t + 5], [0.5 + k / 10 for _, k in there])


def test_one_class_passes_the_benchmarks_own_preprocessing() -> None:
    """Class 1 is the benchmark's pedestrian, so a run of one phrase can be scored as it is."""
    from trackeval.metrics import CLEAR, HOTA, Identity

    found = np.zeros((1, 6, 30, 40), bool)
    for t in range(6):
        found[0, t, 5:15, 5 + t : 15 + t] = True
    reader = read(export_masks("mot", found)[0], DO_PREPROC=True)
    data = reader.get_preprocessed_seq_data(
        reader.get_raw_seq_data("train", reader.seq_list[0]), "pedestrian"
    )
    quiet = {"PRINT_CONFIG": False}
    assert (
        CLEAR(quiet).eval_sequence(data)["MOTA"] == 1.0
        and Identity(quiet).eval_sequence(data)["IDF1"] == 1.0
    )
    assert np.mean(HOTA().eval_sequence(data)["HOTA"]) == 1.0


def test_guessed_boxes_are_written_as_unseen(local_storage: Storage) -> None:
    size = (20, 20)
    rows = [row(0, square(size, 1, 2, 4)), row(1, None), row(2, square(size, 3, 2, 4))]
    write.write_clip(
        local_storage, "demo", RUN, clip("c1", "a.mp4"), [track(0, rows, size)], LINEAGE
    )
    (stretch,) = read_stretches(local_storage, {"a.mp4": ["c1"]}, by_clip=False)
    files: dict[str, bytes] = {}
    mot.write([stretch], {1: "a blue ring", 2: "a red star"}, files.__setitem__)
    lines = files["train/a.mp4/gt/gt.txt"].decode().splitlines()
    assert lines == ["1,1,2,3,4,4,1,2,1", "2,1,2,3,4,4,1,2,0", "3,1,4,3,4,4,1,2,1"]
    assert stretch.instances[1].visibility is Visibility.INFERRED
    assert b"frameRate=10\nseqLength=3\nimWidth=20" in files["train/a.mp4/seqinfo.ini"]
    assert files["labels.txt"] == b"1 a blue ring\n2 a red star\n"


def test_clips_of_a_video_are_one_sequence(local_storage: Storage) -> None:
    for clip_id, first_index in (("c1", 0), ("c2", 50)):
        write_masks(local_storage, "a.mp4", clip_id, np.ones((1, 2, 4, 4), bool), first_index)
    (stretch,) = read_stretches(local_storage, {"a.mp4": ["c1", "c2"]}, by_clip=False)
    assert [(one.frame_index, one.number) for one in stretch.instances] == [
        (0, 1),
        (1, 1),
        (50, 2),
        (51, 2),
    ]
