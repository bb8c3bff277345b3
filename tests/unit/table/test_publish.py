"""Queries see what is published, whole, and it stays as it was."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pytest

from tests.unit.table.conftest import RECIPE, Index, held, ledger_row, rows
from trawl.config.data import StorageConfig
from trawl.errors import IndexMissingError, StorageError
from trawl.records.video import Recipe
from trawl.schemas import VIDEOS
from trawl.storage import Storage
from trawl.table import maintain, publish
from trawl.table.publish import Published, history, latest, open_tables, rollback

FACTS = {"type": "IVF_RQ", "partitions": 1, "deltas": 1, "rows": 5, "unindexed": 0}


def now(index: Index, facts: dict | None = None) -> Published:
    return publish.publish(index.storage, index.dataset, index.recipe, facts)


def seen(index: Index) -> dict[tuple[str, int], int]:
    frames, _ = open_tables(index.storage, index.dataset, latest(index.storage, index.dataset))
    return held(frames)


def test_before_the_first_publication(storage: Storage) -> None:
    with pytest.raises(
        IndexMissingError, match=r"nothing is published under .*/cats; run python -m jobs\.index"
    ):
        latest(storage, "cats")
    with pytest.raises(
        IndexMissingError, match=r"publication 1 .* does not exist; nothing is published yet"
    ):
        rollback(storage, "cats", 1)


def test_what_is_published_is_what_is_read(index: Index) -> None:
    index.index({"a": 3, "b": 2})
    published = now(index, FACTS)
    assert (published.number, published.num_rows, published.num_videos) == (1, 5, 2)
    assert published.recipe == RECIPE
    assert published.recipe.key == published.recipe_key
    assert latest(index.storage, "cats") == published, "all of it survives the way through JSON"
    index.index({"c": 4})
    index.remove("a")
    assert seen(index) == {("a", 0): 3, ("b", 0): 2}, "a commit shows nothing until it is published"
    second = now(index)
    assert (second.number, second.num_rows, second.num_videos) == (2, 6, 2)
    assert seen(index) == {("b", 0): 2, ("c", 0): 4}
    assert [one.number for one in history(index.storage, "cats")] == [1, 2]


def test_a_publication_of_a_later_trawl_is_one_line(index: Index) -> None:
    index.index({"a": 3})
    later = json.loads(publish._to_json(now(index)))
    for content in (
        later | {"number": 2, "shards": 4},
        later | {"number": 2, "recipe": later["recipe"] | {"crop": 1}},
    ):
        index.storage.write_bytes("cats/index/published/2.json", json.dumps(content).encode())
        with pytest.raises(
            StorageError, match=r"published/2\.json was written by another version of Trawl"
        ):
            latest(index.storage, "cats")


def test_publishing_the_same_again_is_no_publication(index: Index) -> None:
    index.index({"a": 3})
    assert now(index) == now(index)
    assert len(history(index.storage, "cats")) == 1


def test_an_index_without_videos_can_be_published(index: Index) -> None:
    assert now(index).num_rows == 0
    assert seen(index) == {}


def test_numbers_are_ordered_as_numbers(local_index: Index) -> None:
    for n in range(1, 12):
        local_index.index({"a": n})
        now(local_index)
    assert latest(local_index.storage, "cats").number == 11
    assert latest(local_index.storage, "cats").num_rows == 11


def test_a_new_recipe_takes_over(local_index: Index) -> None:
    local_index.index({"a": 3})
    now(local_index)
    other = Index(local_index.storage, recipe=Recipe({"model": "better"}, {}, "auto"))
    other.index({"a": 2}, mark=5)
    assert now(other).number == 2
    assert seen(other) == {("a", 5): 2}
    assert rollback(other.storage, "cats", 1).recipe == RECIPE
    assert seen(other) == {("a", 0): 3}


def test_a_new_recipe_waits_until_queries_lose_nothing_by_it(index: Index) -> None:
    def awaited(left: int) -> int:
        return publish.awaited(index.storage, "cats", other.recipe.key, left)

    other = Index(index.storage, recipe=Recipe({"model": "better"}, {}, "auto"))
    assert awaited(5) == 0, "nothing to lose before the first publication"
    index.index({"a": 3, "b": 2, "c": 1})
    now(index)
    assert publish.awaited(index.storage, "cats", RECIPE.key, 5) == 0, (
        "the recipe that is published goes on night by night"
    )
    other.index({"a": 9})
    assert awaited(2) == 2
    failed = [ledger_row("b", 0, "failed", reason="unreadable", attempts=1)]
    failed += [ledger_row("c", 0, "failed", reason="truncated", attempts=1)]
    other.ledger.upsert(pa.Table.from_pylist(failed, schema=VIDEOS))
    assert awaited(0) == 1, (
        "an outage of the storage empties no index: what it failed is tried again"
    )
    other.ledger.upsert(
        pa.Table.from_pylist(
            [ledger_row("b", 0, "quarantined", reason="unreadable")], schema=VIDEOS
        )
    )
    assert awaited(0) == 0, "nothing more can be done for it"
    assert awaited(7) == 7
    other.index({"d": 1, "e": 1})
    assert awaited(7) == 0, (
        "as many videos as before, though not the same: an intake that never ends holds it up no more"
    )


def test_rollback_shows_the_older_content_under_the_next_number(index: Index) -> None:
    index.index({"a": 3})
    first = now(index)
    index.index({"a": 1, "b": 1}, mark=1)
    now(index)
    back = rollback(index.storage, "cats", 1)
    assert (back.number, back.content()) == (3, first.content())
    assert back.token != first.token
    assert seen(index) == {("a", 0): 3}
    assert rollback(index.storage, "cats", 1) == back, "already there"
    with pytest.raises(
        IndexMissingError, match=r"publication 9 .* does not exist; one of: 1, 2, 3"
    ):
        rollback(index.storage, "cats", 9)


def test_rollback_is_refused_once_cleanup_took_the_version(index: Index) -> None:
    for n in range(1, 5):
        index.index({"a": n})
        now(index)
    maintain.clean_up(index.storage, "cats", keep_h=0)
    with pytest.raises(IndexMissingError, match=r"publication 1 .* was cleaned up"):
        rollback(index.storage, "cats", 1)
    assert rollback(index.storage, "cats", 3).number == 5
    assert seen(index) == {("a", 0): 3}


def test_a_reader_keeps_its_rows(index: Index) -> None:
    """Through replacement, removal, compaction and cleanup, for one opened before them and for one
    that opens after.
    """
    index.index({"a": 3, "b": 2})
    published = now(index)
    frames, videos = open_tables(index.storage, "cats", published)
    before, ledger_before = frames.to_table(), videos.to_table()
    index.index({"a": 7}, mark=1)
    index.remove("b")
    index.open().optimize.compact_files(materialize_deletions_threshold=0.0)
    now(index)
    maintain.clean_up(index.storage, "cats", keep_h=0)
    assert index.held() == {("a", 1): 7}
    for reader, ledger in ((frames, videos), open_tables(index.storage, "cats", published)):
        assert reader.to_table().equals(before)
        assert ledger.to_table().equals(ledger_before)


# Races and crashes


def test_racers_get_different_numbers(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second publisher writes the number that the first has chosen, just before the first does."""
    index.index({"a": 3})
    now(index)
    index.index({"b": 1})
    real, others = Storage.write_if_absent, [True]

    def interrupted(self: Storage, name: str, data: bytes) -> bool:
        if others:
            others.clear()
            theirs = json.loads(data) | {"token": "theirs"}
            assert real(self, name, json.dumps(theirs).encode())
        return real(self, name, data)

    monkeypatch.setattr(Storage, "write_if_absent", interrupted)
    ours = now(index)
    assert ours.number == 3
    assert [one.token for one in history(index.storage, "cats")][1:] == ["theirs", ours.token]


