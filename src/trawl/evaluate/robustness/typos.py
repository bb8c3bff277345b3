"""Texts as hurried fingers type them: one slip in a word, the same for the same text and seed.

The slips are the four that make up nearly all of people's typing errors (Damerau 1964: one letter
swapped, left out, put in or changed covers 80 %): two neighbours swapped, a letter left out, a
letter doubled, the key beside it hit. The first letter and words of up to two letters stay, as they
do with people.
"""

import hashlib
import re

import numpy as np

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORTEST = 3
_WORD = re.compile(r"[^\W\d_]+")


def misspell(text: str, seed: int = 0) -> str:
    """One slip in one word, long words rather than short ones; a text of short words alone stays as
    it is.

    >>> misspell("a red star"), misspell("a red star", seed=1)
    ('a red satr', 'a rd star')
    """
    words = _words(text)
    if not words:
        return text
    rng = _rng(text, seed)
    weights = np.array([len(word[0]) for word in words], float)
    chosen = words[int(rng.choice(len(words), p=weights / weights.sum()))]
    return _replaced(text, {chosen.start(): _slip(chosen[0], rng)})


def misspell_words(text: str, rate: float, seed: int = 0) -> str:
    """A slip in each word with this probability.

    Args:
        rate: 0-1.
    """
    rng = _rng(text, seed)
    return _replaced(
        text, {word.start(): _slip(word[0], rng) for word in _words(text) if rng.random() < rate}
    )


def beside(letter: str) -> str:
    """The keys left and right of a letter on a QWERTY keyboard, in its case; nothing for other
    signs.

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
    """The word with one slip behind its first letter: first the kind is drawn, then the place.

    Never the word itself.
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


def _replaced(text: str, words: dict[int, str]) -> str:
    return _WORD.sub(lambda word: words.get(word.start(), word[0]), text)


def _rng(text: str, seed: int) -> np.random.Generator:
    """Of a text, so that its slip does not depend on which texts came before."""
    digest = hashlib.sha256(f"{seed}\n{text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
