"""The corpus against the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trawl.errors import ConfigError
from trawl.index.plan import Counts, Plan, Why, make_plan
from trawl.records.video import MAX_ATTEMPTS, PASSING_REASONS, Reason, Status, VideoFile
from trawl.schemas import VIDEOS

COLUMNS = ["video_id", "fingerprint", "status", "reason", "attempts"]


@dataclass
class Rows:
    """A ledger of (video_id, fingerprint, status, reason, attempts), read in batches of two."""

    rows: list[tuple[Any, ...]]

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        fields = pa.schema([VIDEOS.field(name) for name in columns])
        for start in range(0, len(self.rows), 2):
            part = [dict(zip(COLUMNS, row)) for row in self.rows[start : start + 2]]
            yield pa.RecordBatch.from_pylist(
                [{c: row[c] for c in columns} for row in part], schema=fields
            )


def video(name: str, fingerprint: str = "f") -> VideoFile:
    return VideoFile(name, f"/corpus/{name}", 7, fingerprint, {"camera": "front"})


def planned(plan: Plan) -> list[tuple[str, str, int]]:
    return [(item.video.video_id, item.why.value, item.attempts) for item in plan.work()]


def test_first_run() -> None:
    plan = make_plan([video("a"), video("b")], Rows([]))
    assert plan.counts == Counts(new=2)
    assert [item.video for item in plan.work()] == [video("a"), video("b")], (
        "all of the file's record comes back"
    )
    assert list(plan.work()) == list(plan.work()), "the work can be read again"
    assert list(plan.removed()) == []


def test_every_verdict_at_once() -> None:
    ledger = Rows(
        [
            ("same", "f", "indexed", None, 0),
            ("edited", "old", "indexed", None, 0),
            ("gone", "f", "indexed", None, 0),
            ("gone long ago", "f", "removed", None, 0),
            ("back", "f", "removed", None, 0),
            ("bad", "f", "failed", "not_a_video", 1),
            ("bad, now mended", "old", "failed", "not_a_video", 2),
            ("unlucky", "f", "failed", "worker_died", 2),
            ("hopeless", "f", "quarantined", "decoder_crashed", 3),
            ("hopeless, new bytes", "old", "quarantined", "decoder_crashed", 3),
            ("failed and gone", "f", "failed", "truncated", 1),
        ]
    )
    here = [row[0] for row in ledger.rows if "gone" not in row[0]]
    plan = make_plan([video(name) for name in (*here, "fresh")], ledger)
    assert plan.counts == Counts(
        new=2, changed=3, retry=1, removed=2, unchanged=1, failed=1, quarantined=1
    )
    assert plan.counts.work == 6
    assert planned(plan) == [
        ("edited", "changed", 0),
        ("back", "new", 0),
        ("bad, now mended", "changed", 0),
        ("unlucky", "retry", 2),
        ("hopeless, new bytes", "changed", 0),
        ("fresh", "new", 0),
    ]
    assert list(plan.removed()) == ["gone", "failed and gone"]


def test_a_rename_is_a_removal_and_a_new_video() -> None:
    plan = make_plan([video("after")], Rows([("before", "f", "indexed", None, 0)]))
    assert planned(plan) == [("after", "new", 0)]
    assert list(plan.removed()) == ["before"]


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        (None, []),
        ("failed", ["bad", "spent"]),
        ("quarantined", ["hopeless"]),
        ("truncated", ["bad"]),
        ("decoder_crashed", ["hopeless", "spent"]),
        ("corrupt", []),
    ],
)
def test_retry(retry: str | None, expected: list[str]) -> None:
    ledger = Rows(
        [
            ("bad", "f", "failed", "truncated", 1),
            ("hopeless", "f", "quarantined", "decoder_crashed", 3),
            ("spent", "f", "failed", "decoder_crashed", 3),
            ("fine", "f", "indexed", None, 0),
        ]
    )
    plan = make_plan([video(row[0]) for row in ledger.rows], ledger, retry)
    assert [name for name, why, _ in planned(plan) if why == Why.RETRY] == expected


@pytest.mark.parametrize("reason", list(Reason), ids=str)
def test_a_passing_reason_is_tried_again_until_attempts_run_out(reason: Reason) -> None:
    for attempts in range(1, MAX_ATTEMPTS + 1):
        plan = make_plan([video("a")], Rows([("a", "f", "failed", reason.value, attempts)]))
        again = reason in PASSING_REASONS and attempts < MAX_ATTEMPTS
        assert planned(plan) == ([("a", "retry", attempts)] if again else [])


@pytest.mark.parametrize("reason", list(Reason), ids=str)
def test_what_the_ledger_asks_for_is_tried_whatever_its_reason_and_attempts(reason: Reason) -> None:
    ledger = Rows([("a", "f", "retry", reason.value, 7)])
    plan = make_plan([video("a")], ledger)
    assert (planned(plan), plan.counts) == ([("a", "retry", 7)], Counts(retry=1))
    assert make_plan([video("a", "new")], ledger).counts == Counts(changed=1)
    assert list(make_plan([], ledger).removed()) == ["a"]


@pytest.mark.parametrize(
    ("retry", "expected"), [("quarantined", []), ("failed", []), ("set_aside", ["a"])]
)
def test_what_was_set_aside_is_tried_only_by_that_word(retry: str, expected: list[str]) -> None:
    plan = make_plan([video("a")], Rows([("a", "f", "quarantined", "set_aside", 0)]), retry)
    assert [name for name, _, _ in planned(plan)] == expected


@pytest.mark.parametrize("retry", ["fialed", "indexed", "removed", ""])
def test_a_misspelt_retry(retry: str) -> None:
    with pytest.raises(ConfigError, match=f"retry='{retry}' is unknown; .*quarantined") as caught:
        make_plan([], Rows([]), retry)
    assert ("did you mean 'failed'" in str(caught.value)) == (retry == "fialed")


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)


@given(st.dictionaries(NAMES, st.sampled_from("xy")), st.dictionaries(NAMES, st.sampled_from("xy")))
def test_any_corpus_against_any_ledger(corpus: dict[str, str], known: dict[str, str]) -> None:
    ledger = Rows([(name, mark, Status.INDEXED.value, None, 0) for name, mark in known.items()])
    plan = make_plan((video(name, mark) for name, mark in corpus.items()), ledger)
    new = [name for name in corpus if name not in known]
    changed = [name for name in corpus if name in known and corpus[name] != known[name]]
    assert [name for name, why, _ in planned(plan) if why == "new"] == new
    assert [name for name, why, _ in planned(plan) if why == "changed"] == changed
    assert list(plan.removed()) == [name for name in known if name not in corpus]
    same = len(corpus) - len(new) - len(changed)
    assert plan.counts == Counts(
        new=len(new), changed=len(changed), unchanged=same, removed=len(known.keys() - corpus)
    )


def test_more_work_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    from trawl.index import plan as module

    monkeypatch.setattr(module, "_MEMORY_BYTES", 1000)
    plan = make_plan((video(str(n)) for n in range(10_000)), Rows([]))
    assert [item.video.video_id for item in plan.work()] == [str(n) for n in range(10_000)]
