"""Describes one demo video: things that move, and backgrounds behind them.

Sampled here, drawn in `render.py`.

A scene is a frozen record of numbers: places are shares of the frame (0-1 inside it) and functions
of the time alone, so one scene can be drawn at any size, any rate and any single instant. Knows
nothing of pixels or files. Two things of a scene never share both colour and shape, but often one
of the two: those are the look-alikes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trawl.demo.words import BACKGROUNDS, COLORS, SHAPES, SIZES, Pair

_ENTRY_S = 1.1  # a thing that comes or goes takes this long to cross the frame's edge


@dataclass(frozen=True, slots=True)
class Axis:
    """One coordinate over time, between centre - reach and centre + reach. kind: "sway" (sine) or
    "bounce" (triangle).
    """

    kind: str
    centre: float
    reach: float
    rate: float  # cycles per second
    phase: float  # 0-1

    def at(self, time_s: float) -> float:
        turn = self.rate * time_s + self.phase
        wave = math.sin(2 * math.pi * turn) if self.kind == "sway" else 4 * abs(turn % 1 - 0.5) - 1
        return self.centre + self.reach * wave


@dataclass(frozen=True, slots=True)
class Thing:
    """One object. Later things of a scene pass in front of earlier ones.

    rgb 0-255; diameter as a share of the frame's short side; squash is height over width before
    turning; angle in radians, spin in radians per second; enter_s and leave_s: present between
    them, -inf and inf when always.
    """

    color: str
    shape: str
    size: str
    rgb: tuple[float, float, float]
    diameter: float
    squash: float
    angle: float
    spin: float
    x: Axis
    y: Axis
    pattern: str  # "plain", "stripes" or "dots"
    pattern_scale: float
    pattern_depth: float
    light: float  # direction the light comes from, radians
    enter_s: float
    leave_s: float
    exit_angle: float  # direction of the edge it comes and goes by

    def present(self, time_s: float) -> bool:
        return self.enter_s <= time_s < self.leave_s

    def place(self, time_s: float) -> tuple[float, float]:
        """Centre at a time, as shares of the frame; outside 0-1 when it has left the picture."""
        gone = _eased(1 - (time_s - self.enter_s) / _ENTRY_S) + _eased(
            1 - (self.leave_s - time_s) / _ENTRY_S
        )
        push = 1.5 * gone
        return self.x.at(time_s) + push * math.cos(self.exit_angle), self.y.at(
            time_s
        ) + push * math.sin(self.exit_angle)


@dataclass(frozen=True, slots=True)
class Backdrop:
    """A background from `start_s` on: its kind, the seed of its texture, and how the camera moves
    over it.
    """

    kind: str
    seed: int
    start_s: float
    pan_x: Axis
    pan_y: Axis
    zoom: Axis
    turn: Axis


@dataclass(frozen=True, slots=True)
class Scene:
    """Things in drawing order, backdrops in time order; duration in seconds; the sensor's noise in
    grey levels.
    """

    things: tuple[Thing, ...]
    backdrops: tuple[Backdrop, ...]
    duration_s: float
    noise: float
    noise_seed: int

    def backdrop_index(self, time_s: float) -> int:
        return max(i for i, drop in enumerate(self.backdrops) if drop.start_s <= time_s or i == 0)


def _eased(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)


def choose_pairs(
    rng: np.random.Generator,
    allowed: Sequence[Pair],
    count: int,
    first: Pair | None = None,
    alike: float = 0.45,
) -> list[Pair]:
    """`count` different pairs, `first` among them; a further one shares a word with an earlier one
    with chance `alike`.
    """
    chosen = [first or allowed[int(rng.integers(len(allowed)))]]
    while len(chosen) < count:
        pool = [p for p in allowed if p not in chosen]
        if rng.random() < alike:
            model = chosen[int(rng.integers(len(chosen)))]
            word = int(rng.integers(2))
            pool = [p for p in pool if p[word] == model[word]] or pool
        chosen.append(pool[int(rng.integers(len(pool)))])
    return chosen


def sample(
    rng: np.random.Generator, pairs: Sequence[Pair], duration_s: float, staggered: bool = False
) -> Scene:
    """A scene of these pairs. staggered: things come and go one by one, and the background is cut
    once or more.
    """
    spans = [(-math.inf, math.inf)] * len(pairs)
    cuts = [0.0]
    if staggered:
        spans = _staggered(rng, len(pairs), duration_s)
        cuts += sorted(
            float(c) for c in rng.uniform(0.15, 0.9, int(rng.integers(1, 4))) * duration_s
        )
    things = tuple(_thing(rng, pair, span) for pair, span in zip(pairs, spans))
    drops = tuple(_backdrop(rng, start_s) for start_s in cuts)
    return Scene(things, drops, duration_s, float(rng.uniform(0.5, 3.0)), int(rng.integers(2**31)))


def _staggered(
    rng: np.random.Generator, count: int, duration_s: float
) -> list[tuple[float, float]]:
    """Slots of equal length in random order, each stretched so that neighbours overlap a little."""
    slot = duration_s / count
    spans = [
        (k * slot - rng.uniform(0.5, 2), (k + 1) * slot + rng.uniform(0.5, 2))
        for k in rng.permutation(count)
    ]
    return [(float(a), float(b)) for a, b in spans]


def _axis(rng: np.random.Generator, reach: float) -> Axis:
    kind = "sway" if rng.random() < 0.5 else "bounce"
    centre = 0.5 + float(rng.uniform(-1, 1)) * max(0.42 - reach, 0.0)
    speed = float(rng.uniform(0.06, 0.34))  # frames per second, in lengths of the frame
    return Axis(kind, centre, reach, speed / (4 * reach), float(rng.random()))


def _thing(rng: np.random.Generator, pair: Pair, span: tuple[float, float]) -> Thing:
    color, shape = pair
    size = list(SIZES)[int(rng.choice(3, p=[0.3, 0.45, 0.25]))]
    leaves = rng.random() < 0.2  # this one crosses the edge and comes back
    x = _axis(rng, 0.75 if leaves and rng.random() < 0.6 else float(rng.uniform(0.12, 0.4)))
    y = _axis(rng, 0.75 if leaves and x.reach < 0.5 else float(rng.uniform(0.1, 0.38)))
    return Thing(
        color=color,
        shape=shape,
        size=size,
        rgb=_tinted(rng, color),
        diameter=float(rng.uniform(*SIZES[size])),
        squash=float(rng.uniform(0.78, 1.0)),
        angle=float(rng.uniform(-math.pi, math.pi)),
        spin=float(rng.uniform(-1.1, 1.1)) * (rng.random() < 0.75),
        x=x,
        y=y,
        pattern=("plain", "stripes", "dots")[int(rng.choice(3, p=[0.5, 0.25, 0.25]))],
        pattern_scale=float(rng.uniform(3, 7)),
        pattern_depth=float(rng.uniform(0.06, 0.2)),
        light=float(rng.uniform(-math.pi, math.pi)),
        enter_s=span[0],
        leave_s=span[1],
        exit_angle=float(rng.integers(4)) * math.pi / 2,
    )


def _tinted(rng: np.random.Generator, color: str) -> tuple[float, float, float]:
    r, g, b = np.clip(
        np.array(COLORS[color]) * rng.uniform(0.93, 1.04) + rng.uniform(-9, 9, 3), 4, 255
    )
    return float(r), float(g), float(b)


def _backdrop(rng: np.random.Generator, start_s: float) -> Backdrop:
    kind = list(BACKGROUNDS)[int(rng.integers(len(BACKGROUNDS)))]

    def drift(reach: float, centre: float = 0.0) -> Axis:
        return Axis(
            "sway",
            centre,
            reach * float(rng.random()),
            float(rng.uniform(0.02, 0.09)),
            float(rng.random()),
        )

    return Backdrop(
        kind,
        int(rng.integers(2**31)),
        start_s,
        drift(0.22),
        drift(0.22),
        drift(0.16, 1.0),
        drift(0.25),
    )


assert len(SHAPES) == len(COLORS) == 12  # the held-out pairs are two diagonals of a 12 x 12 square
