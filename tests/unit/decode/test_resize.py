"""The reference is open_clip's own evaluation transform, without its normalisation."""

import av
import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import image_transform
from PIL import Image

from trawl.decode.resize import resize
from trawl.records.video import ImageSpec

MODES = {"center_crop": "shortest", "squash": "squash", "pad": "longest"}
SIZES = [
    (1280, 720),
    (720, 1280),
    (640, 480),
    (321, 243),
    (64, 64),
    (224, 224),
    (225, 224),
    (1000, 3),
    (3, 5),
    (1, 1),
]


def reference(picture: np.ndarray, spec: ImageSpec) -> np.ndarray:
    transform = image_transform(
        spec.size,
        is_train=False,
        mean=(0, 0, 0),
        std=(1, 1, 1),
        resize_mode=MODES[spec.aspect],
        interpolation=spec.interpolation,
        fill_color=spec.fill[0],
    )
    return (
        (transform(Image.fromarray(picture)).permute(1, 2, 0).numpy() * 255)
        .round()
        .astype(np.uint8)
    )


def real_pictures(paths) -> list[np.ndarray]:
    pictures = []
    for path in paths[::3]:
        with av.open(str(path)) as source:
            pictures.append(next(source.decode(video=0)).to_ndarray(format="rgb24"))
    return pictures


@pytest.mark.parametrize("aspect", MODES)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_every_shape_equals_open_clip(aspect, size, interpolation):
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    spec = ImageSpec(56, aspect, interpolation, fill=(7, 7, 7))
    if aspect == "pad" and 0 in (round(side * 56 / max(size)) for side in size):
        # open_clip fails on a side that rounds to nothing
        assert resize(picture, spec).shape == (56, 56, 3)
        return
    difference = np.abs(resize(picture, spec).astype(int) - reference(picture, spec))
    assert difference.max() <= 1
    assert difference.mean() < 0.01


@pytest.mark.parametrize("aspect", MODES)
def test_real_pictures_differ_by_rounding_alone(real_clips, aspect):
    spec = ImageSpec(224, aspect)
    for picture in real_pictures(real_clips):
        difference = np.abs(resize(picture, spec).astype(int) - reference(picture, spec))
        assert difference.max() <= 1
        assert difference.mean() < 0.001


def test_embeddings_of_a_vit_and_of_a_convolution_are_those_of_open_clip(real_clips):
    torch.manual_seed(0)
    vit = open_clip.create_model("ViT-B-32", pretrained=None).visual.eval()
    convolution = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 5, 3), torch.nn.ReLU(), torch.nn.Conv2d(16, 32, 5, 3)
    )
    mean = torch.tensor(open_clip.OPENAI_DATASET_MEAN).view(3, 1, 1)
    std = torch.tensor(open_clip.OPENAI_DATASET_STD).view(3, 1, 1)
    spec = ImageSpec(224, "center_crop")
    pictures = real_pictures(real_clips)[:3]
    both = [np.stack([make(p, spec) for p in pictures]) for make in (resize, reference)]
    inputs = [(torch.from_numpy(b).permute(0, 3, 1, 2) / 255 - mean) / std for b in both]
    with torch.inference_mode():
        for network in (vit, convolution):
            ours, theirs = (network(x).flatten(1) for x in inputs)
            assert torch.nn.functional.cosine_similarity(ours, theirs).min() >= 0.9999
