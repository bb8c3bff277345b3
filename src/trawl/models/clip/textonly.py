"""A CLIP text tower in numpy, so that a query need not wait for torch: 0.3 s to the first vector
instead of 5 s and more.

The transformer of Radford et al. 2021 as open_clip builds it from a plain `text_cfg`: causal,
pre-norm, pooled at the end token. It reads the text tower alone out of a safetensors file. Whatever
differs (another tokenizer, pooling or block, a pickled checkpoint) is not for this file: `tower`
says None and torch does it. Traded away: a second implementation of forty lines, pinned to the
first by tests.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl.models.clip import bare, catalog
from trawl.models.clip.weights import BUILTIN, Blueprint, random_seed
from trawl.records.arrays import Embeddings

Floats = NDArray[np.float32]

_PLAIN = {"context_length", "vocab_size", "width", "heads", "layers"}
_READABLE = {"F32", "F16"}


def tower(blueprint: Blueprint) -> "TextTower | None":
    """The text tower of an embedder, or None where torch is needed for it."""
    path = blueprint.path
    if (
        random_seed(blueprint.weights) is not None
        or path is None
        or not path.endswith(".safetensors")
    ):
        return None
    config = _config(blueprint)
    if not set(config["text_cfg"]) <= _PLAIN:
        return None
    arrays = _read(Path(path))
    return TextTower(arrays, config) if arrays else None


class TextTower:
    """Texts to unit vectors."""

    def __init__(self, arrays: Mapping[str, Floats], config: Mapping[str, Any]) -> None:
        """
        Args:
            arrays: the tower's tensors by open_clip's names, without a prefix.
            config: the model's `text_cfg` and, if set, `quick_gelu`.
        """
        text = config["text_cfg"]
        self._arrays = arrays
        self._heads: int = text.get("heads", 8)
        self._layers: int = text.get("layers", 12)
        self._activation = _quick_gelu if config.get("quick_gelu") else _gelu
        self._tokenizer = bare.tokenizer().SimpleTokenizer()
        self._context: int = text.get("context_length", 77)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Q texts -> (Q, D) float32, unit length.

        Q may be 0. A text beyond the model's context is cut.
        """
        dim = self._arrays["text_projection"].shape[1]
        if not texts:
            return np.empty((0, dim), np.float32)
        vectors = np.stack([self._embed(self._tokens(text)) for text in texts])
        unit: Embeddings = vectors / np.maximum(
            np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12
        )
        return unit

    def _tokens(self, text: str) -> list[int]:
        """Start, the words, end: at most the model's context, the end token kept."""
        start, end = self._tokenizer.sot_token_id, self._tokenizer.eot_token_id
        return [start, *self._tokenizer.encode(text)[: self._context - 2], end]

    def _embed(self, tokens: list[int]) -> Floats:
        """(D,) of one text.

        Attention is causal, so what would stand behind the end token cannot matter.
        """
        a = self._arrays
        x: Floats = a["token_embedding.weight"][tokens] + a["positional_embedding"][: len(tokens)]
        for layer in range(self._layers):
            block = f"transformer.resblocks.{layer}."
            x = x + self._attention(self._norm(x, f"{block}ln_1"), f"{block}attn.")
            hidden = self._activation(
                self._linear(self._norm(x, f"{block}ln_2"), f"{block}mlp.c_fc")
            )
            x = x + self._linear(hidden, f"{block}mlp.c_proj")
        pooled: Floats = self._norm(x[-1:], "ln_final") @ a["text_projection"]
        vector: Floats = pooled[0]
        return vector

    def _attention(self, x: Floats, name: str) -> Floats:
        """(T, W) -> (T, W), each of T tokens seeing those before it."""
        count, width = x.shape
        packed = x @ self._arrays[f"{name}in_proj_weight"].T + self._arrays[f"{name}in_proj_bias"]
        # each (heads, T, W / heads)
        q, k, v = packed.reshape(count, 3, self._heads, -1).transpose(1, 2, 0, 3)
        scores = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(width // self._heads))
        scores = np.where(np.tri(count, dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return self._linear(
            (weights @ v).transpose(1, 0, 2).reshape(count, width), f"{name}out_proj"
        )

    def _linear(self, x: Floats, name: str) -> Floats:
        y: Floats = x @ self._arrays[f"{name}.weight"].T + self._arrays[f"{name}.bias"]
        return y

    def _norm(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(1e-5))
        y: Floats = scaled * self._arrays[f"{name}.weight"] + self._arrays[f"{name}.bias"]
        return y


def _config(blueprint: Blueprint) -> Mapping[str, Any]:
    if blueprint.weights == BUILTIN:
        from trawl.demo import clip

        return clip.config()
    return catalog.config(blueprint.model)


def _read(path: Path) -> dict[str, Floats]:
    """The text tower's tensors without their prefix; {} where the file holds none that numpy can
    read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            names = set(file.keys())
            prefix = "text." if "text.text_projection" in names else ""
            wanted = [
                name for name in names if name.startswith(prefix) and not name.startswith("visual.")
            ]
            if f"{prefix}text_projection" not in names:
                return {}
            if any(
                file.get_slice(name).get_dtype() not in _READABLE
                for name in wanted
                if name not in _PACKED
            ):
                return {}
            arrays = {name.removeprefix(prefix): file.get_tensor(name) for name in wanted}
    except SafetensorError:
        return {}  # torch's loader has the words for a damaged file
    return {name: array.astype(np.float32, copy=False) for name, array in _unpack(arrays).items()}


_PACKED = ("token_ids", "token_rows", "token_other", "vocab_size")


def _unpack(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The demo model's file holds only the rows of the token table that it learned, and one for all
    others.
    """
    if "token_ids" not in arrays:
        return arrays
    ids, rows, other, size = (arrays.pop(name) for name in _PACKED)
    table = np.repeat(other.astype(np.float32), int(size), axis=0)
    table[ids] = rows
    return {**arrays, "token_embedding.weight": table}


def _quick_gelu(x: Floats) -> Floats:
    y: Floats = x / (1 + np.exp(np.float32(-1.702) * x))
    return y


def _gelu(x: Floats) -> Floats:
    y: Floats = x * np.float32(0.5) * (1 + _erf(x / np.float32(np.sqrt(2))))
    return y


def _erf(x: Floats) -> Floats:
    """Abramowitz and Stegun 7.1.26, off by at most 1.5e-7; numpy has none of its own."""
    t: NDArray[Any] = 1 / (1 + np.float32(0.3275911) * np.abs(x))
    series: Floats = np.full_like(x, 1.061405429)
    for factor in np.array([-1.453152027, 1.421413741, -0.284496736, 0.254829592], np.float32):
        series = series * t + factor
    y: Floats = np.sign(x) * (np.float32(1) - series * t * np.exp(-x * x))
    return y
