"""How much was computed, and how much was not because it was known."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

# What is counted, and the part of the work whose time it takes.
PART_OF = {"frames_grounded": "ground", "object_frames": "track", "crops": "embed"}


@dataclass(slots=True)
class Tally:
    """saved, made: how many of each of `PART_OF`; an object on a frame counts for each way it is followed. saved_cpu_s: by
    part, the CPU seconds that computing it took when it was computed."""

    saved: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    saved_cpu_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def save(self, kind: str, count: int, cpu_s: float) -> None:
        """Something was known."""
        self.saved[kind] += count
        self.saved_cpu_s[PART_OF[kind]] += cpu_s

    def make(self, kind: str, count: int) -> None:
        """Something was computed."""
        self.made[kind] += count
