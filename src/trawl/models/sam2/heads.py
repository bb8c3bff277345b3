"""SAM 2's mask decoder and memory encoder, for many objects of one frame at once.

What sam2's own `_forward_sam_heads` and `_encode_new_memory` do, less what they repeat: encodings
that never change are made once, only the chosen of three candidate masks is enlarged, and a frame's
features are shared by its objects. Keeps the predicted IoU, which the stock predictor drops. Knows
nothing of time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor

from trawl.models.sam2.images import FrameFeatures

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


@dataclass(frozen=True, slots=True)
class Decoded:
    """B objects on one frame.

    logits (B, 1, S/4, S/4) float32, above 0 on the object; ious (B,) the model's own estimate of
    the mask's IoU, 0-1; presence (B, 1) logits, above 0 where the object is seen; pointers (B, C).
    """

    logits: Tensor
    ious: Tensor
    presence: Tensor
    pointers: Tensor

    def scores(self) -> Tensor:
        """(B,) float32, 0-1: of the mask's quality and the object's presence together."""
        return self.presence[:, 0].float().sigmoid() * self.ious.float()


class Heads:
    """The parts of a model that see one frame at a time."""

    def __init__(self, model: "SAM2Base") -> None:
        self._model: Any = model
        self._side: int = 4 * model.sam_image_embedding_size
        with torch.inference_mode():
            self._dense_place = model.sam_prompt_encoder.get_dense_pe()
            points = (
                torch.zeros(1, 1, 2, device=model.device),
                -torch.ones(1, 1, device=model.device),
            )
            self._unprompted = model.sam_prompt_encoder(points=points, boxes=None, masks=None)
            blank = torch.zeros(
                1, model.hidden_dim, *(2 * [model.sam_image_embedding_size]), device=model.device
            )
            self.place: Tensor = (
                model.image_encoder.neck.position_encoding(blank).flatten(2).transpose(1, 2)
            )

    def track(self, conditioned: Tensor, features: FrameFeatures) -> Decoded:
        """Objects where memory says: (B, C, h, w), the frame's features in the light of each
        object's memory.
        """
        sparse, dense = (t.expand(len(conditioned), *t.shape[1:]) for t in self._unprompted)
        return self._decode(
            conditioned, features, sparse, dense, self._model._use_multimask(False, None)
        )

    def point(self, features: FrameFeatures, coords: Tensor, labels: Tensor) -> Decoded:
        """Objects where points say: (B, P, 2) xy pixels of the model's input, and (B, P) int32: 1
        on the object, 0 beside it, 2 and 3 a box's first and last corner.
        """
        top = (features.top + self._model.no_mem_embed.view(1, -1, 1, 1)).expand(
            len(coords), -1, -1, -1
        )
        sparse, dense = self._model.sam_prompt_encoder(
            points=(coords, labels), boxes=None, masks=None
        )
        several = self._model._use_multimask(True, {"point_labels": labels})
        return self._decode(top, features, sparse, dense, several)

    def copy(self, features: FrameFeatures, masks: Tensor) -> Decoded:
        """Objects as masks (B, 1, S, S) of 0 and 1 say: the masks themselves, with pointers from
        the decoder.
        """
        top = features.top.expand(len(masks), -1, -1, -1)
        _, _, ious, logits, _, pointers, presence = self._model._use_mask_as_output(
            top, list(features.high), masks
        )
        return Decoded(logits, ious[:, 0], presence, pointers)

    def remember(self, features: FrameFeatures, decoded: Decoded, prompted: bool) -> Tensor:
        """-> (B, Q, M) memories of what was decoded, rounded to bfloat16 as the stock predictor
        stores them.
        """
        model = self._model
        masks = F.interpolate(
            decoded.logits,
            (model.image_size, model.image_size),
            mode="bilinear",
            align_corners=False,
        )
        hard = prompted and model.binarize_mask_from_pts_for_mem_enc
        masks = (masks > 0).float() if hard else masks.sigmoid_()
        masks = masks.mul_(model.sigmoid_scale_for_mem_enc).add_(model.sigmoid_bias_for_mem_enc)
        memory = model.memory_encoder(features.top, masks, skip_mask_sigmoid=True)[
            "vision_features"
        ]
        if model.no_obj_embed_spatial is not None:
            absent = 1 - (decoded.presence > 0).float()
            memory = memory + absent[..., None, None] * model.no_obj_embed_spatial[..., None, None]
        rounded: Tensor = memory.to(torch.bfloat16).flatten(2).transpose(1, 2)
        kind = rounded.device.type
        return rounded.to(
            torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.float32
        )

    def _decode(
        self, top: Tensor, features: FrameFeatures, sparse: Tensor, dense: Tensor, several: bool
    ) -> Decoded:
        from sam2.modeling.sam2_base import NO_OBJ_SCORE

        model = self._model
        logits, ious, tokens, presence = model.sam_mask_decoder(
            image_embeddings=top,
            image_pe=self._dense_place,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=several,
            repeat_image=False,
            high_res_features=list(features.high) or None,
        )
        token = tokens[:, 0]
        if several:
            row, best = torch.arange(len(ious), device=ious.device), ious.argmax(dim=-1)
            logits, ious = logits[row, best][:, None], ious[row, best][:, None]
            token = tokens[row, best] if tokens.shape[1] > 1 else token
        seen = presence > 0
        logits = torch.where(seen[..., None, None], logits, NO_OBJ_SCORE).float()
        pointers = model.obj_ptr_proj(token)
        visible = presence.sigmoid() if model.soft_no_obj_ptr else seen.float()
        if model.fixed_no_obj_ptr:
            pointers = visible * pointers
        pointers = pointers + (1 - visible) * model.no_obj_ptr
        return Decoded(logits, ious[:, 0], presence, pointers)
