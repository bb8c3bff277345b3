"""From a run's rows and a truth to one record; a truth of something else is refused, with the first
difference.
"""

import numpy as np
import pyarrow as pa
import pytest
from beside_truth import SIZE, square, truth

from trawl import masks, schemas
from trawl.config.steps import EvaluationConfig
from trawl.errors import TruthError
from trawl.evaluate.clip import EvaluatedClip, evaluated_clip, frames_apart
from trawl.evaluate.counting import Answers
from trawl.records.tracking import Clip, Target
from trawl.records.truth import TruthQuery, TruthVideo

CONFIG = EvaluationConfig()
ANSWERS = Answers(
    [TruthQuery("a red star", {"a.mp4": ((1,),)}, ("things=1",)), TruthQuery("a blue ring", {})]
)
VIDEO = TruthVideo(
    "a.mp4",
    *SIZE,
    np.arange(20),
    np.arange(20) / 10,
    (truth(1, {n: square(5) for n in range(20)}), truth(2, {})),
)


def target(text: str) -> Target:
    return Target(text, 0.3, 0.5)


CLIP = Clip(
    "c1",
    "a.mp4",
    "/a.mp4",
    "f",
    0.5,
    1.5,
    tuple(map(target, ("a red star", "a dog", "a blue ring", "a dog"))),
)


