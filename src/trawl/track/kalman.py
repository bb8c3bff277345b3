"""A point that moves at a constant velocity, as far as noise lets it: a Kalman filter over
irregular times.

x and y are alike and independent, so that one 2 x 2 covariance of (position, velocity) serves both.
Lengths are pixels; callers scale the noise by the object's size, which makes every threshold hold
at any resolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trawl.records.tracking import MaskRow

_TAIL = 30  # rows that the estimate rests on; older ones have no weight left


@dataclass(slots=True)
class ConstantVelocity:
    """The state after the last update.

    xy (2,) pixels at time_s; velocity (2,) pixels per second. noise: standard deviation of a
    measured position, pixels;
    drift: of the velocity's change within a second, pixels per second.
    """

    time_s: float
    xy: NDArray[np.float64]
    noise: float
    drift: float
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    covariance: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.covariance = np.diag([self.noise**2, self.drift**2])

    def predict(self, time_s: float) -> tuple[NDArray[np.float64], float]:
        """Predict where the point will be measured at `time_s` >= the state's, (2,) pixels, and the
        variance of that, each axis.
        """
        covariance = self._spread(time_s)
        return self.xy + self.velocity * (time_s - self.time_s), float(
            covariance[0, 0]
        ) + self.noise**2

    def update(self, time_s: float, xy: NDArray[np.float64]) -> float:
        """Take a measurement in.

        Returns how far it was from the prediction, in standard deviations.
        """
        expected, variance = self.predict(time_s)
        covariance = self._spread(time_s)
        gain = covariance[:, 0] / variance
        surprise = xy - expected
        self.xy = expected + gain[0] * surprise
        self.velocity = self.velocity + gain[1] * surprise
        self.covariance = covariance - np.outer(gain, covariance[0])
        self.time_s = time_s
        return float(np.hypot(*surprise)) / float(np.sqrt(variance))

    def _spread(self, time_s: float) -> NDArray[np.float64]:
        dt = time_s - self.time_s
        move = np.array([[1.0, dt], [0.0, 1.0]])
        added = self.drift**2 * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
        spread: NDArray[np.float64] = move @ self.covariance @ move.T + added
        return spread


def of_rows(
    rows: Sequence[MaskRow], noise: float, drift: float, backward: bool = False
) -> ConstantVelocity:
    """The motion at the end of rows in time order, or with `backward` before their start, in time
    that runs backward.

    noise and drift as of `ConstantVelocity`, but in sizes of the object (the root of its median
    area). Backward, the state's times are negative: ask for -time_s.
    """
    tail = rows[:_TAIL][::-1] if backward else rows[-_TAIL:]
    sign = -1 if backward else 1
    size = object_size(tail)
    state = ConstantVelocity(sign * tail[0].time_s, centre(tail[0]), noise * size, drift * size)
    for row in tail[1:]:
        state.update(sign * row.time_s, centre(row))
    return state


def centre(row: MaskRow) -> NDArray[np.float64]:
    """(2,) xy pixels: the middle of the row's box."""
    left, top, right, bottom = row.box
    return np.array([(left + right) / 2, (top + bottom) / 2])


def object_size(rows: Sequence[MaskRow]) -> float:
    """The root of the median area of the rows' masks, pixels, at least 1: the length that an
    object's motion is measured in.
    """
    seen = [row.area for row in rows if row.rle is not None]
    return max(float(np.sqrt(np.median(seen))), 1.0) if seen else 1.0
