"""An open_clip ViT that computes, in its last block, only the token that becomes the embedding.

A CLIP ViT's embedding is its class token; the last block's other tokens are thrown away, and with them ten of the twelve
parts of that block's work: 7 % of a picture for a ViT-B, 3.5 % for a ViT-L. Same weights, same result.
"""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from torch import Tensor


def image_encoder(model: Any) -> "Callable[[Tensor], Tensor]":
    """`model.encode_image`, or where its tower is a ViT that pools its class token, one that does less with the same weights.

    The model stays as it is, for those who want its patches.
    """
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    visual, whole = model.visual, cast("Callable[[Tensor], Tensor]", model.encode_image)
    if not isinstance(visual, VisionTransformer) or visual.pool_type != "tok" or visual.attn_pool is not None:
        return whole
    *blocks, last = visual.transformer.resblocks
    if type(last) is not ResidualAttentionBlock or hasattr(last, "ln_1_kv"):
        return whole
    import torch

    transformer = _shallow(visual.transformer)
    transformer.resblocks = torch.nn.ModuleList([*blocks, _last(last)])
    tower = _shallow(visual)
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
            token = x[:, :1] + block.ls_1(block.attention(all_tokens[:, :1], all_tokens, all_tokens))
            result: Tensor = token + block.ls_2(block.mlp(block.ln_2(token)))
            return result

    return ClassTokenBlock()
