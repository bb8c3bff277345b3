"""A standing query sees every video once as it is, and again when it changes."""

import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trawl.nightly import standing
from trawl.nightly.standing import Standing
from trawl.storage import Storage


def test_the_first_night_is_the_whole_corpus_and_the_second_what_is_new(storage: Storage) -> None:
    query = Standing(storage, "cats", "red", "v1")
    corpus = {"a": "1", "b": "1"}
    assert query.fresh(corpus.items()) == corpus
    night = query.begin("n1", "n1-red", corpus)
    assert query.fresh(corpus.items()) == corpus, "begun is not ended"
    assert query.nights() == [night]
    query.end(night, {"tracks": 3})
    assert query.fresh(corpus.items()) == {}
    assert query.fresh({"a": "1", "b": "2", "c": "1"}.items()) == {"b": "2", "c": "1"}
    assert [(n.ended, n.videos, n.counts) for n in query.nights()] == [(True, 2, {"tracks": 3})]
    assert query.videos("n1") == corpus


def test_a_night_with_failed_clips_is_tried_three_times(storage: Storage) -> None:
    query = Standing(storage, "cats", "red", "v1")
    night = query.begin("n1", "r", {"a": "1"})
    for ended in (False, False, True):
        assert query.fresh([("a", "1")]) == {"a": "1"}
        night = query.end(night, {"failed": 1}, complete=False)
        assert night.ended == ended
    assert query.fresh([("a", "1")]) == {}


def test_a_changed_query_starts_over(storage: Storage) -> None:
    query = Standing(storage, "cats", "red", "v1")
    query.end(query.begin("n1", "r", {"a": "1"}), {})
    assert Standing(storage, "cats", "red", "v2").fresh([("a", "1")]) == {"a": "1"}
    assert Standing(storage, "cats", "blue", "v1").fresh([("a", "1")]) == {"a": "1"}


def _year(storage: Storage, nights: int) -> dict[str, str]:
    """Nights that each see one more video, as processes of their own; the corpus after them."""
    corpus: dict[str, str] = {}
    for number in range(nights):
        query = Standing(storage, "cats", "red", "v1")
        corpus[f"video {number}"] = "1"
        assert not query.unfinished()
        fresh = query.fresh(corpus.items())
        assert fresh == {f"video {number}": "1"}
        query.end(query.begin(f"n{number:03}", f"n{number:03}-red", fresh), {})
    return corpus


def test_a_night_after_many_reads_the_last_few(
    local_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, read, real = _year(local_storage, 100), [], Storage.read_bytes

    def counted(storage: Storage, name: str) -> bytes:
        read.append(name)
        return real(storage, name)

    monkeypatch.setattr(Storage, "read_bytes", counted)
    query = Standing(local_storage, "cats", "red", "v1")
    assert query.unfinished() == []
    assert query.fresh({**corpus, "new": "1"}.items()) == {"new": "1"}
    assert len(read) <= 1 + 3 * standing._GATHERED_AT, read
    assert len(query.nights()) == 100, "all are still there to be listed"


def test_a_killed_night_is_found_among_many(local_storage: Storage) -> None:
    corpus = _year(local_storage, 40)
    query = Standing(local_storage, "cats", "red", "v1")
    killed = query.begin("n900", "n900-red", {"new": "1"})
    corpus = _year_goes_on(local_storage, corpus)
    again = Standing(local_storage, "cats", "red", "v1")
    assert again.unfinished() == [killed]
    assert again.fresh({**corpus, "new": "1"}.items()) == {"new": "1"}
    again.end(killed, {})
    assert again.fresh({**corpus, "new": "1"}.items()) == {}


def _year_goes_on(storage: Storage, corpus: dict[str, str]) -> dict[str, str]:
    for number in range(40):
        query = Standing(storage, "cats", "red", "v1")
        corpus = corpus | {f"later {number}": "1"}
        query.end(query.begin(f"p{number:03}", "r", query.fresh(corpus.items())), {})
    return corpus


def test_a_deleted_night_is_asked_again(local_storage: Storage) -> None:
    corpus = _year(local_storage, 40)
    Standing(local_storage, "cats", "red", "v1").fresh(corpus.items())
    for suffix in ("json", "parquet"):
        local_storage.delete(f"cats/standing/red/v1/n003.{suffix}")
    assert Standing(local_storage, "cats", "red", "v1").fresh(corpus.items()) == {"video 3": "1"}


@pytest.fixture
def gathered_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "_GATHERED_AT", 2)


@pytest.mark.usefixtures("gathered_soon")
@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    nights=st.lists(
        st.tuples(st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12")), st.booleans()),
        max_size=5,
    )
)
def test_over_any_nights_each_state_of_a_video_is_answered_once(
    local_storage: Storage, nights: list[tuple[dict[str, str], bool]]
) -> None:
    query = Standing(local_storage, "cats", "red", uuid.uuid4().hex)
    answered: list[tuple[str, str]] = []
    for number, (corpus, killed) in enumerate(nights):
        fresh = query.fresh(corpus.items())
        assert not set(fresh.items()) & set(answered)
        assert set(corpus.items()) <= set(fresh.items()) | set(answered)
        night = query.begin(f"n{number}", "r", fresh)
        if not killed:
            query.end(night, {})
            answered += fresh.items()
