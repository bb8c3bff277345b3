"""Misspells texts as hurried typing does: one slip in one word.

The same text and seed give the same slip.

The slips are the four that make up nearly all typing errors (Damerau 1964: one letter swapped, left
out, inserted or changed covers 80 %): two neighbours swapped, a letter left out, a letter doubled,
the neighbouring key hit. The first letter and words of up to two letters stay, as in real typing.
"""

import hashlib
import re

import numpy as np

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORTEST = 3
_WORD = re.compile(r"[^\W\d_]+")


def misspell(text: str, seed: int = 0) -> str:
    """Make one slip in one word, more likely a long one; a text of short words stays.

    >>> misspell("a red star"), misspell("a red star", seed=1)
    ('a red satr', 'a rd star')
    """
    words = _words(text)
    if not words:
        return text
    rng = _rng(text, seed)
    weights = np.array([len(word[0]) for word in words], float)
    chosen = words[int(rng.choice(len(words), p=weights / weights.sum()))]
    return text[: chosen.start()] + _slip(chosen[0], rng) + text[chosen.end() :]


def beside(letter: str) -> str:
    """Return the keys left and right of a letter on a QWERTY keyboard, in its case.

    >>> beside("S"), beside("q"), beside("é")
    ('AD', 'w', '')
    """
    row = next((row for row in _ROWS if letter.lower() in row), "")
    at = row.find(letter.lower())
    keys = row[max(at - 1, 0) : at] + row[at + 1 : at + 2] if row else ""
    return keys.upper() if letter.isupper() else keys


def _words(text: str) -> list[re.Match[str]]:
    return [word for word in _WORD.finditer(text) if len(word[0]) >= _SHORTEST]


def _slip(word: str, rng: np.random.Generator) -> str:
    """Return the word with one slip after its first letter, never the word itself.

    The kind of slip is drawn first, then its place.
    """
    places = range(1, len(word))
    kinds = [
        [word[:k] + word[k + 1] + word[k] + word[k + 2 :] for k in places[:-1]],
        [word[:k] + word[k + 1 :] for k in places],
        [word[:k] + word[k] + word[k:] for k in places],
        [word[:k] + key + word[k + 1 :] for k in places for key in beside(word[k])],
    ]
    kinds = [
        changed for kind in kinds if (changed := [slipped for slipped in kind if slipped != word])
    ]
    kind = kinds[int(rng.integers(len(kinds)))]
    return kind[int(rng.integers(len(kind)))]


def _rng(text: str, seed: int) -> np.random.Generator:
    """Return a generator seeded by the text, so that its slip does not depend on other texts."""
    digest = hashlib.sha256(f"{seed}\n{text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
