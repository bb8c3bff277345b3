"""A ground truth of other videos is an error that names the first mismatch and counts the rest; a
gap is a note.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from annotated import index_of, opened
from tracked import clip

from trawl.errors import TruthError
from trawl.evaluate.agreement import check
from trawl.evaluate.truth import Truth
from trawl.evaluate.truth.indexed import IndexedVideos, StatedFacts


class Said:
    """A truth that says these things of its videos."""

    def __init__(self, stated: dict[str, StatedFacts], whole: bool = False) -> None:
        self._stated, self.whole = stated, whole

    def video_ids(self) -> list[str]:
        return sorted(self._stated)

    def stated(self, video_id: str) -> StatedFacts:
        return self._stated[video_id]


RIGHT = StatedFacts(199, 200, 10.0, 40, 30, masks=True)
VIDEOS = ("a.mp4", "b.mp4", "c.mp4")


def truth_stating(
    changes: dict[str, dict[str, Any]], whole: bool = False, videos: tuple[str, ...] = VIDEOS
) -> Any:
    return Said({video: replace(RIGHT, **changes.get(video, {})) for video in videos}, whole)


def test_what_agrees_is_counted() -> None:
    clips = [clip("1", "a.mp4"), clip("2", "d.mp4"), clip("3", "b.mp4")]
    result = check(truth_stating({}), index_of(*VIDEOS, "d.mp4", "e.mp4"), clips)
    assert (result.video_ids, result.without_truth, result.clips, result.clips_without_truth) == (
        VIDEOS,
        2,
        2,
        1,
    )
    assert (
        result.masks and result.identities and result.why_no_masks == result.why_no_identities == ""
    )
    assert result.notes() == [
        "2 of 5 indexed videos have no ground truth: left out",
        "1 of 3 clips are of such videos: left out",
    ]
    assert check(truth_stating({}, whole=True), index_of(*VIDEOS)).notes() == []


MISMATCHES = {
    "not indexed": (
        truth_stating({}, videos=(*VIDEOS, "x.mp4", "y.mp4")),
        "x.mp4 is in the ground truth and not in the index, which holds a.mp4, b.mp4, c.mp4; 1 more mismatches (1 not in "
        "the index)",
    ),
    "turned": (
        truth_stating({"b.mp4": {"width": 30, "height": 40}}),
        "b.mp4 is 30 x 40 pixels in the ground truth and 40 x 30 in the index: is it annotated before rotation?",
    ),
    "another size": (
        truth_stating({"b.mp4": {"width": 50}}),
        "b.mp4 is 50 x 30 pixels in the ground truth and 40 x 30 in the index",
    ),
    "another length": (
        truth_stating({"a.mp4": {"num_frames": 198, "last_index": 197}}),
        "a.mp4 has 198 frames in the ground truth and 200 in the index",
    ),
    "past the end": (
        truth_stating({"a.mp4": {"num_frames": None, "last_index": 240}}),
        "a.mp4 is annotated up to frame 240, counted from 0, and the index has 200 frames",
    ),
    "counted from 1": (
        truth_stating({"a.mp4": {"num_frames": None, "last_index": 200}}),
        "dataset.truth.first_frame=1",
    ),
    "another rate": (
        truth_stating({"c.mp4": {"fps": 25.0}}),
        "c.mp4 has 25 frames a second in the ground truth and 10 in the index",
    ),
    "missing masks": (truth_stating({"c.mp4": {"masks": False}}), "c.mp4 has boxes and no masks"),
    "not told": (
        truth_stating({}, whole=True, videos=("a.mp4", "b.mp4")),
        "c.mp4 is in the index and not in the ground truth, which should annotate every video",
    ),
    "several": (
        truth_stating(
            {"a.mp4": {"fps": 25.0}, "b.mp4": {"fps": 25.0, "width": 50}, "c.mp4": {"width": 50}}
        ),
        "a.mp4 has 25 frames a second in the ground truth and 10 in the index; 3 more mismatches (2 of another size, 1 of "
        "another frame rate)",
    ),
}


@pytest.mark.parametrize(("truth", "words"), MISMATCHES.values(), ids=MISMATCHES)
def test_mismatches_are_errors(truth: Truth, words: str) -> None:
    with pytest.raises(TruthError) as raised:
        check(truth, index_of(*VIDEOS))
    assert str(raised.value).startswith("the ground truth does not match: ") and words in str(
        raised.value
    )
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 20, "height": 15},
        {"width": 854, "height": 640},
        {"fps": 10.5},
        {"fps": None, "num_frames": None},
    ],
    ids=["half the size", "rounded", "a rounded rate", "nothing said"],
)
def test_what_may_differ(changes: dict[str, Any]) -> None:
    check(truth_stating(dict.fromkeys(VIDEOS, changes)), index_of(*VIDEOS))


def test_clips_of_other_videos_alone_are_an_error() -> None:
    with pytest.raises(
        TruthError,
        match=r"none of the run's 1 clips .* d.mp4 for one.*Annotated are a.mp4, b.mp4, c.mp4",
    ):
        check(truth_stating({}), index_of(*VIDEOS, "d.mp4"), [clip("1", "d.mp4")])
    assert check(truth_stating({}), index_of(*VIDEOS), []).clips == 0


def test_boxes_and_single_frames_say_what_they_lack() -> None:
    changes = {video: {"masks": False, "identities": False} for video in VIDEOS}
    result = check(truth_stating(changes), index_of(*VIDEOS))
    assert result.why_no_masks == "the ground truth has boxes and no masks"
    assert "same object" in result.why_no_identities
    assert result.notes() == [result.why_no_masks, result.why_no_identities]


def test_it_reads_what_formats_state(tmp_path: Path) -> None:
    """A file whose frames count from 1, whose last frame is thus one too far."""
    images = [
        {"id": n, "file_name": f"a/{n:05d}.jpg", "height": 30, "width": 40} for n in range(1, 11)
    ]
    item = {"id": 1, "image_id": 1, "category_id": 1, "track_id": 1, "bbox": [1, 2, 3, 4]}
    path = tmp_path / "truth.json"
    path.write_text(
        json.dumps(
            {"images": images, "annotations": [item], "categories": [{"id": 1, "name": "dog"}]}
        )
    )
    indexed: IndexedVideos = index_of("a.mp4", num_frames=10)
    with pytest.raises(TruthError, match="do its frames count from 1"):
        check(opened(path, "coco", indexed), indexed)
    assert check(opened(path, "coco", indexed, first_frame=1), indexed).video_ids == ("a.mp4",)
