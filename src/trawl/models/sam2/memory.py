"""Keeps SAM 2's memories of each object, and conditions a frame's features on them, for many
objects at once.

    h w    of the coarsest features    C    their channels    M    channels of a memory    B
           objects    Q = h*w

The stock predictor attends to memories one object at a time. Here objects whose memories have the
same layout (as many prompted frames, memories and pointers, at the same distances in time but for
those of the prompted) go together. Only what a later frame can still look at is kept, so an
object's memory does not grow. Knows nothing of prompts or masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


@dataclass(frozen=True, slots=True)
class Memory:
    """One object on one frame. features (Q, M), rounded to bfloat16 as the stock predictor stores
    them; pointer (C,).
    """

    features: Tensor
    pointer: Tensor


@dataclass(slots=True)
class ObjectMemory:
    """One object: its prompted frames, which stay, and the last few tracked ones.

    Keys are frame positions.
    """

    prompted: dict[int, Memory]
    features: dict[int, Tensor] = field(default_factory=dict)
    pointers: dict[int, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recall:
    """Holds the memories of one object that a frame attends to.

    slots: of each memory, which of the learned encodings of time it gets; features likewise.
    distances: in frames, of each pointer.
    """

    slots: tuple[int, ...]
    features: list[Tensor]
    distances: tuple[int, ...]
    pointers: list[Tensor]

    @property
    def layout(self) -> tuple[tuple[int, ...], int]:
        """Equal for objects that can go together."""
        return self.slots, len(self.distances)


class MemoryBank:
    """Keeps, recalls and attends to a model's memories, in one direction through a session."""

    def __init__(self, model: "SAM2Base", num_frames: int, reverse: bool) -> None:
        self._model: Any = model
        self._attention: Any = model.memory_attention
        self._sign = -1 if reverse else 1
        # The stock predictor scales distances by the clip's length where that is shorter than the
        # pointers' reach.
        self._num_pointers = (
            min(num_frames, model.max_obj_ptrs_in_encoder) if model.use_obj_ptrs_in_encoder else 0
        )
        self._times: dict[tuple[int, ...], Tensor] = {}

    def keep(self, memory: ObjectMemory, position: int, new: Memory) -> None:
        """Add a tracked frame and drop what no later frame looks at."""
        memory.features[position] = new.features
        memory.pointers[position] = new.pointer
        _drop(memory.features, position, self._model.num_maskmem - 1)
        _drop(memory.pointers, position, self._num_pointers - 1)

    def recall(self, memory: ObjectMemory, position: int) -> Recall:
        """Return the memories that the stock predictor would look at on a frame, in its order."""
        slots = [self._model.num_maskmem - 1] * len(memory.prompted)
        features = [prompted.features for prompted in memory.prompted.values()]
        for distance in range(self._model.num_maskmem - 1, 0, -1):
            found = memory.features.get(position - self._sign * distance)
            if found is not None:
                slots.append(distance - 1)
                features.append(found)
        pointers = self._pointers(memory, position) if self._num_pointers else []
        return Recall(
            tuple(slots),
            features,
            tuple(d for d, _ in pointers),
            [pointer for _, pointer in pointers],
        )

    def _pointers(self, memory: ObjectMemory, position: int) -> list[tuple[int, Tensor]]:
        found = []
        for at, prompted in memory.prompted.items():
            ahead = (position - at) * self._sign
            if ahead >= 0 or not self._model.only_obj_ptrs_in_the_past_for_eval:
                signed = self._model.use_signed_tpos_enc_to_obj_ptrs
                found.append((ahead if signed else abs(ahead), prompted.pointer))
        for distance in range(1, self._num_pointers):
            pointer = memory.pointers.get(position - self._sign * distance)
            if pointer is not None:
                found.append((distance, pointer))
        return found

    def queries(self, top: Tensor, place: Tensor) -> Tensor:
        """(1, C, h, w) and its encoding of place (1, Q, C) -> (1, Q, C): a frame before it meets
        any memory.

        The first self-attention belongs here: it is the same for every object.
        """
        query = top.flatten(2).transpose(1, 2)
        if self._attention.pos_enc_at_input:
            query = query + 0.1 * place
        attended: Tensor = self._attention.layers[0]._forward_sa(query, place)
        return attended

    def attend(self, queries: Tensor, place: Tensor, recalls: Sequence[Recall]) -> Tensor:
        """A frame in the light of B objects' memories, all of one layout: (1, Q, C) -> (B, C, h,
        w).
        """
        memory, key = self._tokens(recalls)
        num_pointer_tokens = memory.shape[1] - len(recalls[0].slots) * queries.shape[1]
        output = self.layers(
            queries.expand(len(recalls), -1, -1), place, memory, key, num_pointer_tokens
        )
        side = self._model.sam_image_embedding_size
        return output.transpose(1, 2).reshape(len(recalls), -1, side, side)

    def layers(
        self, output: Tensor, place: Tensor, memory: Tensor, key: Tensor, num_pointer_tokens: int
    ) -> Tensor:
        """sam2's MemoryAttention from its first cross-attention on.

        (B, Q, C) with memory and key (B, L, M) -> (B, Q, C).
        """
        for number, layer in enumerate(self._attention.layers):
            if number:
                output = layer._forward_sa(output, place)
            query = layer.norm2(output)
            if layer.pos_enc_at_cross_attn_queries:
                query = query + place
            output = output + layer.cross_attn_image(
                q=query,
                k=key if layer.pos_enc_at_cross_attn_keys else memory,
                v=memory,
                num_k_exclude_rope=num_pointer_tokens,
            )
            output = output + layer.linear2(layer.activation(layer.linear1(layer.norm3(output))))
        normed: Tensor = self._attention.norm(output)
        return normed

    def _tokens(self, recalls: Sequence[Recall]) -> tuple[Tensor, Tensor]:
        """-> values and keys (B, L, M): all memories, then all pointers, each split into C/M
        tokens.
        """
        size = self._model.mem_dim
        values = torch.cat([f for recall in recalls for f in recall.features]).view(
            len(recalls), -1, size
        )
        times = self._time(recalls[0].slots).expand(len(recalls), -1, -1)
        if not recalls[0].pointers:
            return values, values + times
        pointers = torch.stack([p for recall in recalls for p in recall.pointers]).view(
            len(recalls), -1, size
        )
        values = torch.cat([values, pointers], dim=1)
        return values, values + torch.cat([times, self._distances(recalls, pointers)], dim=1)

    def _time(self, slots: tuple[int, ...]) -> Tensor:
        """(1, len(slots) * Q, M): the encodings of place and of time of memories."""
        if slots not in self._times:
            side = self._model.sam_image_embedding_size
            blank = self._model.maskmem_tpos_enc.new_zeros(1, self._model.mem_dim, side, side)
            place = self._model.memory_encoder.position_encoding(blank).flatten(2).transpose(1, 2)
            self._times[slots] = torch.cat(
                [place + self._model.maskmem_tpos_enc[slot] for slot in slots], dim=1
            )
        return self._times[slots]

    def _distances(self, recalls: Sequence[Recall], pointers: Tensor) -> Tensor:
        """(B, P * C/M, M): the encodings of the pointers' distances in time."""
        model = self._model
        if not model.add_tpos_enc_to_obj_ptrs:
            return torch.zeros_like(pointers)
        from sam2.modeling.sam2_utils import get_1d_sine_pe

        distances = torch.tensor([recall.distances for recall in recalls], device=pointers.device)
        width = model.hidden_dim if model.proj_tpos_enc_in_obj_ptrs else model.mem_dim
        encoded: Tensor = model.obj_ptr_tpos_proj(
            get_1d_sine_pe(distances / (self._num_pointers - 1), dim=width)
        )
        return encoded.repeat_interleave(model.hidden_dim // model.mem_dim, dim=1)


def _drop(kept: dict[int, Tensor], position: int, reach: int) -> None:
    """Forget what is so far from a frame that the next one cannot look at it.

    Keys are in the order of visits.
    """
    while kept and abs(position - (oldest := next(iter(kept)))) >= reach:
        del kept[oldest]
