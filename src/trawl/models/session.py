"""Checks the frames and prompts of every tracker's session, and orders its visits to frames.

Spatial things at a session's border, prompts in and masks out, are in pixels of the session's
`size`, whatever size the frames have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trawl.records.arrays import Frames
from trawl.records.tracking import Prompt


def check_frames(frames: Frames, size: tuple[int, int] | None) -> tuple[int, int]:
    """-> the size (height, width) of the session's masks.

    Raises ValueError where no session can be opened.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        raise ValueError(
            f"expected uint8 frames (T, H, W, 3), T at least 1, got {frames.dtype} {frames.shape}"
        )
    height, width = size or frames.shape[1:3]
    if height < 1 or width < 1:
        raise ValueError(f"size={size} has no pixels")
    return int(height), int(width)


def check_prompts(
    prompts: Sequence[Prompt], length: int, size: tuple[int, int], one_each: bool = False
) -> None:
    """Raises ValueError for a prompt outside of the session. one_each: at most one of an object on
    a frame.
    """
    for prompt in prompts:
        if not 0 <= prompt.position < length:
            raise ValueError(
                f"position {prompt.position} is outside of the session's {length} frames"
            )
        if prompt.mask is not None and prompt.mask.shape != size:
            raise ValueError(f"a mask prompt of {prompt.mask.shape} in a session of {size}")
    if one_each and len({(prompt.object_id, prompt.position) for prompt in prompts}) < len(prompts):
        raise ValueError("an object has two prompts on one frame: put box and points into one")


@dataclass(frozen=True, slots=True)
class Spans:
    """Holds the first frame of each object, in order of the prompts, and which way it is followed."""

    starts: dict[int, int]
    reverse: bool

    def positions(self, length: int) -> range:
        """The frames to visit, in order; none where there is no object."""
        if not self.starts:
            return range(0)
        return (
            range(max(self.starts.values()), -1, -1)
            if self.reverse
            else range(min(self.starts.values()), length)
        )

    def begun(self, position: int) -> list[int]:
        """The objects that have begun by a frame."""
        return [
            i
            for i, start in self.starts.items()
            if (start >= position if self.reverse else start <= position)
        ]


def spans(prompts: Sequence[Prompt], reverse: bool) -> Spans:
    """Each object begins at its own first prompt, in reverse at its last."""
    starts: dict[int, int] = {}
    first = max if reverse else min
    for prompt in prompts:
        starts[prompt.object_id] = first(
            starts.get(prompt.object_id, prompt.position), prompt.position
        )
    return Spans(starts, reverse)
