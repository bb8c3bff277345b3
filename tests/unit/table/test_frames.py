"""Rows are replaced by video, by one transaction at a time, however often the work is repeated."""

import json
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.table.conftest import SCHEMA, Index, held, rows
from trawl.config.data import StorageConfig
from trawl.errors import ConfigError, StorageError
from trawl.schemas import frames_schema
from trawl.storage import Storage
from trawl.table import frames, maintain, publish
from trawl.table.places import Places

ODD = [
    "it's.mp4",
    'a"b.mp4',
    "%_*.mp4",
    "back\\slash.mp4",
    "new\nline.mp4",
    "日本.mp4",
    "x') OR ('1'='1",
    "a;--.mp4",
]


def test_commits_replace_by_video(index: Index) -> None:
    index.commit(index.write(rows("a", 3), rows("b", 2)), ["a", "b"])
    assert index.held() == {("a", 0): 3, ("b", 0): 2}
    index.commit(index.write(rows("b", 5, mark=1), rows("c", 1, mark=1)), ["b", "c"])
    assert index.held() == {("a", 0): 3, ("b", 1): 5, ("c", 1): 1}
    index.commit([], ["a", "c", "never there"])
    assert index.held() == {("b", 1): 5}
    index.commit([], ["b"])
    assert index.held() == {}


def test_a_replacement_is_one_version(index: Index) -> None:
    first = index.commit(index.write(rows("a", 3)), ["a"])
    assert index.commit(index.write(rows("a", 4, mark=1)), ["a"]) == first + 1
    assert held(lance.dataset(index.uri, version=first, storage_options=index.options)) == {
        ("a", 0): 3
    }


def test_what_is_not_committed_is_not_seen(index: Index) -> None:
    before = index.open().version
    index.write(rows("a", 3))
    assert (index.open().version, index.held()) == (before, {})


def test_half_written_fragments_are_not_seen(index: Index) -> None:
    def dies():
        yield rows("a", 3)
        raise KeyError("worker")

    with pytest.raises(Exception, match="worker"):
        frames.write_fragments(index.uri, index.options, SCHEMA, dies())
    assert index.held() == {}
    index.commit(index.write(rows("a", 1)), ["a"])
    assert index.held() == {("a", 0): 1}


def test_the_same_key_twice_adds_once(index: Index) -> None:
    written = index.write(rows("a", 3))
    version = index.commit(written, ["a"], key="run/1")
    index.commit(index.write(rows("b", 1)), ["b"], key="run/2")
    assert index.commit(written, ["a"], key="run/1") == version
    assert index.commit([], ["a", "b"], key="run/1") == version, (
        "the key names the work, not its content"
    )
    assert index.held() == {("a", 0): 3, ("b", 0): 1}


def test_the_same_fragments_under_another_key_add_once(index: Index) -> None:
    written = index.write(rows("a", 3), rows("b", 2))
    for key in ("run/1", "run/2", "run/3"):
        index.commit(written, ["a", "b"], key)
        assert index.held() == {("a", 0): 3, ("b", 0): 2}


def lose_answers(monkeypatch: pytest.MonkeyPatch, commits: int) -> None:
    """The first `commits` commits succeed on the storage, and their caller hears of a timeout."""
    real, left = lance.LanceDataset.commit, [commits]

    def commit(*args: Any, **kwargs: Any) -> Any:
        done = real(*args, **kwargs)
        if left[0]:
            left[0] -= 1
            raise OSError(
                "LanceError(IO): Generic S3 error: error sending request: operation timed out"
            )
        return done

    monkeypatch.setattr(lance.LanceDataset, "commit", staticmethod(commit))


