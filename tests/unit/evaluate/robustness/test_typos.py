"""Slips of the finger: one edit, of four kinds, the same for the same text."""

import re

from hypothesis import given
from hypothesis import strategies as st

from trawl.evaluate.robustness.typos import beside, misspell

TEXTS = st.lists(
    st.sampled_from(
        ["a", "red", "Star", "blue", "and", "hourglass", "of", "42", "é", "ein", "été"]
    ),
    min_size=1,
).map(" ".join)


def damerau(a: str, b: str) -> int:
    """Edits between two words: put in, leave out, change, swap neighbours."""
    rows = {(i, j): i + j for i in range(len(a) + 1) for j in range(len(b) + 1) if not i or not j}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            options = [
                rows[i - 1, j] + 1,
                rows[i, j - 1] + 1,
                rows[i - 1, j - 1] + (a[i - 1] != b[j - 1]),
            ]
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                options.append(rows[i - 2, j - 2] + 1)
            rows[i, j] = min(options)
    return rows[len(a), len(b)]


@given(TEXTS, st.integers(0, 100))
def test_one_slip_in_one_word_of_three_letters_or_more(text: str, seed: int) -> None:
    before, after = text.split(), misspell(text, seed).split()
    assert len(before) == len(after)
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) == (1 if any(len(word) > 2 for word in before) else 0)
    for a, b in changed:
        assert len(a) > 2 and a[0] == b[0] and damerau(a, b) == 1


@given(TEXTS, st.integers(0, 100))
def test_the_same_text_and_seed_give_the_same_slip(text: str, seed: int) -> None:
    assert misspell(text, seed) == misspell(text, seed)


def test_all_four_kinds_of_slip_occur() -> None:
    slips = {misspell("star", seed) for seed in range(300)}
    assert {"satr", "str", "sttar", "srar"} <= slips
    assert not slips & {"star"}


def test_what_is_no_word_stays() -> None:
    assert misspell("3 of 42") == "3 of 42" and misspell("") == ""
    slips = {misspell("a red star:2 | a blue ring:-1", seed) for seed in range(50)}
    assert all(re.fullmatch(r"a \w+ \w+:2 \| a \w+ \w+:-1", slip) for slip in slips)


def test_neighbouring_keys() -> None:
    assert (beside("a"), beside("p"), beside("G"), beside("7")) == ("s", "o", "FH", "")
