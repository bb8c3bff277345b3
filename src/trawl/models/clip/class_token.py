"""An open_clip ViT that computes no more than its embedding needs: same weights, same result.

A CLIP ViT's embedding is its class token; the last block's other tokens are thrown away, and with
them ten of the twelve parts of that block's work: 7 % of a picture for a ViT-B, 3.5 % for a ViT-L.

Below full precision two things more: attention is four plain matrix products, because torch's own
copies its 16-bit weights for every picture and cannot be quantised; and what the blocks add up
stays in fp32, which takes two thirds of bf16's error away and costs nothing.
"""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from torch import Tensor


def image_encoder(model: Any, lowered: str = "fp32") -> "Callable[[Tensor], Tensor]":
    """`model.encode_image`, or where its tower is a ViT that pools its class token, one that does
    less with the same weights.

    The model stays as it is, for those who want its patches.

    Args:
        model: open_clip's.
        lowered: what `precision.lower` was told.
    """
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    visual, whole = model.visual, cast("Callable[[Tensor], Tensor]", model.encode_image)
    if (
        not isinstance(visual, VisionTransformer)
        or visual.pool_type != "tok"
        or visual.attn_pool is not None
    ):
        return whole
    blocks = list(visual.transformer.resblocks)
    if any(
        type(block) is not ResidualAttentionBlock or hasattr(block, "ln_1_kv") for block in blocks
    ):
        return whole
    import torch

    tower, transformer = _shallow(visual), _shallow(visual.transformer)
    if lowered != "fp32":
        blocks = [_with_plain_attention(block, lowered) for block in blocks]
        tower.ln_pre = torch.nn.Sequential(_full_precision(), visual.ln_pre)
    transformer.resblocks = torch.nn.ModuleList([*blocks[:-1], _last(blocks[-1])])
    tower.transformer = transformer
    return cast("Callable[[Tensor], Tensor]", tower)


def _shallow(module: Any) -> Any:
    """A module of its own with the same children and the same weights."""
    twin = copy.copy(module)
    twin._modules = dict(module._modules)
    return twin


def _last(block: Any) -> Any:
    import torch

    class ClassTokenBlock(torch.nn.Module):
        """(N, L, D) -> (N, 1, D): the first token, which looks at all."""

        def forward(self, x: "Tensor", attn_mask: "Tensor | None" = None) -> "Tensor":
            all_tokens = block.ln_1(x)
            token = x[:, :1] + block.ls_1(
                block.attention(all_tokens[:, :1], all_tokens, all_tokens)
            )
            result: Tensor = token + block.ls_2(block.mlp(block.ln_2(token)))
            return result

    return ClassTokenBlock()


def _with_plain_attention(block: Any, lowered: str) -> Any:
    twin = _shallow(block)
    twin.attn = _plain_attention(block.attn, lowered)
    return twin


def _plain_attention(attention: Any, lowered: str) -> Any:
    """The same as a `torch.nn.MultiheadAttention` that is called without a mask."""
    import torch
    import torch.nn.functional as F  # noqa: N812  (its usual name)

    from trawl.models.int8 import Int8Linear

    width, heads = attention.embed_dim, attention.num_heads
    weight, bias, out = attention.in_proj_weight, attention.in_proj_bias, attention.out_proj

    def linear(rows: slice) -> Any:
        if lowered == "int8":
            return Int8Linear(weight[rows], bias[rows])
        return lambda x: F.linear(x, weight[rows], bias[rows])

    to_query, to_key_value = linear(slice(width)), linear(slice(width, None))
    to_out = Int8Linear(out.weight, out.bias) if lowered == "int8" else out

    class PlainAttention(torch.nn.Module):
        def forward(
            self, query: "Tensor", key: "Tensor", value: "Tensor", **_: Any
        ) -> "tuple[Tensor, None]":
            """(N, Q, W), (N, L, W) twice -> (N, Q, W), and None as for weights that nobody asked
            for.
            """
            q = to_query(query).unflatten(2, (heads, -1)).transpose(1, 2)
            k, v = to_key_value(key).unflatten(2, (2, heads, -1)).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v)
            return to_out(mixed.transpose(1, 2).flatten(2)), None

    return PlainAttention()


def _full_precision() -> Any:
    import torch

    class FullPrecision(torch.nn.Module):
        def forward(self, x: "Tensor") -> "Tensor":
            return x.float()

    return FullPrecision()
