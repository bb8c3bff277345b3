"""The summary shows what happened, whatever the videos are called."""

import io
import json

import pytest
from rich.console import Console

from trawl.exits import EXIT_OK, EXIT_SOME_FAILED, EXIT_TOO_MANY_FAILED
from trawl.index.outcome import Failed
from trawl.index.record import RunRecord, show
from trawl.records.video import Reason, VideoFile
from trawl.runtime.record import exit_code_of


def shown(run: RunRecord) -> str:
    out = io.StringIO()
    show(run, Console(file=out, width=200), "s3://bucket/[bold]/run.json")
    return out.getvalue()


def test_names_are_never_markup_and_every_reason_is_counted() -> None:
    run = RunRecord({}, plan={"new": 2})
    for name in ("[/red]a.mp4", "[link=x]b.mp4"):
        run.count(Failed(VideoFile(name, name, 1, "f"), Reason.CORRUPT, "[/] broken", 1))
    text = shown(run)
    assert "[/red]a.mp4: [/] broken" in text
    assert "s3://bucket/[bold]/run.json" in text
    assert run.failures == {"corrupt": 2}
    assert run.exit_code == EXIT_SOME_FAILED


def test_a_night_without_changes_says_so() -> None:
    run = RunRecord({}, plan={"unchanged": 3, "failed": 1}, ignored={".txt": 2}, published=4)
    text = shown(run)
    assert "nothing to do" in text and "no frame was embedded" in text
    assert "jobs.failures" in text and "retry=failed" in text
    assert "2 .txt" in text
    assert run.exit_code == EXIT_OK


def test_run_json_is_plain_json() -> None:
    run = RunRecord({"sampling": {"every_s": 0.5}}, plan={"new": 1})
    with run.clock.step("work"):
        pass
    content = json.loads(run.to_json())
    assert content["config"]["sampling"]["every_s"] == 0.5
    assert content["seconds"]["work"] >= 0
    assert {"trawl", "python", "torch", "ray"} <= set(content["versions"])


@pytest.mark.parametrize(
    ("failed", "tried", "limit", "code"),
    [
        (0, 10, None, EXIT_OK),
        (1, 10, None, EXIT_SOME_FAILED),
        (0, 0, 0.0, EXIT_OK),
        (1, 10, 0.0, EXIT_TOO_MANY_FAILED),
        (3, 10, 0.3, EXIT_OK),
        (29, 100, 0.29, EXIT_OK),  # though 0.29 * 100 is less than 29
        (4, 10, 0.3, EXIT_TOO_MANY_FAILED),
        (10, 10, 1.0, EXIT_OK),
    ],
)
def test_the_exit_code_is_zero_within_a_limit(
    failed: int, tried: int, limit: float | None, code: int
) -> None:
    assert exit_code_of(failed, tried, limit) == code
    run = RunRecord({"max_failed_fraction": limit})
    run.outcomes.update(failed=failed, indexed=tried - failed)
    assert run.exit_code == code
    assert json.loads(run.to_json())["exit_code"] == code
    assert ("too many" in shown(run)) == (code == EXIT_TOO_MANY_FAILED)
