"""From what a person types to texts with weights: prompt templates, and several weighted prompts in
one.

CLIP learned captions, not words, so a phrase is put into several caption-like sentences whose unit
embeddings are averaged (Radford et al. 2021, "Learning Transferable Visual Models From Natural
Language Supervision", section 3.1.4: 3.5 points on ImageNet from 80 sentences). The sentences here
suit what people type into a search, noun phrases with their article. Knows nothing of models: an
`embed_texts` is handed in.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.errors import ConfigError, did_you_mean
from trawl.records.arrays import Embeddings

TEMPLATES: dict[str, tuple[str, ...]] = {
    "none": ("{}",),
    "photo": ("a photo of {}",),
    "clip": (
        "{}",
        "a photo of {}.",
        "a picture of {}",
        "a video frame of {}.",
        "{} in a video",
        "a close-up photo of {}.",
        "a blurry photo of {}.",
        "there is {} in the scene",
    ),
}
# enough where phrases are only compared with each other: more make no second look at patches better
SENTENCE = "photo"
# Before an article, so that "a black and white cat" and "a large, red star" stay one.
_LISTED = re.compile(
    r"(?:,|&|\band\b)(?:\s*\band\b)?\s+(?=(?:an?|the|one|two|three|some)\b)", re.IGNORECASE
)
_WEIGHT = re.compile(r"^(.*?)\s*:\s*([-+]?\d+(?:\.\d+)?)$", re.DOTALL)


def query_vector(
    text: str, templates: str, embed_texts: Callable[[Sequence[str]], Embeddings]
) -> NDArray[np.float32]:
    """Return the vector to search for.

    Args:
        text: as typed, in any language; several prompts as "a red star:2 | a blue ring:-1".
        templates: a key of TEMPLATES.
        embed_texts: Q texts -> (Q, D), unit length.

    Returns:
        (D,) float32, unit length.

    Raises:
        ConfigError: the text or the templates' name is no good, or the weighted prompts cancel out.
    """
    check_templates(templates)
    prompts = parse_prompts(text)
    vectors = [
        weight * _unit(embed_texts(fill(phrase, templates)).mean(axis=0))
        for phrase, weight in prompts
    ]
    total: NDArray[np.float32] = np.sum(vectors, axis=0, dtype=np.float32)
    if np.linalg.norm(total) < 1e-3:
        raise ConfigError(f"text={text}: the weighted prompts cancel out; change a weight")
    return _unit(total)


def fill(phrase: str, templates: str) -> list[str]:
    """The phrase in every sentence of the set.

    >>> fill("a red star", "photo")
    ['a photo of a red star']
    """
    return [template.replace("{}", phrase) for template in TEMPLATES[templates]]


def parse_prompts(text: str) -> list[tuple[str, float]]:
    """Prompts and their weights.

    Only a text with "|" is split, so that a colon in a sentence stays what it is.

    >>> parse_prompts("a red star:2 | a blue ring:-1")
    [('a red star', 2.0), ('a blue ring', -1.0)]
    >>> parse_prompts("the clock shows 10:30")
    [('the clock shows 10:30', 1.0)]

    Raises:
        ConfigError: there is no text.
    """
    if not text.strip():
        raise ConfigError('text is empty: say what to look for, as "text=a red star"')
    if "|" not in text:
        return [(" ".join(text.split()), 1.0)]
    parts = [_weighted(part.strip()) for part in text.split("|")]
    if not all(phrase for phrase, _ in parts):
        raise ConfigError(
            f'text={text}: a prompt is empty; write it as "a red star:2 | a blue ring:-1"'
        )
    return parts


def named_things(phrase: str) -> list[str]:
    """The things that an English phrase names beside each other; a phrase that lists none is one.

    >>> named_things("a red star, a blue ring and the green cross")
    ['a red star', 'a blue ring', 'the green cross']
    >>> named_things("a black and white cat"), named_things("a large, red star")
    (['a black and white cat'], ['a large, red star'])
    """
    return [part.strip() for part in _LISTED.split(phrase) if part.strip()]


def check_templates(templates: str) -> None:
    """Raise ConfigError unless this is a set of templates."""
    if templates not in TEMPLATES:
        raise ConfigError(
            f"search.templates={templates} is unknown: {did_you_mean(templates, TEMPLATES)}"
        )


def _weighted(part: str) -> tuple[str, float]:
    found = _WEIGHT.match(part)
    return (" ".join(found[1].split()), float(found[2])) if found else (" ".join(part.split()), 1.0)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return unit
