"""Grounding DINO's real architecture, small and random, held against transformers' own pipeline of
processor and model.
"""

from pathlib import Path

import folders
import numpy as np
import pytest
import torch

from trawl.config.models import EmbedderConfig, GrounderConfig
from trawl.models import grounders
from trawl.models.clip import embedders as registry
from trawl.models.fakes.embedder import FakeEmbedder
from trawl.models.grounders import grounding_dino as module
from trawl.models.protocols import Detector

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 60, 90, 3), dtype=np.uint8)


def build(folder: Path) -> Detector:
    settings = GrounderConfig("grounding_dino", weights=str(folder))
    blueprint = grounders.resolve(settings, registry.resolve(EmbedderConfig("fake")))
    model = grounders.build(blueprint, FakeEmbedder(), "cpu")
    assert isinstance(model, Detector)
    return model


@pytest.fixture(scope="module")
def detector(grounding_dino: Path) -> Detector:
    return build(grounding_dino)


def test_boxes_lie_in_the_frame_with_scores(detector: Detector) -> None:
    for found in detector.find(FRAMES, ["a red car", "Dog.", "a blue star?"]):
        assert set(found.phrase.tolist()) == {0, 1, 2}
        assert (
            found.boxes.min() >= 0
            and (found.boxes[:, 2] <= 90).all()
            and (found.boxes[:, 3] <= 60).all()
        )
        assert 0 <= found.scores.min() < found.scores.max() <= 1


def test_one_phrase_equals_transformers_own_answer(
    detector: Detector, grounding_dino: Path
) -> None:
    """But for the marks around the phrase, which transformers counts as part of it."""
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    processor = AutoProcessor.from_pretrained(grounding_dino)
    model = AutoModelForZeroShotObjectDetection.from_pretrained(grounding_dino).eval()
    inputs = processor(images=FRAMES[0], text="a red car.", return_tensors="pt")
    with torch.inference_mode():
        outputs = model(**inputs)
        for mark in (0, 4, 5):  # [CLS], the dot and [SEP]
            outputs.logits[..., mark] = -1e4
        (expected,) = processor.post_process_grounded_object_detection(
            outputs, inputs["input_ids"], threshold=0.0, target_sizes=[(60, 90)]
        )
    (found,) = detector.find(FRAMES[:1], ["A red car."])
    order, theirs = np.argsort(found.scores), np.argsort(expected["scores"].numpy())
    np.testing.assert_allclose(found.scores[order], expected["scores"].numpy()[theirs], atol=1e-5)
    np.testing.assert_allclose(
        found.boxes[order],
        np.clip(expected["boxes"].numpy()[theirs], 0, [90, 60, 90, 60]),
        atol=1e-3,
    )


def test_spans_are_the_phrases_own_tokens() -> None:
    words = ["[CLS]", "a", "red", "car", ".", "dog", ".", "[SEP]"]
    tokens = torch.tensor([folders.VOCABULARY.index(word) for word in words])
    spans = module._spans(tokens, folders.VOCABULARY.index("."), 3)
    assert [[words[k] for k in span.nonzero().flatten()] for span in spans] == [
        ["a", "red", "car"],
        ["dog"],
        [],
    ]


def test_phrases_that_fill_a_caption_go_into_the_next(tmp_path: Path) -> None:
    detector = build(folders.grounding_dino(tmp_path, max_text_len=8))
    phrases = ["a red car", "a dog", "blue star"]
    (found,) = detector.find(FRAMES[:1], phrases)
    assert set(found.phrase.tolist()) == {0, 1, 2}
    (alone,) = detector.find(FRAMES[:1], ["a red car"])
    np.testing.assert_allclose(
        np.sort(found.scores[found.phrase == 0]), np.sort(alone.scores), atol=1e-5
    )


def test_a_phrase_too_long_for_a_caption_is_cut(tmp_path: Path) -> None:
    detector = build(folders.grounding_dino(tmp_path, max_text_len=8))
    (found,) = detector.find(FRAMES[:1], ["red " * 30])
    assert len(found)