def test_many_racers_at_once(local_index: Index) -> None:
    from concurrent.futures import ThreadPoolExecutor

    local_index.index({"a": 3})
    first = now(local_index)
    local_index.index({"a": 4})
    second = now(local_index)
    drafts = [publish._renewed(one) for one in (first, second) * 3]
    with ThreadPoolExecutor(6) as pool:
        done = list(
            pool.map(lambda draft: publish._write_next(local_index.storage, "cats", draft), drafts)
        )
    assert sorted(one.number for one in done) == [3, 4, 5, 6, 7, 8]
    assert {one.token: one.number for one in history(local_index.storage, "cats")[2:]} == {
        one.token: one.number for one in done
    }


def test_a_put_whose_answer_was_lost_is_recognised(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.index({"a": 3})
    real = Storage.write_if_absent

    def answer_lost(self: Storage, name: str, data: bytes) -> bool:
        real(self, name, data)
        return real(self, name, data)  # what the client's own retry then hears

    monkeypatch.setattr(Storage, "write_if_absent", answer_lost)
    assert now(index).number == 1
    assert len(history(index.storage, "cats")) == 1


def test_a_crash_between_tags_and_file_publishes_nothing_and_can_be_repeated(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.index({"a": 3})

    def dies(*_: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "write_if_absent", dies)
        with pytest.raises(KeyboardInterrupt):
            now(index)
    with pytest.raises(IndexMissingError):
        latest(index.storage, "cats")
    assert now(index).number == 1


def test_a_crash_between_frames_and_ledger_is_healed(
    index: Index, caplog: pytest.LogCaptureFixture
) -> None:
    """The work was not repeated (say, `limit`): its rows go, and the ledger forgets the video, so
    that it is new.
    """
    index.index({"a": 3, "b": 2, "c": 1})
    index.commit(index.write(rows("b", 5, mark=1), rows("new", 2, mark=1)), ["b", "new"])
    published = now(index)
    assert (published.num_rows, published.num_videos) == (4, 2)
    assert seen(index) == {("a", 0): 3, ("c", 0): 1}
    assert sorted(index.ledger.read(columns=["video_id"])["video_id"].to_pylist()) == ["a", "c"]
    assert "2 videos were being written when a run ended" in caplog.text
    assert publish.reconcile(index.storage, "cats", RECIPE.key) == []


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_vectors_that_are_not_of_unit_length_are_not_published(
    scale: float, local_index: Index
) -> None:
    import numpy as np
    import pyarrow as pa

    batch = rows("a", 4)
    bent = (np.stack(batch["embedding"].to_numpy(zero_copy_only=False)) * scale).astype(np.float16)
    column = pa.FixedSizeListArray.from_arrays(pa.array(bent.ravel()), 8)
    batch = batch.set_column(
        batch.schema.get_field_index("embedding"), batch.schema.field("embedding"), column
    )
    local_index.commit(local_index.write(batch), ["a"])
    local_index.tell({"a": 4})
    with pytest.raises(StorageError, match=r"a stored vector of length .* not published"):
        now(local_index)
    assert history(local_index.storage, "cats") == []


def test_a_damaged_vector_index_is_not_published(
    local_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_index.index({"a": 4})
    real = lance.LanceDataset.to_table

    def wrong(self: Any, *args: Any, nearest: Any = None, **kwargs: Any) -> Any:
        if nearest is not None:
            nearest = nearest | {"q": -nearest["q"]}
        return real(self, *args, nearest=nearest, **kwargs)

    monkeypatch.setattr(lance.LanceDataset, "to_table", wrong)
    with pytest.raises(StorageError, match="its vector index is damaged"):
        now(local_index)


@pytest.mark.parametrize(
    "name", ["sp ace", "ünï日本", "plus+and&", "a:b", "ha#sh", "qu?x=1", "per%20cent"]
)
def test_any_root_is_one_place(name: str, storage_config: StorageConfig) -> None:
    """Tables and publications lie under the same root, whatever characters it has."""
    config = replace(storage_config, root=f"{storage_config.root}/{name}")
    if config.root.startswith("s3://") and set(name) & set("#?%"):
        with pytest.raises(StorageError, match=r"s3:// URI .*'#', '\?' or '%'"):
            Storage.open(config)
        return
    index = Index(Storage.open(config))
    index.index({"a": 3})
    now(index)
    assert seen(index) == {("a", 0): 3}
    if not index.storage.is_s3:
        assert Path(config.root, "cats", "index", RECIPE.key, "frames.lance", "data").is_dir()
