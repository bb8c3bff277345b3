"""What a person may ask of failed videos, as rows of the ledger."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from tests.unit.table.conftest import ledger_row
from trawl.errors import ConfigError
from trawl.failures.requests import Choice, again, listed, released, set_aside
from trawl.index.plan import make_plan
from trawl.records.video import Reason, VideoFile
from trawl.schemas import FAILURES, VIDEOS
from trawl.storage import Storage
from trawl.table.ledger import Ledger, open_ledger

ALL = Choice()
ROWS = [
    ledger_row("good.mp4", 5, codec="h264"),
    ledger_row("gone.mp4", 0, "removed"),
    ledger_row(
        "cam/cut.mp4",
        0,
        "failed",
        reason="truncated",
        attempts=1,
        message="no moov",
        run_id="monday",
    ),
    ledger_row("cam/one/cut.mp4", 0, "failed", reason="truncated", attempts=2, message="no moov"),
    ledger_row(
        "cam/[1] it's.mp4",
        0,
        "quarantined",
        reason="decoder_crashed",
        attempts=3,
        message="SIGSEGV",
    ),
    ledger_row("wait.mp4", 0, "retry", reason="no_frames", attempts=1, message="none"),
    ledger_row(
        "aside.mp4",
        0,
        "quarantined",
        reason="set_aside",
        attempts=0,
        message="set aside by hand; before: indexed",
    ),
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    uri = str(tmp_path_factory.mktemp("ledger") / "videos.lance")
    return open_ledger(uri, {}).upsert(pa.Table.from_pylist(ROWS, schema=VIDEOS))


def names(table: pa.Table) -> list[str]:
    return sorted(table["video_id"].to_pylist())


CRASHED = "cam/[1] it's.mp4"
CUT, INNER = "cam/cut.mp4", "cam/one/cut.mp4"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ALL, ["cam/[1] it's.mp4", "wait.mp4", "aside.mp4", CUT, INNER]),
        (Choice(reason="truncated"), [CUT, INNER]),
        (Choice(status="quarantined"), [CRASHED, "aside.mp4"]),
        (Choice(path=CRASHED), [CRASHED]),
        (Choice(path="cam/*"), [CRASHED, CUT]),
        (Choice(path="**/cut.mp4"), [CUT, INNER]),
        (Choice(path="good.mp4"), []),
        (Choice("truncated", "cam/*", "failed"), [CUT]),
    ],
    ids=str,
)
def test_what_is_listed(ledger: Ledger, choice: Choice, expected: list[str]) -> None:
    found = listed(ledger, choice)
    assert found.schema == FAILURES
    assert found["video_id"].to_pylist() == expected, "by reason, then name"


@pytest.mark.parametrize(
    ("which", "choice", "expected"),
    [
        ("failed", ALL, [CUT, INNER]),
        ("quarantined", ALL, [CRASHED]),
        ("truncated", ALL, [CUT, INNER]),
        ("truncated", Choice(path="cam/*"), [CUT]),
        (CRASHED, ALL, [CRASHED]),
        ("cam/**", ALL, [CRASHED, CUT, INNER]),
        ("**", ALL, [CRASHED, CUT, INNER]),  # what was set aside must be named
        ("set_aside", ALL, ["aside.mp4"]),
        ("aside.mp4", ALL, ["aside.mp4"]),
    ],
    ids=str,
)
def test_again_keeps_all_but_the_status(
    ledger: Ledger, which: str, choice: Choice, expected: list[str]
) -> None:
    rows = again(ledger, choice, which)
    assert names(rows) == sorted(expected)
    before = {row["video_id"]: row for row in ledger.read().to_pylist()}
    assert all(row == before[row["video_id"]] | {"status": "retry"} for row in rows.to_pylist())


def test_set_aside_says_what_was_and_holds_no_frames(ledger: Ledger) -> None:
    rows = {row["video_id"]: row for row in set_aside(ledger, ALL, "**").to_pylist()}
    assert sorted(rows) == sorted(["good.mp4", "wait.mp4", CUT, INNER, CRASHED]), (
        "neither what is gone nor what is aside already"
    )
    assert {(row["status"], row["reason"], row["frames_embedded"]) for row in rows.values()} == {
        ("quarantined", "set_aside", 0)
    }
    assert rows["good.mp4"]["message"] == "set aside by hand; before: indexed"
    assert rows[CUT]["message"] == "set aside by hand; before: truncated: no moov"
    assert (rows["good.mp4"]["codec"], rows[CUT]["run_id"], rows[INNER]["attempts"]) == (
        "h264",
        "monday",
        2,
    )


def test_release_is_for_what_is_in_quarantine_and_counts_from_zero(ledger: Ledger) -> None:
    rows = released(ledger, ALL, "**")
    assert names(rows) == sorted([CRASHED, "aside.mp4"])
    assert set(rows["status"].to_pylist()) == {"retry"} and set(rows["attempts"].to_pylist()) == {0}
    assert names(released(ledger, Choice(reason="set_aside"), "**")) == ["aside.mp4"]


@pytest.mark.parametrize(
    ("make", "choice", "value", "message"),
    [
        (
            again,
            ALL,
            "trucated",
            r"retry=trucated names no failed video; .*did you mean 'truncated'",
        ),
        (again, ALL, "corrupt", r"retry=corrupt names no failed video; "),
        (
            again,
            Choice(path="good.mp4"),
            "failed",
            r"no failed video among those of path=good\.mp4",
        ),
        (again, ALL, "good.mp4", r"names no failed video"),
        (set_aside, ALL, "aside.mp4", r"set aside already; release=aside.mp4"),
        (again, ALL, "wait.mp4", r"retry=wait.mp4: .* waits for its attempt already"),
        (set_aside, ALL, "gone.mp4", r"names no video"),
        (released, ALL, CUT, r"names no video in quarantine"),
    ],
)
def test_a_request_that_names_nothing_is_one_line(
    ledger: Ledger, make: Callable[..., pa.Table], choice: Choice, value: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make(ledger, choice, value)
    assert "\n" not in str(caught.value)


def test_a_choice_is_checked_when_it_is_made() -> None:
    with pytest.raises(ConfigError, match=r"reason=corupt is unknown; did you mean 'corrupt'"):
        Choice(reason="corupt")
    with pytest.raises(ConfigError, match=r"'a\*\*b' is no path and no pattern"):
        Choice(path="a**b")


def test_the_plan_does_as_the_rows_say(storage: Storage) -> None:
    """For every reason: what is asked for is planned with its attempts, what is set aside is not,
    not even by retry=.
    """
    rows = [
        ledger_row(r, 0, "quarantined", reason=r, attempts=3)
        for r in Reason
        if r is not Reason.SET_ASIDE
    ]
    rows += [ledger_row("indexed", 5)]
    ledger = open_ledger(storage.table_uri("d", "r", "videos"), storage.lance_options)
    ledger = ledger.upsert(pa.Table.from_pylist(rows, schema=VIDEOS))
    corpus = [VideoFile(row["video_id"], "/", 1, "f") for row in rows]

    def planned(retry: str | None = None) -> dict[str, int]:
        return {
            item.video.video_id: item.attempts for item in make_plan(corpus, ledger, retry).work()
        }

    assert planned() == {}
    ledger = ledger.upsert(again(ledger, ALL, "quarantined"))
    assert planned() == {row["video_id"]: 3 for row in rows[:-1]}
    ledger = ledger.upsert(set_aside(ledger, ALL, "**"))
    for retry in (None, "failed", "quarantined", "corrupt"):
        assert planned(retry) == {}
    assert set(planned("set_aside")) == {row["video_id"] for row in rows}
    ledger = ledger.upsert(released(ledger, ALL, "corrupt"))
    assert planned() == {"corrupt": 0}
    changed = [VideoFile(video.video_id, "/", 1, "new bytes") for video in corpus]
    assert make_plan(changed, ledger).counts.changed == len(rows)
