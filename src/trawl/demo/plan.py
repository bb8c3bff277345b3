"""Plans a demo corpus: every parameter of video number `index`, from the seed and the index alone.

Videos are planned one by one, so that a larger corpus begins with the smaller one's videos and any
of them can be made by any process. The special ones come at fixed positions: of every twelve one is
turned, one has a variable frame rate, one is long.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from trawl.demo import words
from trawl.demo.scene import Scene, choose_pairs, sample

# Of every eight videos four train, one validates, three test.
_SPLITS = ("train", "train", "train", "train", "val", "test", "test", "test")
# (H, W) as displayed
_FRAME_SIZES = ((240, 320), (216, 384), (320, 320), (300, 400), (240, 432), (360, 320))
_VARIABLE_BASE = Fraction(1, 90_000)


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """One video to be made. ticks * time_base are the frames' times in seconds; size is (H, W) as
    displayed.
    """

    video_id: str
    split: str
    scene: Scene
    size: tuple[int, int]
    rotation_deg: int
    variable_rate: bool
    time_base: Fraction
    ticks: tuple[int, ...]

    @property
    def times_s(self) -> list[float]:
        """Exact presentation times: the float nearest to tick * time_base."""
        return [tick * self.time_base.numerator / self.time_base.denominator for tick in self.ticks]

    @property
    def fps(self) -> float:
        """The average rate: frames but one over the time from the first to the last."""
        return (len(self.ticks) - 1) / float((self.ticks[-1] - self.ticks[0]) * self.time_base)


def plan_video(seed: int, index: int) -> VideoPlan:
    """Video `index` of the corpus with this seed; the same whatever the size of the corpus."""
    split = _SPLITS[index % 8]
    # the split is part of the seed so that training scenes can be drawn freely without ever meeting
    # a test scene
    rng = np.random.default_rng([seed, ("train", "val", "test").index(split), index])
    long, turned, variable = index % 12 == 11, index % 12 == 5, index % 12 == 7
    rate = int(rng.choice([24, 25, 30]))
    duration_s = float(rng.uniform(40, 58) if long else rng.uniform(4, 8))
    scene = sample(rng, _cast(rng, split, index, long), duration_s, staggered=long)
    size = _FRAME_SIZES[int(rng.integers(len(_FRAME_SIZES)))]
    time_base, ticks = (
        (_VARIABLE_BASE, _jittered(rng, duration_s)) if variable else (Fraction(1, rate), None)
    )
    return VideoPlan(
        video_id=f"{split}/{index:04d}.mp4",
        split=split,
        scene=scene,
        size=size,
        rotation_deg=(90, 270, 180)[index // 12 % 3] if turned else 0,
        variable_rate=variable,
        time_base=time_base,
        ticks=ticks or tuple(range(round(duration_s * rate))),
    )


def _cast(rng: np.random.Generator, split: str, index: int, long: bool) -> list[words.Pair]:
    """The pairs of a video.

    Red stars play in two videos of sixteen and in the long ones of the test part.
    """
    count = (
        int(rng.integers(6, 10))
        if long
        else int(rng.choice([1, 2, 3, 4, 5], p=[0.15, 0.25, 0.3, 0.2, 0.1]))
    )
    starring = index % 16 in (2, 6) or (long and split == "test")
    first: words.Pair | None = ("red", "star") if starring else None
    if first is None and split == "test" and rng.random() < 0.6:
        first = words.UNSEEN[int(rng.integers(len(words.UNSEEN)))]
    # lighter use of unseen pairs beyond the first, so that most of a test video is still ordinary
    allowed = words.SEEN + words.UNSEEN if split == "test" else words.SEEN
    pairs = choose_pairs(rng, allowed, count, first)
    return [pairs[k] for k in rng.permutation(count)]


def _jittered(rng: np.random.Generator, duration_s: float) -> tuple[int, ...]:
    """Ticks of a variable-rate video: 30 a second, each off by up to 10 ms, one in six left out."""
    nominal = np.arange(0, duration_s, 1 / 30)
    kept = nominal[rng.random(len(nominal)) > 1 / 6]
    ticks = np.round(
        (kept + rng.uniform(-0.01, 0.01, len(kept))) * _VARIABLE_BASE.denominator
    ).astype(int)
    return tuple(int(t) for t in ticks - ticks[0])
