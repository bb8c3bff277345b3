"""Describes a grounder's model, before any work starts and without torch.

The counterpart of `weights.Blueprint`.
"""

from dataclasses import dataclass
from typing import Any

from trawl.models.clip.weights import Blueprint


@dataclass(frozen=True, slots=True)
class GrounderBlueprint:
    """One model, settled: equal identities find the same things, up to rounding between machines.

    kind: as in the settings. weights: as configured; sha256 of the file, or of the word for weights
    that have none. path: the checkpoint on this machine (a folder for transformers' models), None
    where there is none. embedder: of kind clip.
    """

    kind: str
    model: str
    weights: str
    sha256: str
    path: str | None
    precision: str
    embedder: Blueprint | None = None

    def identity(self) -> dict[str, Any]:
        """Return what a track's lineage keeps, as plain JSON values."""
        return {
            name: getattr(self, name)
            for name in ("kind", "model", "weights", "sha256", "precision")
        }
