"""The first weights of the demo SAM 2, before any training.

sam2's own are meant for a backbone that is trained already and for a thousand GPU hours. From
nothing, its decoder spends most of a short training outlining everything at once, until its
attention has found out that a prompt and the picture share a positional encoding. Here it starts
out knowing that.
"""

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


def prime(model: "SAM2Base") -> None:
    """Change a fresh model's weights in place, by torch's global generator."""
    _look_where_the_prompt_points(model)
    _look_at_the_same_place_in_memory(model)
    for fine in (model.sam_mask_decoder.conv_s0, model.sam_mask_decoder.conv_s1):
        # details that know nothing of the prompt, louder at first than what does
        fine.weight.data.mul_(0.3)
    # a score below zero hides the masks, and with them what they could learn
    nn.init.constant_(model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias, 3.0)


def _look_where_the_prompt_points(model: "SAM2Base") -> None:
    """Between tokens and picture: queries and keys by one projection, so that likeness of position
    attracts.
    """
    decoder = model.sam_mask_decoder.transformer
    crossings = [decoder.final_attn_token_to_image]
    for layer in decoder.layers:
        crossings += [layer.cross_attn_token_to_image, layer.cross_attn_image_to_token]
    for attention in crossings:
        nn.init.normal_(attention.q_proj.weight, std=0.15)
        attention.k_proj.weight.data.copy_(attention.q_proj.weight.data)
        nn.init.zeros_(attention.q_proj.bias)
        nn.init.zeros_(attention.k_proj.bias)
    for embedding in model.sam_prompt_encoder.point_embeddings:
        # as drawn they outweigh the position that they are added to
        embedding.weight.data.mul_(0.3)


def _look_at_the_same_place_in_memory(model: "SAM2Base") -> None:
    """A constant in queries and keys becomes, turned by their places, a window around the same
    place.
    """
    for layer in model.memory_attention.layers:
        nn.init.constant_(layer.cross_attn_image.q_proj.bias, 1.5)
        nn.init.constant_(layer.cross_attn_image.k_proj.bias, 1.5)
