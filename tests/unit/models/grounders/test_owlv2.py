"""OWLv2's real architecture, small and random, held against transformers' own pipeline of processor
and model.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from trawl.config.models import EmbedderConfig, GrounderConfig
from trawl.errors import WeightsError
from trawl.models import grounders
from trawl.models.clip import embedders as registry
from trawl.models.fakes.embedder import FakeEmbedder
from trawl.models.protocols import DenseEmbedder, Detector
from trawl.records.tracking import Detections

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 60, 90, 3), dtype=np.uint8)
PHRASES = ["a red car", "a dog", "a star"]


def build(folder: Path, **values: str) -> Detector:
    settings = GrounderConfig("owlv2", weights=str(folder), **values)  # type: ignore[arg-type]
    blueprint = grounders.resolve(settings, registry.resolve(EmbedderConfig("fake")))
    model = grounders.build(blueprint, FakeEmbedder(), "cpu")
    assert isinstance(model, Detector) and not isinstance(model, DenseEmbedder)
    return model


@pytest.fixture(scope="module")
def detector(owlv2: Path) -> Detector:
    return build(owlv2)


def of_phrase(found: Detections, phrase: int) -> tuple[np.ndarray, np.ndarray]:
    mine = found.phrase == phrase
    return found.boxes[mine], found.scores[mine]


def test_boxes_lie_in_the_frame_with_scores(detector: Detector) -> None:
    for found in detector.find(FRAMES, PHRASES):
        assert len(found) and set(found.phrase.tolist()) == {0, 1, 2}
        assert (
            found.boxes.min() >= 0
            and (found.boxes[:, 2] <= 90).all()
            and (found.boxes[:, 3] <= 60).all()
        )
        assert 0 <= found.scores.min() <= found.scores.max() <= 1


def test_equals_transformers_own_answer(detector: Detector, owlv2: Path) -> None:
    from transformers import Owlv2ForObjectDetection, Owlv2Processor

    processor, model = (
        Owlv2Processor.from_pretrained(owlv2),
        Owlv2ForObjectDetection.from_pretrained(owlv2).eval(),
    )
    inputs = processor(text=[["a photo of a dog"]], images=FRAMES[0], return_tensors="pt")
    with torch.inference_mode():
        (expected,) = processor.post_process_grounded_object_detection(
            model(**inputs), threshold=0.0, target_sizes=[(60, 90)]
        )
    boxes, scores = of_phrase(detector.find(FRAMES[:1], PHRASES)[0], 1)
    clipped = np.clip(expected["boxes"].numpy(), 0, [90, 60, 90, 60])
    real = (clipped[:, 2:] - clipped[:, :2] >= 1).all(axis=1)
    np.testing.assert_allclose(boxes, clipped[real], atol=1e-3)
    np.testing.assert_allclose(scores, expected["scores"].numpy()[real], atol=1e-5)


def test_a_phrase_scores_the_same_alone_and_among_others(detector: Detector) -> None:
    together, alone = (
        detector.find(FRAMES[:1], PHRASES)[0],
        detector.find(FRAMES[:1], [PHRASES[2]])[0],
    )
    np.testing.assert_allclose(of_phrase(together, 2)[1], alone.scores, atol=1e-5)
    assert np.abs(of_phrase(together, 0)[1] - alone.scores).max() > 1e-3, (
        "else it does not look at the phrase"
    )


def test_a_phrase_beyond_the_models_context_is_cut(detector: Detector) -> None:
    (found,) = detector.find(FRAMES[:1], ["red " * 60])
    assert len(found)


def test_weights_that_lack_a_part_are_refused(owlv2: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(owlv2, tmp_path / "copy"))
    tensors = load_file(copy / "model.safetensors")
    gone = next(name for name in tensors if "box_head" in name)
    save_file(
        {name: tensor for name, tensor in tensors.items() if name != gone},
        copy / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(WeightsError, match=f"lacks weights of .*{gone}"):
        build(copy)
    (copy / "model.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(WeightsError, match="cannot be read"):
        build(copy)
