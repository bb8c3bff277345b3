"""Compaction, the vector index and cleanup, seen from a query."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.table.conftest import Index, rows, vectors
from trawl.table import maintain, publish


def prepare(index: Index, index_min_rows: int = 1) -> dict[str, Any] | None:
    return maintain.prepare(index.uri, index.options, index_min_rows)


def nearest(index: Index, query: np.ndarray, k: int = 3) -> list[tuple[str, int]]:
    """(video_id, mark) of the k nearest rows."""
    how = {"column": "embedding", "q": query.astype(np.float32), "k": k, "metric": "cosine", "refine_factor": 10}
    found = index.open().to_table(columns=["video_id", "shot", "_distance"], nearest=how, prefilter=True)
    return list(zip(found["video_id"].to_pylist(), found["shot"].to_pylist()))


def test_no_index_below_the_threshold(local_index: Index) -> None:
    assert prepare(local_index, 1) is None
    local_index.index({"a": 9})
    assert prepare(local_index, 10) is None
    facts = prepare(local_index, 9)
    assert facts is not None
    assert (facts["type"], facts["rows"], facts["unindexed"]) == ("IVF_RQ", 9, 0)


def test_replaced_and_new_rows_are_found_and_old_ones_are_not(index: Index) -> None:
    """With the rows in the index, not yet in it, and in a delta."""
    index.index({"a": 20, "b": 20})
    prepare(index)
    old = vectors(20, sum(b"a"))[0]
    assert nearest(index, old, 1) == [("a", 0)]
    index.index({"a": 5, "c": 1}, mark=3)
    for indexed in (False, True):
        new = vectors(5, 3 + sum(b"a"))[4]
        assert nearest(index, new, 1) == [("a", 3)]
        assert ("a", 0) not in nearest(index, old, 26)
        assert len(nearest(index, old, 26)) == 26, "every row can be found"
        if not indexed:
            facts = prepare(index)
            assert facts is not None
            assert (facts["deltas"], facts["unindexed"]) == (2, 0)


def test_nothing_new_makes_no_version(index: Index) -> None:
    index.index({"a": 20})
    facts = prepare(index)
    version = index.open().version
    assert prepare(index) == facts
    assert index.open().version == version


def test_many_deltas_are_merged(local_index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintain, "_MAX_DELTAS", 3)
    deltas = []
    for n in range(6):
        local_index.index({f"{n}": 20}, mark=n)
        deltas.append((prepare(local_index) or {})["deltas"])
    assert deltas == [1, 2, 3, 1, 2, 3]
    assert nearest(local_index, vectors(20, 2 + sum(b"2"))[7], 1) == [("2", 2)]


def test_a_table_that_outgrew_its_partitions_is_trained_anew(
    local_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintain, "_ROWS_PER_PARTITION", 100)
    local_index.index({"a": 100})
    assert (prepare(local_index) or {})["partitions"] == 1
    local_index.index({"b": 250})
    assert (prepare(local_index) or {})["partitions"] == 1
    local_index.index({"c": 100})
    facts = prepare(local_index)
    assert facts is not None
    assert (facts["partitions"], facts["deltas"], facts["rows"]) == (4, 1, 450)


def test_compaction_keeps_every_row_and_the_index(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintain, "_MAX_FRAGMENTS", 3)
    for n in range(5):
        index.index({f"{n}": 20}, mark=n)
        if n == 1:
            prepare(index)
    index.index({"0": 2}, mark=9)
    before = index.held()
    assert len(index.open().get_fragments()) > 3
    facts = prepare(index)
    assert facts is not None
    assert facts["unindexed"] == 0
    assert len(index.open().get_fragments()) == 2, "what the index covers, and what it did not cover yet"
    assert index.held() == before
    assert nearest(index, vectors(20, 1 + sum(b"1"))[7], 1) == [("1", 1)]
    assert nearest(index, vectors(2, 9 + sum(b"0"))[1], 1) == [("0", 9)]


def test_compaction_waits_until_it_pays(local_index: Index) -> None:
    local_index.index({"a": 100})
    local_index.index({"b": 2})
    version = local_index.open().version
    assert prepare(local_index, 1000) is None
    assert local_index.open().version == version
    local_index.remove("b")
    assert local_index.open().version == version + 1
    assert prepare(local_index, 1000) is None
    assert local_index.open().version == version + 1


def test_cleanup_frees_the_disk(local_index: Index) -> None:
    def data_files() -> int:
        return len(list(Path(local_index.uri, "data").glob("*.lance")))

    for n in range(6):
        local_index.index({"a": n + 1}, mark=n)
        publish.publish(local_index.storage, "cats", local_index.recipe, None)
    assert data_files() == 6
    maintain.clean_up(local_index.storage, "cats", keep_h=1)
    assert data_files() == 6, "all were current within the hour"
    maintain.clean_up(local_index.storage, "cats", keep_h=0)
    assert data_files() == 2
    assert local_index.held() == {("a", 5): 6}


def test_cleanup_leaves_what_a_running_worker_wrote(local_index: Index) -> None:
    local_index.index({"a": 1})
    publish.publish(local_index.storage, "cats", local_index.recipe, None)
    written = local_index.write(rows("b", 3))
    maintain.clean_up(local_index.storage, "cats", keep_h=0)
    local_index.commit(written, ["b"])
    assert local_index.held() == {("a", 0): 1, ("b", 0): 3}


def test_age_counts_from_when_a_publication_was_replaced() -> None:
    def at(hours_ago: float, number: int) -> publish.Published:
        from datetime import UTC, datetime, timedelta

        when = (datetime.now(UTC) - timedelta(hours=hours_ago)).isoformat()
        return publish.Published(number, "k", publish.Recipe({}, {}, ""), number, number, 0, 0, when, None, "")

    published = [at(90, 1), at(80, 2), at(70, 3), at(2, 4), at(1, 5), at(0.5, 6)]
    assert [one.number for one in maintain._kept(published, 24)] == [3, 4, 5, 5, 6]
    assert [one.number for one in maintain._kept(published, 0)] == [5, 6]
    assert [one.number for one in maintain._kept(published[:1], 0)] == [1]
