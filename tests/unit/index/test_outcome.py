"""Units become videos: whole ones are indexed once, and one refused span refuses the video."""

import itertools

import pytest

from trawl.index.actors import Unit, UnitDone, VideoFacts
from trawl.index.dispatch import Finished, Refused
from trawl.index.outcome import Failed, Gatherer, Indexed, ledger_row
from trawl.records.video import Reason, Status, VideoFile

VIDEO = VideoFile("a.mp4", "/a.mp4", 10, "f1")
FACTS = VideoFacts("mp4", "h264", 64, 48, 0, 25.0, 3.0, 75)
SPANS = ((1.0, 2.0), (2.0, float("inf")))


def finished(number: int, rest: tuple = SPANS, damage: str = "") -> Finished:
    done = UnitDone(
        FACTS, rest if number == 0 else (), "pyav", 25, 5, number, damage, 0.0, 0.1, 0.0
    )
    return Finished(Unit(VIDEO, number=number), done, rows=f"rows of {number}")


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_a_video_is_whole_when_all_spans_are_in_whatever_the_order(order: tuple[int, ...]) -> None:
    gatherer = Gatherer()
    found = [
        outcome
        for number in order
        for outcome in gatherer.add(finished(number, damage="d" * (number == 1)))
    ]
    (whole,) = found
    assert isinstance(whole, Indexed)
    assert whole.rows == ("rows of 0", "rows of 1", "rows of 2")
    assert (
        whole.frames_embedded,
        whole.frames_decoded,
        whole.frames_substituted,
        whole.damage,
    ) == (15, 75, 3, "d")


@pytest.mark.parametrize("refused", range(3))
def test_one_refused_span_refuses_the_video_once(refused: int) -> None:
    gatherer, found = Gatherer(), []
    for number in range(3):
        event = finished(number)
        if number == refused:
            event = Refused(event.unit, Reason.CORRUPT, "no")
        found += gatherer.add(event)
    assert found == [Failed(VIDEO, Reason.CORRUPT, "no", 1)]


def test_a_video_of_one_unit_needs_no_waiting() -> None:
    (whole,) = Gatherer().add(finished(0, rest=()))
    assert isinstance(whole, Indexed)


@pytest.mark.parametrize(
    ("attempts", "status"), [(1, Status.FAILED), (2, Status.FAILED), (3, Status.QUARANTINED)]
)
def test_the_third_failure_quarantines(attempts: int, status: Status) -> None:
    row = ledger_row(Failed(VIDEO, Reason.DECODER_CRASHED, "x" * 5000, attempts), "run")
    assert (row["status"], row["reason"], row["attempts"]) == (status, "decoder_crashed", attempts)
    assert len(row["message"]) == 1000
