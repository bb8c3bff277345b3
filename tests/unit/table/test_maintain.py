"""Compaction, the vector index and cleanup, seen from a query."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest

from tests.unit.table.conftest import Index, rows, vectors
from trawl.config.steps import SearchConfig
from trawl.query.nearest import FrameSearch
from trawl.records.video import Recipe
from trawl.table import maintain, publish


def prepare(index: Index, index_min_rows: int = 1) -> dict[str, Any] | None:
    return maintain.prepare(index.uri, index.options, index_min_rows)


def nearest(index: Index, query: np.ndarray, k: int = 3) -> list[tuple[str, int]]:
    """(video_id, mark) of the k nearest rows."""
    how = {
        "column": "embedding",
        "q": query.astype(np.float32),
        "k": k,
        "metric": "cosine",
        "refine_factor": 10,
    }
    found = index.open().to_table(
        columns=["video_id", "shot", "_distance"], nearest=how, prefilter=True
    )
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


def index_sizes(index: Index) -> dict[str, int]:
    """{file of the vector index: bytes}"""
    folder = Path(index.uri, "_indices")
    return {
        str(file.relative_to(folder)): file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_delta_costs_in_proportion_to_the_new_rows(local_index: Index) -> None:
    """What is there is neither written again nor covered twice, though every commit touches an old
    fragment.
    """
    local_index.index({"a": 20_000})
    prepare(local_index)
    first = index_sizes(local_index)
    local_index.index({"b": 200}, mark=1)
    facts = maintain._facts(local_index.open())
    assert facts is not None
    assert (facts["rows"], facts["unindexed"]) == (20_000, 200)
    assert (prepare(local_index) or {})["rows"] == 20_200
    now = index_sizes(local_index)
    assert now.items() >= first.items()
    assert sum(now.values()) - sum(first.values()) < sum(first.values()) / 20


def test_a_night_that_only_removes_writes_no_index(local_index: Index) -> None:
    local_index.index({"a": 200, "b": 10})
    prepare(local_index)
    before = index_sizes(local_index)
    local_index.remove("b")
    facts = prepare(local_index)
    assert facts is not None
    assert (index_sizes(local_index), facts["unindexed"]) == (before, 0)
    assert ("b", 0) not in nearest(local_index, vectors(10, sum(b"b"))[3], 210)


def test_rows_not_yet_in_the_vector_index_are_found_by_a_search(local_index: Index) -> None:
    """As a query asks: few probes, refined, and with a condition."""
    local_index.index({f"{n}": 50 for n in range(20)})
    prepare(local_index)
    local_index.index({"new": 3}, mark=1)
    assert (maintain._facts(local_index.open()) or {})["unindexed"] == 3
    wanted = vectors(3, 1 + sum(b"new"))[1].astype(np.float32)
    config = SearchConfig(nprobes=1, frames=5, segments=2)
    for condition in (None, "duration_s < 2"):
        search = FrameSearch(local_index.open(), config, condition)
        assert search.nearest(wanted, 1) == [("new", 1)]
        assert search.curves(wanted)[0].video_id == "new"


def test_many_deltas_are_merged(local_index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintain, "_MAX_DELTAS", 3)
    monkeypatch.setattr(maintain, "_OUTGROWN", 100)
    deltas, first = [], dict[str, int]()
    for n in range(6):
        local_index.index({f"{n}": 20}, mark=n)
        deltas.append((prepare(local_index) or {})["deltas"])
        first = first or index_sizes(local_index)
    assert deltas == [1, 2, 3, 2, 3, 2]
    covered = local_index.open().stats.index_stats(maintain.INDEX_NAME)[
        "num_indexed_rows_per_delta"
    ]
    assert sorted(covered) == [20, 100], "what was trained on stays as it is"
    assert index_sizes(local_index).items() >= first.items()
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


def test_compaction_keeps_every_row_and_the_index(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert len(index.open().get_fragments()) == 2, (
        "what the index covers, and what it did not cover yet"
    )
    assert index.held() == before
    assert nearest(index, vectors(20, 1 + sum(b"1"))[7], 1) == [("1", 1)]
    assert nearest(index, vectors(2, 9 + sum(b"0"))[1], 1) == [("0", 9)]


def test_a_large_table_is_not_compacted_every_night(
    local_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full fragments count for nothing: each compaction of indexed rows writes the index that
    covers them anew.
    """
    monkeypatch.setattr(maintain, "_FRAGMENT_ROWS", 60)
    monkeypatch.setattr(maintain, "_MAX_FRAGMENTS", 3)
    monkeypatch.setattr(maintain, "_MAX_DELTAS", 3)
    for n in range(6):
        local_index.index({f"{n}": 60})
    prepare(local_index)
    full, first = everything(local_index), index_sizes(local_index)
    for night in range(2):
        for part in "ac"[: 2 - night]:
            local_index.index({f"new {night}{part}": 10})
        prepare(local_index)
    assert len(local_index.open().get_fragments()) == 9
    local_index.index({"one more": 10})
    prepare(local_index)
    assert len(local_index.open().get_fragments()) == 9, (
        "full ones, small ones that one delta covers, and the new one"
    )
    assert everything(local_index) >= full
    assert index_sizes(local_index).items() >= first.items()
    assert sum(local_index.held().values()) == 400
    for n in (*range(6), "new 0a", "new 0c", "new 1a", "one more"):
        assert nearest(
            local_index, vectors(60 if str(n).isdigit() else 10, sum(str(n).encode()))[7], 1
        ) == [(str(n), 0)]


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


