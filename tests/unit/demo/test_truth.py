"""Truth against pixels, read back from the files that a user would read."""

from collections import defaultdict

import av
import decord
import numpy as np
import pytest

from trawl import masks
from trawl.demo import words


def by_frame(rows):
    frames = defaultdict(list)
    for row in rows:
        frames[row["video_id"], row["frame_index"]].append(row)
    return frames


def test_every_row_agrees_with_itself(truth_objects):
    for row in truth_objects[::7]:
        mask = masks.decode(row["rle"], row["height"], row["width"])
        assert mask.sum() == row["area"]
        assert list(masks.bounding_box(mask)) == row["box"]
        assert 0 <= row["visibility"] <= 1
        assert (row["area"] == 0) == (row["visibility"] == 0)


def test_visible_masks_of_a_frame_are_disjoint(truth_objects):
    frames = by_frame(truth_objects)
    several = [rows for rows in frames.values() if len(rows) > 1][::23]
    assert len(several) > 10
    for rows in several:
        stack = np.stack([masks.decode(row["rle"], row["height"], row["width"]) for row in rows])
        assert stack.sum(axis=0).max() == 1


def test_masks_cover_their_colors_in_the_decoded_video(small_corpus, truth_objects):
    checked = 0
    for (video_id, frame_index), rows in by_frame(truth_objects).items():
        if frame_index != 40:
            continue
        frame = decord.VideoReader(str(small_corpus / "videos" / video_id))[frame_index].asnumpy()
        for row in rows:
            mask = masks.decode(row["rle"], row["height"], row["width"])
            assert mask.shape == frame.shape[:2]
            if row["area"] > 400:
                mean = np.median(frame[mask], axis=0)
                near = sorted(
                    words.COLORS, key=lambda name: np.linalg.norm(mean - words.COLORS[name])
                )
                assert row["color"] in near[:2], (video_id, row["color"], near[:2])
                checked += 1
    assert checked >= 8


def test_every_video_opens_in_both_decoders_as_the_truth_says(
    small_corpus, truth_videos, truth_objects
):
    times = {(row["video_id"], row["frame_index"]): row["time_s"] for row in truth_objects}
    for video_id, row in truth_videos.items():
        path = str(small_corpus / "videos" / video_id)
        with av.open(path) as file:
            frames = [
                (frame.pts * frame.time_base, frame.rotation) for frame in file.decode(video=0)
            ]
        reader = decord.VideoReader(path)
        assert len(frames) == len(reader) == row["num_frames"]
        assert reader[0].asnumpy().shape == (row["height"], row["width"], 3)
        assert -frames[0][1] % 360 == row["rotation_deg"]
        assert all(
            times.get((video_id, k), float(t)) == pytest.approx(float(t), abs=1e-9)
            for k, (t, _) in enumerate(frames)
        )
        gaps = np.diff([float(t) for t, _ in frames])
        assert (np.ptp(gaps) > 0.01) == row["variable_rate"]


def test_turned_and_variable_videos_exist(truth_videos):
    assert {row["rotation_deg"] for row in truth_videos.values()} > {0}
    assert {row["variable_rate"] for row in truth_videos.values()} == {True, False}


def test_captions_name_what_is_there(truth_videos, truth_objects):
    shown = defaultdict(set)
    for row in truth_objects:
        if row["visibility"] >= 0.6:
            shown[row["video_id"]].add((row["color"], row["shape"]))
    for video_id, row in truth_videos.items():
        assert row["captions"]
        assert len(set(row["captions"])) == len(row["captions"])
        for caption in row["captions"]:
            named = [(c, s) for c in words.COLORS for s in words.SHAPES if f"{c} {s}" in caption]
            assert named and set(named) <= shown[video_id], caption