def test_a_lost_answer_is_no_failure_and_no_second_commit(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_answers(monkeypatch, 1)
    version = index.commit(index.write(rows("a", 3)), ["a"])
    assert (index.open().version, index.held()) == (version, {("a", 0): 3})


@pytest.mark.parametrize("breaks", [1, 2])
def test_a_put_whose_connection_broke_is_made_again(
    index: Index, breaks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = lance.LanceDataset.commit, [breaks]

    def commit(*args: Any, **kwargs: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise OSError(
                "LanceError(IO): Generic S3 error: Error performing PUT: connection closed"
            )
        return real(*args, **kwargs)

    monkeypatch.setattr(lance.LanceDataset, "commit", staticmethod(commit))
    index.commit(index.write(rows("a", 3)), ["a"])
    assert index.held() == {("a", 0): 3}


def test_a_commit_that_fails_changes_nothing_and_can_be_repeated(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.commit(index.write(rows("a", 3)), ["a"])
    written = index.write(rows("a", 4, mark=1))

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("LanceError(IO): Generic S3 error: 403 Forbidden: AccessDenied")

    with monkeypatch.context() as patch:
        patch.setattr(lance.LanceDataset, "commit", staticmethod(refuse))
        with pytest.raises(StorageError, match="is denied"):
            index.commit(written, ["a"], key="again")
    assert index.held() == {("a", 0): 3}
    index.commit(written, ["a"], key="again")
    assert index.held() == {("a", 1): 4}


@pytest.mark.parametrize("held", ["a", "b"], ids=["old rows", "new video"])
def test_another_committer_in_between(
    index: Index, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We read, they write the video, we commit: the later commit wins, whole, also where neither
    saw the video before.
    """
    index.commit(index.write(rows(held, 3)), [held])
    others = index.held() if held != "a" else {}
    real, other = frames._commit_once, [True]

    def interrupted(dataset: Any, *rest: Any) -> int:
        if other.pop() if other else False:
            theirs = frames.write_fragments(
                index.uri, index.options, SCHEMA, [rows("a", 2, mark=7)]
            )
            real(index.open(), theirs, ["a"], "theirs", Places())
        return real(dataset, *rest)

    monkeypatch.setattr(frames, "_commit_once", interrupted)
    index.commit(index.write(rows("a", 4, mark=1)), ["a"], places=index.places)
    assert index.held() == {("a", 1): 4} | others


def test_a_committer_that_never_gets_a_turn(
    local_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lance.commit import CommitConflictError

    def busy(*_: Any) -> int:
        raise CommitConflictError("preempted")

    monkeypatch.setattr(frames, "_commit_once", busy)
    with pytest.raises(StorageError, match="one index job per dataset at a time"):
        local_index.commit([], ["a"])


def test_rows_that_no_ledger_knows_are_replaced(index: Index) -> None:
    """A driver died after its commit and before the ledger: the next one, or one that lived all the
    while, finds them.
    """
    lived = index.places
    index.index({"a": 2})
    index.commit(index.write(rows("new", 3, mark=1)), ["new"], places=Places())
    assert index.ledger.indexed() == (1, 2)
    index.commit(index.write(rows("new", 4, mark=2)), ["new"], places=lived)
    assert index.held() == {("a", 0): 2, ("new", 2): 4}
    index.commit(index.write(rows("new", 1, mark=3)), ["new"], places=Places())
    assert index.held() == {("a", 0): 2, ("new", 3): 1}


def test_a_lost_answer_is_looked_for_among_later_commits_only(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    real = lance.LanceDataset.read_transaction

    def counted(self: Any, version: int) -> Any:
        looked.append(version)
        return real(self, version)

    monkeypatch.setattr(lance.LanceDataset, "read_transaction", counted)
    for n in range(3):
        index.index({f"{n}": 1})
    assert looked == [1], "each one is a manifest to read"
    lose_answers(monkeypatch, 1)
    version = index.commit(index.write(rows("a", 3)), ["a"], places=index.places)
    assert (looked, index.open().version) == ([1, version], version)
    assert index.held()["a", 0] == 3


def test_commits_go_on_after_a_compaction_that_moved_the_index(index: Index) -> None:
    """Whose transaction Lance cannot read back; and after cleanup has taken all others."""
    index.index({"a": 30, "b": 300})
    maintain.prepare(index.uri, index.options, 1)
    index.remove("a")
    index.open().optimize.compact_files(materialize_deletions_threshold=0.0)
    with pytest.raises(TypeError):
        # else this case is not the one that is meant
        index.open().read_transaction(index.open().version)
    written = index.write(rows("c", 2))
    version = index.commit(written, ["c"], key="night/1")
    assert index.commit(written, ["c"], key="night/1") == version
    index.tell({"c": 2})
    publish.publish(index.storage, "cats", index.recipe, None)
    maintain.clean_up(index.storage, "cats", keep_h=0)
    index.commit(index.write(rows("d", 1)), ["d"], key="night/2")
    assert index.held() == {("b", 0): 300, ("c", 0): 2, ("d", 0): 1}


def test_nothing_to_do_makes_no_version(index: Index) -> None:
    before = index.open().version
    assert index.write() == []
    assert index.commit([], []) == before
    assert index.commit([], ["unknown"]) == before
    assert index.open().version == before


def test_empty_batches_make_no_fragment(index: Index) -> None:
    assert index.write(rows("a", 0)) == []


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_any_name_is_replaced_and_no_other(odd: str, local_index: Index) -> None:
    local_index.index({"other": 1, odd: 2})
    local_index.index({odd: 3}, mark=1)
    assert local_index.held() == {("other", 0): 1, (odd, 1): 3}
    local_index.remove(odd)
    assert local_index.held() == {("other", 0): 1}


def test_more_videos_than_one_condition_takes(
    local_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "_IDS_AT_ONCE", 3)
    names = [f"{n}.mp4" for n in range(10)]
    local_index.index(dict.fromkeys(names, 2))
    local_index.commit([], names[:7])
    assert {name for name, _ in local_index.held()} == set(names[7:])


def test_fragments_travel_as_json(local_index: Index) -> None:
    (written,) = local_index.write(rows("a", 3))
    assert json.loads(written)["physical_rows"] == 3


def test_creating_twice_keeps_what_is_there(index: Index) -> None:
    index.commit(index.write(rows("a", 3)), ["a"])
    frames.create_if_missing(index.uri, index.options, SCHEMA)
    assert index.held() == {("a", 0): 3}


@pytest.mark.parametrize(
    "schema", [frames_schema(16), frames_schema(8, "float32")], ids=["size", "dtype"]
)
def test_another_kind_of_embedding_is_refused(schema: pa.Schema, local_index: Index) -> None:
    with pytest.raises(ConfigError, match=r"table.dtype makes embeddings fixed_size_list<.*holds"):
        frames.create_if_missing(local_index.uri, {}, schema)


def test_a_new_column_that_may_be_null_copies_nothing(index: Index) -> None:
    index.index({"a": 3})
    wider = SCHEMA.append(pa.field("brightness", pa.float32()))
    for _ in range(2):
        frames.create_if_missing(index.uri, index.options, wider)
    batch = rows("b", 2, mark=1)
    batch = pa.record_batch([*batch.columns, pa.array([0.5, 1.0], pa.float32())], schema=wider)
    index.commit(frames.write_fragments(index.uri, index.options, wider, [batch]), ["b"])
    assert index.held() == {("a", 0): 3, ("b", 1): 2}
    assert index.open().to_table(columns=["brightness"])["brightness"].to_pylist() == [None] * 3 + [
        0.5,
        1.0,
    ]
    index.commit([], ["a"])
    assert index.held() == {("b", 1): 2}
    with pytest.raises(ConfigError, match="another version of Trawl"):
        frames.create_if_missing(index.uri, index.options, SCHEMA)


def test_a_storage_that_is_gone_is_one_line(s3_endpoint: str) -> None:
    nowhere = Storage.open(
        StorageConfig(root="s3://bucket-x/x", endpoint="http://127.0.0.1:9", retries=0)
    )
    options = nowhere.lance_options | {"client_retry_timeout": "1"}
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        frames.create_if_missing(nowhere.table_uri("d", "r", "frames"), options, SCHEMA)
    assert "\n" not in str(caught.value)


VIDEOS = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 3), min_size=1, max_size=3)


class AnyHistory(RuleBasedStateMachine):
    """After any sequence of indexing, replacing, removing, crashing and repeating, the table holds
    what the model does.
    """

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.index = Index(Storage.open(StorageConfig(root=str(Path(self.folder.name)))))
        self.model: dict[str, tuple[int, int]] = {}
        self.mark = 0
        self.last: tuple[list[str], dict[str, int], str] | None = None

    def teardown(self) -> None:
        self.folder.cleanup()

    def fresh(self, videos: dict[str, int]) -> tuple[list[str], dict[str, int], str]:
        self.mark += 1
        return (
            self.index.write(*(rows(v, n, self.mark) for v, n in videos.items())),
            videos,
            f"run/{self.mark}",
        )

    def commit(self, work: tuple[list[str], dict[str, int], str]) -> None:
        written, videos, key = work
        self.index.commit(written, videos, key, self.index.places)
        self.last = work

    @rule(videos=VIDEOS)
    def indexes(self, videos: dict[str, int]) -> None:
        self.commit(self.fresh(videos))
        self.index.tell(videos)
        self.model |= {v: (n, self.mark) for v, n in videos.items()}

    @rule(videos=st.sets(st.sampled_from("abcd"), min_size=1, max_size=2))
    def removes(self, videos: set[str]) -> None:
        self.index.remove(*videos)
        self.last = None
        for video in videos:
            self.model.pop(video, None)

    @rule(videos=VIDEOS)
    def crashes_before_the_commit_and_repeats(self, videos: dict[str, int]) -> None:
        self.fresh(videos)
        self.indexes(videos)

    @rule(videos=VIDEOS)
    def crashes_before_the_ledger_and_repeats(self, videos: dict[str, int]) -> None:
        self.commit(self.fresh(videos))
        self.indexes(videos)

    @precondition(lambda self: self.last is not None)
    @rule(new_key=st.booleans())
    def commits_the_last_work_again(self, new_key: bool) -> None:
        assert self.last is not None
        written, videos, key = self.last
        self.index.commit(
            written,
            videos,
            f"{key}/again" if new_key else key,
            Places() if not new_key else self.index.places,
        )

    @rule()
    def another_process_goes_on(self) -> None:
        self.index.places = Places()

    @rule()
    def compacts(self) -> None:
        self.index.open().optimize.compact_files(materialize_deletions_threshold=0.0)
        self.last = None  # a compaction takes the fragments of the last work with it

    @invariant()
    def holds_what_the_model_does(self) -> None:
        assert self.index.held() == {(video, mark): n for video, (n, mark) in self.model.items()}
        assert self.index.ledger.indexed() == (
            len(self.model),
            sum(n for n, _ in self.model.values()),
        )


AnyHistory.TestCase.settings = settings(max_examples=25, stateful_step_count=10, deadline=None)
TestAnyHistory = AnyHistory.TestCase
