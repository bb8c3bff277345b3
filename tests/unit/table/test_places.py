"""What a committer knows of who lies where: true after anything, and each fragment read once for
it.
"""

from typing import Any

import pytest

from tests.unit.table.conftest import Index, rows
from trawl.table import places
from trawl.table.places import Places


class Spied:
    """A dataset that notes which fragments are read."""

    def __init__(self, dataset: Any, read: list[int]) -> None:
        self._dataset, self._read, self.uri = dataset, read, dataset.uri

    def get_fragments(self) -> Any:
        return self._dataset.get_fragments()

    def scanner(self, fragments: Any, **how: Any) -> Any:
        self._read += [fragment.fragment_id for fragment in fragments]
        return self._dataset.scanner(fragments=fragments, **how)


def found(
    known: Places, index: Index, *video_ids: str, read: list[int] | None = None
) -> list[set[str]]:
    """The videos of each fragment that is said to hold some of these."""
    dataset = index.open()
    spied = Spied(dataset, [] if read is None else read)
    tables = [fragment.to_table(columns=["video_id"]) for fragment in known.find(spied, video_ids)]
    return [set(table["video_id"].to_pylist()) for table in tables]


def test_fragments_that_hold_a_video_and_no_other(local_index: Index) -> None:
    local_index.commit(local_index.write(rows("a", 3), rows("b", 2), rows("a", 1)), [])
    local_index.commit(local_index.write(rows("c", 2)), [])
    local_index.commit(local_index.write(rows("a", 2)), [])
    known = Places()
    assert found(known, local_index, "a") == [{"a", "b"}, {"a"}]
    assert found(known, local_index, "b", "c", "never there") == [{"a", "b"}, {"c"}]
    assert found(known, local_index, "never there") == found(known, local_index) == []


def test_each_fragment_is_read_once(local_index: Index) -> None:
    """The cost of a night's commits: what was there, once, and then what is new."""
    known, read = Places(), list[int]()
    for n in range(5):
        local_index.commit(local_index.write(rows(f"old {n}", 1)), [])
    for n in range(5):
        assert found(known, local_index, f"new {n}", "old 2", read=read) == [{"old 2"}]
        local_index.commit(local_index.write(rows(f"new {n}", 1)), [f"new {n}"], places=known)
    assert (
        sorted(read)
        == sorted({fragment.fragment_id for fragment in local_index.open().get_fragments()})[:9]
    )
    assert found(known, local_index, *(f"new {n}" for n in range(5))) == [
        {f"new {n}"} for n in range(5)
    ]


@pytest.mark.parametrize("levels", [1, 64])
def test_it_stays_true_whoever_commits_and_compacts(
    local_index: Index, levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_LEVELS", levels)
    known = Places()
    local_index.index({"a": 2, "b": 2})
    assert found(known, local_index, "a") == [{"a", "b"}]
    local_index.index({"b": 1, "c": 1}, mark=1)  # another committer, by what it knows itself
    local_index.index({"d": 1}, mark=2)
    assert found(known, local_index, "b", "d") == [{"a"}, {"b", "c"}, {"d"}], (
        "its rows may be gone from the first"
    )
    local_index.open().optimize.compact_files(materialize_deletions_threshold=0.0)
    assert found(known, local_index, "d") == [{"a", "b", "c", "d"}]
    assert local_index.commit([], ["a", "d"], places=known) == local_index.open().version
    assert local_index.held() == {("b", 1): 1, ("c", 1): 1}


def test_a_video_whose_hash_is_anothers_loses_no_row(
    local_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    monkeypatch.setattr(places, "_hashes", lambda names: np.full(len(list(names)), 7, np.uint64))
    local_index.index({"a": 2})
    local_index.index({"b": 1})
    local_index.index({"a": 3}, mark=1)
    assert local_index.held() == {("a", 1): 3, ("b", 0): 1}
