"""Perturbs pictures as bad cameras and networks do, at three severities.

    noise     Gaussian noise per pixel and channel    standard deviation 0.08, 0.12, 0.18 of white
    blur      defocus: a disk                         radius 3, 4, 6 pixels at a short side of 224
    motion    camera shake: a line, one direction     (half length, sigma) (10, 3), (15, 5), (15, 8),
              per video                               scaled likewise
    dark      a power of the brightness, and          exponent 2, 3.5, 5; standard deviation 0.03,
              Gaussian noise                          0.06, 0.098
    bitrate   H.264 with few bits                     CRF 32, 38, 44
    recoded   nothing but encoding again

Noise, blur and motion are severities 1 to 3 of ImageNet-C (Hendrycks and Dietterich 2019,
arXiv:1903.12261), except that the line is centred, so that objects stay where the ground truth has
them, and that lengths grow with the picture. Darkness spans the ranges of LLNet's training pictures
(Lore, Akintayo and Sarkar 2017, arXiv:1511.03995). The same seed and frame give the same picture.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl.errors import ConfigError, did_you_mean

# Raised by hand when the same perturbation would give other pictures.
VERSION = 1

Picture = NDArray[np.uint8]  # (H, W, 3)
Kernel = NDArray[np.float32]  # (h, w), sums to 1

_NOISE = (0.08, 0.12, 0.18)
_DISK = (3.0, 4.0, 6.0)
_LINE = ((10.0, 3.0), (15.0, 5.0), (15.0, 8.0))
_DARK = ((2.0, 0.03), (3.5, 0.06), (5.0, 0.098))
_CRF = (32, 38, 44)
_CRF_OF_OTHERS = 18  # what encoding adds is far below what the perturbation did
_SHORT_SIDE = 224  # for which ImageNet-C's lengths are

NAMES = ("noise", "blur", "motion", "dark", "bitrate", "recoded")
_SEVERITIES = (1, 2, 3)
_USUAL = 2


@dataclass(frozen=True, slots=True)
class Perturbation:
    """Names one of `NAMES` at a severity of 1, 2 or 3."""

    name: str
    severity: int

    @property
    def crf(self) -> int:
        """Return the x264 quality of its copies; 0 is lossless, 51 the worst."""
        return _CRF[self.severity - 1] if self.name == "bitrate" else _CRF_OF_OTHERS

    def __str__(self) -> str:
        return f"{self.name}-{self.severity}"


def parse(word: str, others: tuple[str, ...] = ()) -> Perturbation:
    """Parse "noise" or, with a severity, "noise-3".

    >>> parse("noise"), str(parse("dark-1"))
    (Perturbation(name='noise', severity=2), 'dark-1')

    Args:
        others: Other words that the setting allows, for the message.

    Raises:
        ConfigError: There is no such perturbation or severity.
    """
    name, dash, severity = word.partition("-")
    if name not in NAMES:
        allowed = did_you_mean(name, (*NAMES, *others))
        raise ConfigError(f"evaluation.robustness={word} is unknown: {allowed}")
    if dash and severity not in map(str, _SEVERITIES):
        raise ConfigError(
            f"evaluation.robustness={word}: a severity is 1, 2 or 3, such as {name}-{_USUAL}"
        )
    return Perturbation(name, int(severity) if dash else _USUAL)


def seed_of(video_id: str) -> int:
    """Return a seed that is the same for the same video on every machine."""
    return zlib.crc32(video_id.encode())


def perturb(picture: Picture, what: Perturbation, seed: int, frame_index: int) -> Picture:
    """Return the picture as a worse camera would give it; unchanged for bitrate and recoded.

    Args:
        picture: (H, W, 3) uint8 RGB.
        what: The perturbation.
        seed: Seed of the video. Noise differs between its frames; the direction of motion does not.
        frame_index: Position of the picture in its video.
    """
    level = what.severity - 1
    scale = min(picture.shape[:2]) / _SHORT_SIDE
    match what.name:
        case "noise":
            return _noisy(_unit(picture), _NOISE[level], _rng(what, seed, frame_index))
        case "dark":
            exponent, sigma = _DARK[level]
            return _noisy(
                _unit(picture) ** np.float32(exponent), sigma, _rng(what, seed, frame_index)
            )
        case "blur":
            return _filtered(picture, disk(_DISK[level] * scale))
        case "motion":
            angle_deg = float(np.random.default_rng(seed).uniform(-45, 45))
            half, sigma = _LINE[level]
            return _filtered(picture, line(half * scale, sigma * scale, angle_deg))
    return picture


@lru_cache(maxsize=8)
def disk(radius: float) -> Kernel:
    """Return a kernel that averages all pixels within a radius, in pixels, above 0.

    Pixels on the rim count by how far they are inside.
    """
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    weights = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(weights / weights.sum(), np.float32)


@lru_cache(maxsize=8)
def line(half: float, sigma: float, angle_deg: float) -> Kernel:
    """Return a kernel along a line through the middle, weighted by a Gaussian.

    Args:
        half: Pixels from the middle to each end.
        sigma: Of the Gaussian, in pixels.
        angle_deg: 0 is along the rows, 90 along the columns.
    """
    reach = int(np.ceil(half)) + 1
    weights = np.zeros((2 * reach + 1, 2 * reach + 1))
    along = np.linspace(-half, half, 8 * reach + 1)
    x, y = (reach + along * f(np.radians(angle_deg)) for f in (np.cos, np.sin))
    amount = np.exp(-0.5 * (along / sigma) ** 2)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx in (0, 1):
        for dy in (0, 1):
            share = np.abs(1 - dx - (x - x0)) * np.abs(1 - dy - (y - y0))
            np.add.at(weights, (y0 + dy, x0 + dx), amount * share)
    return np.asarray(weights / weights.sum(), np.float32)


def _rng(what: Perturbation, seed: int, frame_index: int) -> np.random.Generator:
    return np.random.default_rng([seed, NAMES.index(what.name), frame_index])


def _unit(picture: Picture) -> NDArray[np.float32]:
    return picture.astype(np.float32) / np.float32(255)


def _noisy(picture: NDArray[np.float32], sigma: float, rng: np.random.Generator) -> Picture:
    """Add noise to a picture of 0-1 and return uint8."""
    noise = rng.standard_normal(picture.shape, np.float32) * np.float32(sigma)
    return np.asarray(np.rint(np.clip(picture + noise, 0, 1) * 255), np.uint8)


def _filtered(picture: Picture, kernel: Kernel) -> Picture:
    return np.asarray(
        cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8
    )
