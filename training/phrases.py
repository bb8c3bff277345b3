"""What the demo CLIP reads in training: templates, the vocabulary, and captions whose truth can be
computed.

A `Phrase` says which things must be in a picture for a text to be true, so that every text of a
batch can be judged against every picture of it; that is what makes multi-positive contrast exact.
Knows nothing of pixels or torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trawl.demo import words

# {} is a bare noun; {a} the noun with its article. The product averages over its own list, so
# variety matters more than any one.
TEMPLATES: tuple[str, ...] = (
    *("{}", "{a}", "the {}", "one {}", "{}.", "{a}."),
    *(
        "a photo of {a}",
        "a photo of {a}.",
        "a photo of the {}.",
        "a picture of {a}",
        "an image of {a}",
    ),
    *(
        "a video frame with {a}",
        "a video of {a}",
        "a video frame of {a}.",
        "footage of {a}",
        "a clip of {a}",
    ),
    *(
        "there is {a} in the scene",
        "there is {a} in the picture",
        "a scene with {a}",
        "{a} in a video",
        "{a} moving",
    ),
    *(
        "find {a}",
        "show me {a}",
        "where is the {}",
        "itap of {a}.",
        "a bad photo of the {}.",
        "art of the {}.",
    ),
    *(
        "a blurry photo of {a}.",
        "a low resolution photo of the {}.",
        "a cropped photo of {a}.",
        "a origami {}.",
    ),
    *(
        "a close-up photo of {a}.",
        "a video game with {a}.",
        "{a} in a video game.",
        "a good photo of {a}.",
    ),
    *("a rendering of {a}.", "a drawing of {a}."),
)
_PLAIN = 6  # how many of them are little more than the noun


@dataclass(frozen=True, slots=True)
class Want:
    """One thing that a text asks for; an empty word asks nothing."""

    color: str = ""
    shape: str = ""
    size: str = ""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text, and what makes it true: every want met by a clearly visible thing, over that
    background if one is named.
    """

    text: str
    wants: tuple[Want, ...]
    background: str = ""


def fill(template: str, noun: str) -> str:
    """A template with its noun.

    >>> fill("a photo of {a}", "orange ring")
    'a photo of an orange ring'
    """
    return template.replace("{a}", words.article(noun)).replace("{}", noun)


def vocabulary(template: str, pairs: Sequence[words.Pair] = words.SEEN) -> list[Phrase]:
    """Every pair, said with one template, then every colour and every shape alone."""
    named = [Phrase(fill(template, words.name(c, s)), (Want(c, s),)) for c, s in pairs]
    colors = [Phrase(fill(template, f"{c} thing"), (Want(color=c),)) for c in words.COLORS]
    shapes = [Phrase(fill(template, s), (Want(shape=s),)) for s in words.SHAPES]
    return named + colors + shapes


def choose_template(rng: np.random.Generator) -> str:
    """Half the time a plain one, since most people type no more than the noun."""
    return TEMPLATES[int(rng.integers(_PLAIN if rng.random() < 0.5 else len(TEMPLATES)))]


def caption(rng: np.random.Generator, things: Sequence[Want], background: str) -> Phrase:
    """A longer text that is true of a picture with these things over this background: sizes, two
    things, other words.
    """
    picked = [
        things[int(k)] for k in rng.permutation(len(things))[: 2 if rng.random() < 0.65 else 1]
    ]
    sized = rng.random() < 0.3
    wants = tuple(Want(t.color, t.shape, t.size if sized else "") for t in picked)
    kind = background if rng.random() < 0.2 else ""
    nouns = [words.reworded(words.name(w.color, w.shape, w.size), rng) for w in wants]
    if len(nouns) == 1 and not kind:
        return Phrase(fill(choose_template(rng), nouns[0]), wants)
    lead = ("", "", "a photo of ", "a video frame with ", "a scene with ")[int(rng.integers(5))]
    return Phrase(lead + words.describe(nouns, kind), wants, kind)


def every_text() -> list[str]:
    """Texts that between them use every word that training can use."""
    nouns = [
        *words.COLORS,
        *words.SHAPES,
        *words.SIZES,
        *words.SYNONYMS.values(),
        *words.BACKGROUNDS.values(),
        "thing",
    ]
    joined = [words.describe(["red star", "orange ring"], kind) for kind in words.BACKGROUNDS]
    return [
        *nouns,
        *joined,
        *(fill(template, noun) for template in TEMPLATES for noun in ("red star", "orange star")),
    ]