def mask_row(track_id: str, frame: int, size: tuple[int, int] = SIZE, **more) -> dict:
    mask = np.zeros(size, bool)
    mask[size[0] // 4 : size[0] // 2, : size[1] // 2] = True
    row = {
        "track_id": track_id,
        "frame_index": frame,
        "time_s": frame / 10,
        "box": masks.bounding_box(mask),
    }
    row |= {
        "score": 0.9,
        "rle": masks.encode(mask),
        "height": size[0],
        "width": size[1],
        "flags": [],
    }
    return row | more


def track_row(track_id: str, text: str = "a red star", score: float = 0.4) -> dict:
    return {"track_id": track_id, "text": text, "grounding_score": score}


def built(mask_rows, track_rows, **more) -> EvaluatedClip:
    arguments = {"clip": CLIP, "video": VIDEO, "answers": ANSWERS, "config": CONFIG} | more
    return evaluated_clip(mask_rows=mask_rows, track_rows=track_rows, **arguments)


def test_a_stretch_with_its_texts_and_tracks() -> None:
    rows = [mask_row("c1-1", n, flags=["border"] if n == 6 else []) for n in (7, 5, 6)] + [
        mask_row("c1-0", 9, rle=None)
    ]
    result = built(
        rows, [track_row("c1-1"), track_row("c1-0", "a blue ring", 0.2), track_row("c1-2", "a dog")]
    )
    assert result.frame_index.tolist() == [*range(5, 15)]
    assert result.time_s.tolist() == pytest.approx(np.arange(5, 15) / 10)
    assert result.duration_s == pytest.approx(1.0)
    assert [(a.text, a.targets, a.ignored, a.slices) for a in result.queries] == [
        ("a red star", (1,), (), ("things=1",)),
        ("a blue ring", (), (), ()),
    ]
    assert result.unknown == ("a dog",)
    ring, star = result.tracks
    assert (ring.track_id, ring.rles, star.frame_index.tolist()) == ("c1-0", (None,), [5, 6, 7])
    assert star.flags == ((), ("border",), ())
    assert (star.score, star.boxes.dtype) == (pytest.approx(0.4), np.float32)
    assert star.boxes.tolist()[0] == [0, 15, 40, 30]
    assert result.has_masks


def test_tables_are_as_good_as_rows() -> None:
    rows, tracks = [mask_row("c1-1", n) for n in (5, 6)], [track_row("c1-1")]
    schemas_ = [
        pa.schema([schema.field(name) for name in row])
        for schema, row in ((schemas.MASKS, rows[0]), (schemas.TRACKS, tracks[0]))
    ]
    tables = [
        pa.Table.from_pylist(part, schema=schema) for part, schema in zip((rows, tracks), schemas_)
    ]
    item, other = built(rows, tracks).tracks[0], built(*tables).tracks[0]
    assert (item.rles, item.frame_index.tolist()) == (other.rles, other.frame_index.tolist())


def test_frames_that_nobody_looked_at_are_not_judged() -> None:
    result = built(
        [mask_row("c1-1", n) for n in range(5, 15)],
        [track_row("c1-1")],
        tracked_frames=np.array([5, 8, 11, 14]),
    )
    assert result.frame_index.tolist() == result.tracks[0].frame_index.tolist() == [5, 8, 11, 14]


def test_a_truth_of_every_other_frame() -> None:
    sparse = TruthVideo(
        "a.mp4", *SIZE, np.arange(0, 20, 2), np.arange(0, 20, 2) / 10, VIDEO.objects
    )
    result = built([mask_row("c1-1", n) for n in range(5, 15)], [track_row("c1-1")], video=sparse)
    assert result.tracks[0].frame_index.tolist() == [6, 8, 10, 12, 14]


def test_tracks_below_the_score_are_filtered() -> None:
    result = built(
        [],
        [track_row("c1-1", score=0.6), track_row("c1-2", score=0.7)],
        config=EvaluationConfig(min_score=0.7),
    )  # which single precision stores as a little less
    assert [t.track_id for t in result.tracks] == ["c1-2"]


def test_smaller_masks_are_brought_to_the_truths_size() -> None:
    half = (SIZE[0] // 2, SIZE[1] // 2)
    small, full = (
        built([mask_row("c1-1", 5, size)], [track_row("c1-1")]).tracks[0] for size in (half, SIZE)
    )
    assert masks.iou([small.rles[0]], [full.rles[0]], *SIZE)[0, 0] > 0.9
    assert small.boxes.tolist() == [[0, 14, 40, 30]]


def test_a_mask_without_a_pixel_is_none() -> None:
    empty = masks.encode(np.zeros(SIZE, bool))
    assert built([mask_row("c1-1", 5, rle=empty)], [track_row("c1-1")]).tracks[0].rles == (None,)


def test_another_shape_of_picture_is_refused() -> None:
    with pytest.raises(
        TruthError, match=r"a\.mp4 is 80 x 60 pixels in the ground truth and 60 x 80 in the run"
    ):
        built([mask_row("c1-1", 5, (80, 60))], [track_row("c1-1")])


def test_other_times_are_refused_with_the_first_and_the_count_of_the_rest() -> None:
    rows = [mask_row("c1-1", n, time_s=n / 10 if n < 7 else n / 5) for n in range(5, 12)]
    with pytest.raises(
        TruthError, match=r"frame 7 is at 1\.400 s in the run and at 0\.700 s .* 4 more"
    ):
        built(rows, [track_row("c1-1")])


def test_a_truth_without_the_clips_frames_is_refused() -> None:
    short = TruthVideo("a.mp4", *SIZE, np.arange(3), np.arange(3) / 10, ())
    with pytest.raises(
        TruthError, match=r"a\.mp4 has none of the frames that were tracked between 0\.5 and 1\.5 s"
    ):
        built([], [], video=short)


def test_a_clip_without_rows() -> None:
    assert built([], []).tracks == ()


def test_without_identities_every_frame_is_a_clip() -> None:
    """Objects of one frame each, as COCO has them: the first is there on 5, the second on 6, and a
    bit of the third too.
    """
    objects = tuple(
        truth(n, {frame: square(5)}, visibility=visible)
        for n, frame, visible in ((1, 5, 1), (2, 6, 1), (3, 6, 0.1))
    )
    video = TruthVideo("a.mp4", *SIZE, np.arange(20), np.arange(20) / 10, objects)
    answers = Answers([TruthQuery("a red star", {"a.mp4": ((1, 2, 3),)})])
    rows = [mask_row("c1-1", n) for n in (5, 6, 7)]
    whole = built(rows, [track_row("c1-1")], video=video, answers=answers)
    frames = list(frames_apart(whole, answers, CONFIG))
    assert [item.clip_id for item in frames] == [f"c1@{n}" for n in range(5, 15)]
    assert [item.queries[0].targets for item in frames[:3]] == [(1,), (2,), ()]
    assert frames[1].queries[0].ignored == (3,)
    assert [len(item.tracks) for item in frames[:4]] == [1, 1, 1, 0]
    assert not any(item.identities for item in frames)