def test_a_reader_keeps_its_vector_index(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through deltas, training anew, compaction and cleanup: one that is open, and one that opens
    the same publication.
    """
    monkeypatch.setattr(maintain, "_ROWS_PER_PARTITION", 100)
    monkeypatch.setattr(maintain, "_MAX_FRAGMENTS", 2)
    index.index({"a": 100, "b": 20})
    shown = publish.publish(index.storage, "cats", index.recipe, prepare(index))
    reader, _ = publish.open_tables(index.storage, "cats", shown)
    wanted = vectors(20, sum(b"b"))[7].astype(np.float32)
    for n in range(3):
        index.index({f"{n}": 200}, mark=n)
        index.remove("a") if n == 1 else None
        publish.publish(index.storage, "cats", index.recipe, prepare(index))
        maintain.clean_up(index.storage, "cats", keep_h=1)
    assert (maintain._facts(index.open()) or {})["partitions"] > 1
    for dataset in (reader, publish.open_tables(index.storage, "cats", shown)[0]):
        search = FrameSearch(dataset, SearchConfig())
        assert search.nearest(wanted, 1) == [("b", 7)]
        assert {video for video, _ in search.nearest(wanted, 500)} == {"a", "b"}
        assert (
            "ANN"
            in dataset.scanner(nearest={"column": "embedding", "q": wanted, "k": 1}).explain_plan()
        )


def test_orphaned_files_go_after_seven_days_and_not_before(local_index: Index) -> None:
    """Fragments of a dead worker, and the index that a dead job was building."""
    local_index.index({"a": 300})
    prepare(local_index)
    publish.publish(local_index.storage, "cats", local_index.recipe, None)
    kept = everything(local_index)
    local_index.write(rows("dead", 3))
    orphan = Path(local_index.uri, "_indices", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "index.idx")
    orphan.parent.mkdir()
    orphan.write_bytes(b"half an index")
    young = everything(local_index) - kept
    assert len(young) == 2
    maintain.clean_up(local_index.storage, "cats", keep_h=0)
    assert everything(local_index) >= young
    for name in young:
        os.utime(Path(local_index.uri, name), (time.time() - 8 * 86_400,) * 2)
    maintain.clean_up(local_index.storage, "cats", keep_h=0)
    assert not everything(local_index) & young
    assert local_index.held() == {("a", 0): 300}
    assert nearest(local_index, vectors(300, sum(b"a"))[7], 1) == [("a", 0)]


def everything(index: Index) -> set[str]:
    """Data and index files, by their path in the table."""
    folders = (Path(index.uri, name) for name in ("data", "_indices"))
    return {
        str(file.relative_to(index.uri))
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_tag_that_is_not_ours_holds_its_version(index: Index) -> None:
    """How a reader that needs a version for longer keeps it."""
    index.index({"a": 3})
    version = index.open().version
    index.open().tags.create("my-experiment", version)
    for n in range(4):
        index.index({"a": n + 1}, mark=n + 1)
        publish.publish(index.storage, "cats", index.recipe, None)
    maintain.clean_up(index.storage, "cats", keep_h=0)
    assert set(index.open().tags.list()) >= {"my-experiment"}
    assert index.held(lance.dataset(index.uri, "my-experiment", storage_options=index.options)) == {
        ("a", 0): 3
    }


def test_a_recipe_whose_folder_was_deleted_stops_nothing(local_index: Index) -> None:
    local_index.index({"a": 3})
    publish.publish(local_index.storage, "cats", local_index.recipe, None)
    other = Index(local_index.storage, recipe=Recipe({"model": "better"}, {}, "auto"))
    other.index({"a": 2}, mark=5)
    publish.publish(other.storage, "cats", other.recipe, None)
    shutil.rmtree(Path(local_index.uri).parent)
    maintain.clean_up(other.storage, "cats", keep_h=0)
    assert other.held() == {("a", 5): 2}


def test_a_recipe_that_is_still_built_is_cleaned_as_well(local_index: Index) -> None:
    """It may take many nights, and what its compactions leave is as large as itself."""
    local_index.index({"a": 3})
    publish.publish(local_index.storage, "cats", local_index.recipe, None)
    other = Index(local_index.storage, recipe=Recipe({"model": "better"}, {}, "auto"))
    for n in range(4):
        other.index({"a": n + 1}, mark=n)
    assert len(everything(other)) == 4
    maintain.clean_up(other.storage, "cats", 0, other.recipe.key)
    assert len(everything(other)) == 1
    assert other.held() == {("a", 3): 4}


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
        return publish.Published(
            number, "k", publish.Recipe({}, {}, ""), number, number, 0, 0, when, None, ""
        )

    published = [at(90, 1), at(80, 2), at(70, 3), at(2, 4), at(1, 5), at(0.5, 6)]
    assert [one.number for one in maintain._kept(published, 24)] == [3, 4, 5, 5, 6]
    assert [one.number for one in maintain._kept(published, 0)] == [5, 6]
    assert [one.number for one in maintain._kept(published[:1], 0)] == [1]
