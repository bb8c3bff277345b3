"""Equal names for equal content, and for no other."""

from pathlib import Path

import numpy as np
import pytest

from trawl.records.tracking import Prompt
from trawl.track.reuse import digests

BOX = np.array([1, 2, 3, 4], np.float32)
MASK = np.eye(4, dtype=bool)
POINTS = {"points": np.array([[1, 2]], np.float32), "labels": np.array([1])}
PROMPTS = [
    Prompt(0, 0, box=BOX),
    Prompt(0, 1, box=BOX),
    Prompt(0, 0, box=BOX + 1),
    Prompt(0, 0, mask=MASK),
    Prompt(0, 0, mask=~MASK),
    Prompt(0, 0, **POINTS),
    Prompt(0, 0, box=BOX, **POINTS),
    Prompt(0, 0, points=POINTS["points"], labels=np.array([0])),
]


def test_shape_type_and_order_count() -> None:
    base = np.arange(6, dtype=np.uint8)
    others = [base.reshape(2, 3), base.reshape(3, 2), base.astype(np.int64), base[::-1]]
    assert len({digests.of_array(one) for one in (base, *others)}) == 5
    assert digests.of_array(base[::-1]) == digests.of_array(base[::-1].copy())


def test_every_part_of_a_prompt_counts() -> None:
    assert len({digests.of_prompts([one]) for one in PROMPTS}) == len(PROMPTS)
    assert digests.of_prompts(PROMPTS[:2]) != digests.of_prompts(PROMPTS[1::-1])


def test_an_object_s_number_does_not() -> None:
    assert digests.of_prompts([Prompt(7, 0, box=BOX)]) == digests.of_prompts(PROMPTS[:1])


def test_texts_are_kept_apart() -> None:
    assert digests.of_texts("a", "b") != digests.of_texts("ab", "") != digests.of_texts("b", "a")


def test_settings_are_of_a_version_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests.of_settings({"a": 1, "b": 2})
    assert before == digests.of_settings({"b": 2, "a": 1})
    monkeypatch.setattr(digests, "REUSE_VERSION", 99)
    assert digests.of_settings({"a": 1, "b": 2}) != before


def test_code_is_named_by_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "track").mkdir()
    (tmp_path / "track" / "a.py").write_text("1")
    (tmp_path / "masks.py").write_text("2")
    monkeypatch.setattr(digests.resources, "files", lambda package: tmp_path)
    found = set()
    for text in ("1", "2"):
        digests.of_code.cache_clear()
        (tmp_path / "track" / "a.py").write_text(text)
        found |= {digests.of_code("track", "masks.py"), digests.of_code("masks.py")}
    digests.of_code.cache_clear()
    assert len(found) == 3
