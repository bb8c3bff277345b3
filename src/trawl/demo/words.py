"""The demo world's words: colours, shapes, sizes, backgrounds, and the sentences made of them.

Knows nothing of pixels beyond one RGB value per colour. Some colour-shape pairs are kept for the
test part: a model never sees them together in training, so that a query for one of them asks
whether it has learned colours and shapes or only pairs.
"""

from collections.abc import Sequence

import numpy as np

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (222, 36, 40),
    "orange": (248, 138, 16),
    "yellow": (250, 216, 32),
    "lime": (150, 234, 44),
    "green": (28, 140, 62),
    "cyan": (36, 208, 222),
    "blue": (36, 76, 224),
    "purple": (134, 44, 186),
    "pink": (252, 138, 190),
    "brown": (122, 70, 34),
    "white": (248, 248, 248),
    "black": (20, 20, 22),
}
SHAPES: tuple[str, ...] = (
    "circle",
    "square",
    "triangle",
    "cross",
    "star",
    "ring",
    "heart",
    "crescent",
    "arrow",
    "bolt",
    "flower",
    "hourglass",
)
# Diameter as a share of the frame's short side. The gaps keep the three words apart.
SIZES: dict[str, tuple[float, float]] = {
    "small": (0.20, 0.25),
    "medium": (0.30, 0.37),
    "large": (0.44, 0.54),
}
# How a background is said, by the kind that `background.py` paints.
BACKGROUNDS: dict[str, str] = {
    "gradient": "a plain background",
    "stripes": "stripes",
    "waves": "waves",
    "checks": "checks",
    "dots": "dots",
    "facets": "facets",
    "clouds": "clouds",
    "bricks": "bricks",
}
# Other words for the same thing; captions use them now and then.
SYNONYMS: dict[str, str] = {
    "purple": "violet",
    "cyan": "turquoise",
    "circle": "disc",
    "cross": "plus",
    "ring": "hoop",
    "crescent": "moon",
    "bolt": "lightning bolt",
    "flower": "blossom",
    "small": "little",
    "large": "big",
}

Pair = tuple[str, str]  # (colour, shape)


def _test_only() -> frozenset[Pair]:
    """Two pairs of every colour and of every shape: 5 and 7 are prime to 12, and the two lines
    never meet.
    """
    names = list(COLORS)
    lines = ((5, 3), (7, 8))
    return frozenset(
        (c, SHAPES[(k * i + b) % len(SHAPES)]) for k, b in lines for i, c in enumerate(names)
    )


TEST_ONLY: frozenset[Pair] = _test_only()
SEEN: tuple[Pair, ...] = tuple((c, s) for c in COLORS for s in SHAPES if (c, s) not in TEST_ONLY)
UNSEEN: tuple[Pair, ...] = tuple((c, s) for c in COLORS for s in SHAPES if (c, s) in TEST_ONLY)


def article(noun: str) -> str:
    """The noun with its indefinite article.

    >>> article("orange ring")
    'an orange ring'
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def name(color: str, shape: str, size: str = "") -> str:
    """Name an object: its size if requested, then colour, then shape."""
    return f"{size} {color} {shape}".strip()


def reworded(noun: str, rng: np.random.Generator, chance: float = 0.15) -> str:
    """The same noun with some words replaced by their synonyms."""
    return " ".join(
        SYNONYMS.get(word, word) if rng.random() < chance else word for word in noun.split()
    )


def describe(nouns: Sequence[str], background: str = "") -> str:
    """A sentence about one or two things.

    >>> describe(["red star", "orange ring"], "waves")
    'a red star and an orange ring over waves'
    """
    things = " and ".join(article(noun) for noun in nouns)
    return f"{things} over {BACKGROUNDS[background]}" if background else things
