"""Grounding over fakes: an embedder that knows colours, a detector that says what it is told, a
tracker of flat colours.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from color_patches import ColorPatches

from trawl import ground
from trawl.config.models import GrounderConfig
from trawl.ground import choice, clip
from trawl.models.fakes import embedder as fakes
from trawl.models.fakes.detector import FakeDetector
from trawl.models.fakes.tracker import FakeTracker
from trawl.models.protocols import DenseEmbedder, Grounder
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections, Prompt, TrackedFrame

SIZE = 96
RED, BLUE, GRAY = (fakes.COLORS[name] for name in ("red", "blue", "gray"))


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


def test_finds_each_of_several_things_with_its_own_mask_and_box() -> None:
    frame = scene((RED, 8, 8, 32, 32), (BLUE, 60, 60, 84, 84), (RED, 60, 8, 84, 26))
    (found,) = detect(frame[None], ["a red thing"])
    confident = choice.kept(found, 0.3, 10)
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


def test_the_mean_inside_a_mask_of_another_size() -> None:
    heat = np.zeros((8, 8), np.float32)
    heat[:, :4] = 1
    mask = np.zeros((40, 80), bool)
    mask[:, 20:60] = True
    assert clip.inside(heat, mask) == pytest.approx(0.5)
    assert clip.inside(heat, np.zeros((40, 80), bool)) == 0


def test_a_crop_stays_inside_the_picture() -> None:
    picture = np.arange(30 * 40 * 3, dtype=np.uint8).reshape(30, 40, 3)
    mask = np.zeros((30, 40), bool)
    mask[0:4, 36:40] = True
    assert clip.crop(picture, mask, 2.0).shape == (10, 10, 3)
    mask[:] = True
    np.testing.assert_array_equal(clip.crop(picture, mask, 2.0), picture)


class BlindSession:
    """Sees nothing."""

    def segment(self, prompts: Sequence[Prompt]) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((len(prompts), SIZE, SIZE), bool), np.zeros(len(prompts), np.float32)

    def propagate(self, prompts: Sequence[Prompt], reverse: bool = False) -> Iterator[TrackedFrame]:
        raise AssertionError("grounding follows nothing")


def test_nothing_found_is_empty_and_of_the_right_shape() -> None:
    frame = scene()[None]
    empty = ground.grounder(BoxDetector([], []), GrounderConfig("owlv2"), lambda p: [p])
    dense = ground.grounder(ColorPatches(), GrounderConfig("clip"), lambda p: [p])
    for grounder in (empty, dense):
        (found,) = grounder.detect(BlindSession(), frame, [0], ["a red thing"])
        assert found.masks is not None
        assert (found.boxes.shape, found.masks.shape, len(found)) == ((0, 4), (0, SIZE, SIZE), 0)


class BoxDetector:
    """Says what it is told."""

    def __init__(self, boxes: list[list[float]], scores: list[float]) -> None:
        self._found = Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.zeros(len(scores), np.int64),
        )

    def find(self, frames: Frames, phrases: Sequence[str]) -> list[Detections]:
        return [self._found] * len(frames)


def test_a_detectors_boxes_get_the_trackers_masks_and_keep_their_scores() -> None:
    frame = scene((RED, 8, 8, 32, 32), (BLUE, 60, 60, 84, 84))
    detector = BoxDetector([[58, 58, 86, 86], [6, 7, 33, 34], [7, 7, 33, 34]], [0.4, 0.8, 0.7])
    grounder = ground.grounder(detector, GrounderConfig("owlv2"), lambda p: [p])
    (found,) = grounder.detect(FakeTracker().open(frame[None]), frame[None], [0], ["a thing"])
    assert found.boxes.tolist() == [[8, 8, 32, 32], [60, 60, 84, 84]]
    np.testing.assert_allclose(found.scores, [0.8, 0.4])
    assert found.masks is not None and found.masks[0].sum() == 24 * 24


def test_a_box_stands_for_its_mask_where_the_tracker_sees_nothing() -> None:
    grounder = ground.grounder(
        BoxDetector([[10, 20, 30, 50]], [0.9]), GrounderConfig("owlv2"), lambda p: [p]
    )
    (found,) = grounder.detect(BlindSession(), scene()[None], [0], ["a thing"])
    assert found.boxes.tolist() == [[10, 20, 30, 50]]


def test_the_fake_is_a_dense_embedder_and_what_is_made_of_models_are_grounders() -> None:
    config = GrounderConfig("clip")
    assert isinstance(ColorPatches(), DenseEmbedder)
    assert isinstance(ground.grounder(ColorPatches(), config, lambda p: [p]), ground.ClipGrounder)
    assert isinstance(
        ground.grounder(FakeDetector(), config, lambda p: [p]), ground.DetectorGrounder
    )
    assert isinstance(
        ground.Kept(ground.grounder(FakeDetector(), config, lambda p: [p]), config), Grounder
    )


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


class FixedSession(BlindSession):
    """Answers every prompt with one mask."""

    def __init__(self, mask: np.ndarray) -> None:
        self._mask = mask

    def segment(self, prompts: Sequence[Prompt]) -> tuple[np.ndarray, np.ndarray]:
        return np.stack([self._mask] * len(prompts)), np.ones(len(prompts), np.float32)


def test_a_mask_that_spills_over_scores_less_than_one_that_fits() -> None:
    frame = scene((RED, 24, 24, 72, 72))
    grounder = ground.grounder(ColorPatches(), GrounderConfig("clip", crop_weight=0), lambda p: [p])
    scores = []
    for margin in (0, 12):
        mask = np.zeros((SIZE, SIZE), bool)
        mask[24 - margin : 72 + margin, 24 - margin : 72 + margin] = True
        scores.append(
            grounder.detect(FixedSession(mask), frame[None], [0], ["a red thing"])[0].scores[0]
        )
    assert scores[1] < 0.9 * scores[0]


def test_a_contrast_that_the_phrase_entails_is_left_out() -> None:
    frame = scene((RED, 8, 8, 32, 32))
    # too long for the cosine to tell
    phrase = "red and round and soft and fluffy with several long green whiskers"
    for other, same in (("a red thing", True), ("a blue thing", False)):
        with_it, without = (
            detect(frame[None], [phrase], contrast=contrast)[0].scores.max()
            for contrast in (["a gray wall", other], ["a gray wall"])
        )
        assert bool(np.isclose(with_it, without, rtol=1e-5)) is same
