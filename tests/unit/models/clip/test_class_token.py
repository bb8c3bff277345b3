"""The shorter last block gives open_clip's own embedding, and leaves the model alone."""

import pytest
import torch

from trawl.models import precision
from trawl.models.clip import imports as slim_import
from trawl.models.clip.class_token import image_encoder
from trawl.models.clip.openclip import quiet


def make(name: str, **options: object) -> torch.nn.Module:
    with quiet():
        torch.manual_seed(0)
        return (
            slim_import.open_clip(needs_timm=False)
            .create_model(name, load_weights=False, **options)
            .eval()
        )


@pytest.mark.parametrize("options", [{}, {"force_patch_dropout": 0.0}, {"force_quick_gelu": True}])
def test_same_embedding_of_the_same_picture(options: dict[str, object]) -> None:
    model = make("ViT-S-32", **options)
    pixels = torch.randn(3, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        before = model.encode_image(pixels)
        encode = image_encoder(model)
        assert encode != model.encode_image, "a ViT-S pools its class token"
        torch.testing.assert_close(encode(pixels), before, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(model.encode_image(pixels), before, atol=0, rtol=0)


@pytest.mark.parametrize(("word", "least"), [("bf16", 0.9998), ("fp16", 0.99999), ("int8", 0.9995)])
def test_below_full_precision_a_picture_hardly_moves(word: str, least: float) -> None:
    pixels = torch.randn(3, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        exact = make("ViT-S-32").encode_image(pixels, normalize=True)
        model = make("ViT-S-32")
        dtype = precision.lower(model.visual, word)
        with precision.autocast(dtype, pixels.device):
            encode = image_encoder(model, word)
            sums: list[torch.dtype] = []
            model.visual.ln_post.register_forward_pre_hook(
                lambda module, inputs: sums.append(inputs[0].dtype)
            )
            found, alone = encode(pixels).float(), encode(pixels[1:2]).float()
    assert set(sums) == {torch.float32}, "what the blocks add up stays in full precision"
    cosine = torch.nn.functional.cosine_similarity(found, exact)
    assert least < cosine.min() < 1 - 1e-7, "1 would mean that nothing is lowered"
    assert torch.nn.functional.cosine_similarity(found[1:2], alone).item() > 0.9999, (
        "whatever its batch"
    )
    if word == "int8":
        block = encode.transformer.resblocks[0]
        assert not any(
            isinstance(m, torch.nn.Linear | torch.nn.MultiheadAttention) for m in block.modules()
        )


def test_other_towers_are_taken_as_they_are() -> None:
    model = make("RN50")
    assert image_encoder(model) == model.encode_image
    pooled = make("ViT-S-32")
    pooled.visual.pool_type = "avg"
    assert image_encoder(pooled) == pooled.encode_image
