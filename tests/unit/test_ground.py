"""Grounding over fakes: maps made by hand, a session that answers with known masks, and an embedder that knows colours."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trawl import ground
from trawl.config import GrounderConfig
from trawl.models import fakes
from trawl.models.fakes_grounding import FakeDetector
from trawl.models.fakes_tracking import FakeTracker
from trawl.models.protocols import DenseEmbedder, Grounder
from trawl.records import Detections, Frames, Prompt, TrackedFrame

SIZE = 96
RED, BLUE, GRAY = (fakes.COLORS[name] for name in ("red", "blue", "gray"))


class ColorPatches(fakes.FakeEmbedder):
    """A DenseEmbedder: each of 8 x 8 patches is embedded as a picture of its own."""

    logit_scale = 10.0
    contrast = ("a blue thing", "a gray wall", "a red thing")

    def embed_patches(self, frames: Frames) -> np.ndarray:
        cells = frames.reshape(-1, 8, 4, 8, 4, 3).swapaxes(2, 3).reshape(-1, 4, 4, 3)
        large = cells.repeat(8, axis=1).repeat(8, axis=2)
        return self.logit_scale * self.embed_images(large).reshape(len(frames), 8, 8, -1)


def scene(*blocks: tuple[tuple[int, int, int], int, int, int, int]) -> np.ndarray:
    """(SIZE, SIZE, 3) gray with blocks of (colour, left, top, right, bottom)."""
    frame = np.full((SIZE, SIZE, 3), GRAY, np.uint8)
    for color, left, top, right, bottom in blocks:
        frame[top:bottom, left:right] = color
    return frame


def detect(
    frames: np.ndarray, phrases: Sequence[str], positions: Sequence[int] = (0,), **settings: float
) -> list[Detections]:
    config = GrounderConfig("clip", **settings)  # type: ignore[arg-type]
    grounder = ground.grounder(ColorPatches(), config, lambda phrase: [phrase])
    return grounder.detect(FakeTracker().open(frames), frames, positions, phrases)


def test_the_fake_is_a_dense_embedder_and_what_is_made_of_models_are_grounders() -> None:
    config = GrounderConfig("clip")
    assert isinstance(ColorPatches(), DenseEmbedder)
    assert isinstance(ground.grounder(ColorPatches(), config, lambda p: [p]), ground.ClipGrounder)
    assert isinstance(ground.grounder(FakeDetector(), config, lambda p: [p]), ground.DetectorGrounder)
    assert isinstance(ground.Kept(ground.grounder(FakeDetector(), config, lambda p: [p]), config), Grounder)


def test_finds_each_of_several_things_with_its_own_mask_and_box() -> None:
    frame = scene((RED, 8, 8, 32, 32), (BLUE, 60, 60, 84, 84), (RED, 60, 8, 84, 26))
    (found,) = detect(frame[None], ["a red thing"])
    confident = ground.kept(found, 0.3, 10)
    assert sorted(map(tuple, confident.boxes.tolist())) == [(8, 8, 32, 32), (60, 8, 84, 26)]
    assert confident.masks is not None
    for mask, box in zip(confident.masks, confident.boxes):
        expected = np.zeros((SIZE, SIZE), bool)
        expected[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
        np.testing.assert_array_equal(mask, expected)


def test_an_absent_thing_scores_far_below_a_present_one_and_is_reported_all_the_same() -> None:
    frame = scene((BLUE, 30, 30, 60, 60))
    (found,) = detect(frame[None], ["a red thing", "a blue thing"])
    best = [found.scores[found.phrase == q].max() for q in (0, 1)]
    assert best[1] > 0.3
    assert 0 < best[0] < 0.05


def test_frames_are_answered_in_the_order_of_positions_best_first() -> None:
    frames = np.stack([scene((RED, 0, 0, 30, 30)), scene(), scene((RED, 50, 50, 90, 90))])
    found = detect(frames, ["a red thing"], [2, 0])
    assert [one.boxes[0].tolist() for one in found] == [[50, 50, 90, 90], [0, 0, 30, 30]]
    assert all((np.diff(one.scores) <= 0).all() for one in found)
    assert detect(frames, ["a red thing"], []) == []


def test_phrases_do_not_influence_each_other() -> None:
    frame = scene((RED, 8, 8, 32, 32), (BLUE, 60, 60, 84, 84))
    (both,) = detect(frame[None], ["a red thing", "a blue thing"])
    for q, phrase in enumerate(("a red thing", "a blue thing")):
        (alone,) = detect(frame[None], [phrase])
        np.testing.assert_allclose(both.scores[both.phrase == q], alone.scores, rtol=1e-5)
        np.testing.assert_array_equal(both.boxes[both.phrase == q], alone.boxes)


def test_own_contrast_replaces_the_models() -> None:
    frame = scene((RED, 8, 8, 32, 32))
    (against_wall,) = detect(frame[None], ["a blue thing"], contrast=["a gray wall"])
    (against_red,) = detect(frame[None], ["a blue thing"], contrast=["a gray wall", "a red thing"])
    assert against_red.scores.max() < against_wall.scores.max()


@pytest.mark.parametrize(
    ("phrase", "other", "same"),
    [
        ("a red star", "a red star", True),
        ("a star", "a red star", True),
        ("a red thing", "a red star", True),
        ("a large red star", "a red star", True),
        ("The Star.", "a red star", True),
        ("a red star", "a red heart", False),
        ("a thing", "a wall", False),
        ("一只狗", "a wall", False),
    ],
)
def test_phrases_that_say_the_same_are_no_contrast(phrase: str, other: str, same: bool) -> None:
    assert ground.same_thing(phrase, other) is same


def bump(shape: tuple[int, int], *peaks: tuple[int, int, float]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    parts = [height * np.exp(-((y - py) ** 2 + (x - px) ** 2) / 50) for py, px, height in peaks]
    return np.max(parts, axis=0).astype(np.float32)


def test_regions_are_boxes_around_peaks_the_highest_first() -> None:
    found = ground.regions(bump((64, 64), (16, 20, 0.5), (48, 40, 0.9)), level=0.5, limit=5)
    assert [region.peak for region in found] == [(40.5, 48.5), (20.5, 16.5)]
    np.testing.assert_allclose(found[0].box, [35, 43, 46, 54], atol=1)
    assert [round(region.value, 3) for region in found] == [0.9, 0.5]


def test_all_of_a_map_is_looked_at_though_a_high_region_has_several_summits() -> None:
    heat = bump((64, 64), (12, 12, 1.0), (12, 26, 0.98), (50, 50, 0.3))
    assert (50.5, 50.5) in [region.peak for region in ground.regions(heat, level=0.2, limit=5)]


@pytest.mark.parametrize("lower", [0.95, 0.6])
def test_a_region_that_falls_apart_is_given_whole_and_in_parts(lower: float) -> None:
    heat = bump((64, 64), (32, 20, 1.0), (32, 36, lower))
    peaks = [region.peak for region in ground.regions(heat, level=0.2, limit=5)]
    assert peaks.count((20.5, 32.5)) == 2 and peaks.count((36.5, 32.5)) == 1


@given(arrays(np.float32, (6, 7), elements=st.floats(0, 1, width=32)), st.floats(0.1, 1), st.integers(1, 6))
def test_regions_hold_their_peaks_and_are_never_too_many(grid: np.ndarray, level: float, limit: int) -> None:
    heat = ground.fine(grid)
    found = ground.regions(heat, level, limit)
    assert len(found) <= limit and bool(found) == bool(heat.max() > 0)
    for region in found:
        left, top, right, bottom = region.box
        assert (
            0 <= left < region.peak[0] < right <= heat.shape[1] and 0 <= top < region.peak[1] < bottom <= heat.shape[0]
        )
    assert [r.value for r in found] == sorted((r.value for r in found), reverse=True)


def test_a_region_becomes_a_prompt_in_pixels_of_the_frame() -> None:
    region = ground.Region(np.array([8, 16, 24, 32], np.float32), (12.5, 20.5), 1.0)
    prompt = region.prompt(3, 7, grid=(64, 32), shape=(128, 320))
    assert prompt.box is not None and prompt.points is not None
    assert (prompt.object_id, prompt.position) == (3, 7)
    np.testing.assert_allclose(prompt.box, [80, 32, 240, 64])
    np.testing.assert_allclose(prompt.points, [[125, 41]])


def test_the_mean_inside_a_mask_of_another_size() -> None:
    heat = np.zeros((8, 8), np.float32)
    heat[:, :4] = 1
    mask = np.zeros((40, 80), bool)
    mask[:, 20:60] = True
    assert ground.inside(heat, mask) == pytest.approx(0.5)
    assert ground.inside(heat, np.zeros((40, 80), bool)) == 0


def test_a_crop_stays_inside_the_picture() -> None:
    picture = np.arange(30 * 40 * 3, dtype=np.uint8).reshape(30, 40, 3)
    mask = np.zeros((30, 40), bool)
    mask[0:4, 36:40] = True
    assert ground.crop(picture, mask, 2.0).shape == (10, 10, 3)
    mask[:] = True
    np.testing.assert_array_equal(ground.crop(picture, mask, 2.0), picture)


def squares(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    masks = np.zeros((len(boxes), 20, 20), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes):
        mask[top:bottom, left:right] = True
    return masks


@pytest.mark.parametrize(
    ("boxes", "scores", "phrase", "kept"),
    [
        ([(0, 0, 10, 10), (0, 0, 10, 9)], [0.5, 0.9], [0, 0], [1]),  # near-duplicates: the better one
        ([(0, 0, 10, 10), (0, 0, 10, 9)], [0.5, 0.9], [0, 1], [1, 0]),  # of two phrases: both
        ([(0, 0, 10, 10), (5, 0, 15, 10)], [0.9, 0.5], [0, 0], [0, 1]),  # neighbours
        ([(0, 0, 10, 10), (2, 2, 5, 5)], [0.9, 0.5], [0, 0], [0]),  # a part of a better one
        ([(0, 0, 10, 10), (2, 2, 5, 5)], [0.5, 0.9], [0, 0], [1]),  # several in one mask, and each by itself
        ([(0, 0, 0, 0)], [0.9], [0], []),  # nothing
        ([], [], [], []),
    ],
    ids=["duplicate", "two phrases", "neighbours", "part", "whole", "empty mask", "none"],
)
def test_assemble(
    boxes: list[tuple[int, int, int, int]], scores: list[float], phrase: list[int], kept: list[int]
) -> None:
    found = ground.assemble(squares(*boxes), np.array(scores, np.float32), np.array(phrase, np.int64), overlap=0.7)
    assert found.boxes.tolist() == [list(map(float, boxes[k])) for k in kept]
    np.testing.assert_allclose(found.scores, [scores[k] for k in kept])
    assert found.phrase.tolist() == [phrase[k] for k in kept]


class BoxDetector:
    """Says what it is told."""

    def __init__(self, boxes: list[list[float]], scores: list[float]) -> None:
        self._found = Detections(
            np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.zeros(len(scores), np.int64)
        )

    def find(self, frames: Frames, phrases: Sequence[str]) -> list[Detections]:
        return [self._found] * len(frames)


class BlindSession:
    """Sees nothing."""

    def segment(self, prompts: Sequence[Prompt]) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((len(prompts), SIZE, SIZE), bool), np.zeros(len(prompts), np.float32)

    def propagate(self, prompts: Sequence[Prompt], reverse: bool = False) -> Iterator[TrackedFrame]:
        raise AssertionError("grounding follows nothing")


def test_a_detectors_boxes_get_the_trackers_masks_and_keep_their_scores() -> None:
    frame = scene((RED, 8, 8, 32, 32), (BLUE, 60, 60, 84, 84))
    detector = BoxDetector([[58, 58, 86, 86], [6, 7, 33, 34], [7, 7, 33, 34]], [0.4, 0.8, 0.7])
    grounder = ground.grounder(detector, GrounderConfig("owlv2"), lambda p: [p])
    (found,) = grounder.detect(FakeTracker().open(frame[None]), frame[None], [0], ["a thing"])
    assert found.boxes.tolist() == [[8, 8, 32, 32], [60, 60, 84, 84]]
    np.testing.assert_allclose(found.scores, [0.8, 0.4])
    assert found.masks is not None and found.masks[0].sum() == 24 * 24


def test_a_box_stands_for_its_mask_where_the_tracker_sees_nothing() -> None:
    grounder = ground.grounder(BoxDetector([[10, 20, 30, 50]], [0.9]), GrounderConfig("owlv2"), lambda p: [p])
    (found,) = grounder.detect(BlindSession(), scene()[None], [0], ["a thing"])
    assert found.boxes.tolist() == [[10, 20, 30, 50]]


def test_nothing_found_is_empty_and_of_the_right_shape() -> None:
    frame = scene()[None]
    empty = ground.grounder(BoxDetector([], []), GrounderConfig("owlv2"), lambda p: [p])
    clip = ground.grounder(ColorPatches(), GrounderConfig("clip"), lambda p: [p])
    for grounder in (empty, clip):
        (found,) = grounder.detect(BlindSession(), frame, [0], ["a red thing"])
        assert found.masks is not None
        assert (found.boxes.shape, found.masks.shape, len(found)) == ((0, 4), (0, SIZE, SIZE), 0)


def test_kept_filters_by_score_and_number_of_each_phrase() -> None:
    found = Detections(
        np.zeros((4, 4), np.float32), np.array([0.9, 0.8, 0.7, 0.1], np.float32), np.array([0, 1, 0, 1], np.int64)
    )
    assert ground.kept(found, 0.2, 10).scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert ground.kept(found, 0.0, 1).phrase.tolist() == [0, 1]


def test_kept_as_a_grounder_changes_nothing_but_what_it_drops() -> None:
    frame = scene((RED, 8, 8, 32, 32), (RED, 60, 60, 84, 84))[None]
    config = GrounderConfig("fake", max_objects=1)
    whole = ground.grounder(FakeDetector(), config, lambda p: [p])
    session = FakeTracker().open(frame)
    (all_found,), (some,) = (
        g.detect(session, frame, [0], ["a red thing"]) for g in (whole, ground.Kept(whole, config))
    )
    assert (len(all_found), len(some)) == (2, 1)
    np.testing.assert_array_equal(some.boxes[0], all_found.boxes[0])
