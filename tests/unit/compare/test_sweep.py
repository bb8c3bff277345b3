"""A sweep without Ray: what is recorded of each point, what a failing one costs, and how a sweep
goes on.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trawl import cli, exits
from trawl.config.jobs import TrackConfig
from trawl.errors import ConfigError

Points = list[dict[str, Any]]
SWEPT = ["-m", "grounder.min_score=0.1,0.2", "tracking.chunk_s=4,8"]


class Job:
    """A tracking job that only says what it was called with; `trouble` is called first."""

    def __init__(self, root: Path) -> None:
        self.root, self.seen = root, []
        self.trouble: Callable[[TrackConfig], Any] = lambda config: None

    def __call__(self, config: TrackConfig) -> exits.Outcome:
        self.seen.append(config)
        code = self.trouble(config) or exits.EXIT_OK
        run = self.root / "demo" / "runs" / str(config.run_id)
        run.mkdir(parents=True, exist_ok=True)
        (run / "run.json").write_text(
            json.dumps(
                {
                    "cpu_s": {"track": 2.0, "other": 0.5},
                    "saved": {"object_frames": 7},
                    "saved_cpu_s": {"track": 3.0},
                }
            )
        )
        return exits.Outcome(code, objective=config.grounder.min_score * config.tracking.chunk_s)

    def run(self, *words: str) -> int:
        base = [
            "+dataset=demo",
            "grounder=fake",
            "tracker=fake",
            f"storage.root={self.root}",
            "text=a red star",
        ]
        return cli.run("track", TrackConfig, self, [*base, *words])

    def values(self) -> list[tuple[float, float]]:
        return [(config.grounder.min_score, config.tracking.chunk_s) for config in self.seen]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def sweeps(job: Job) -> list[Path]:
    return sorted((job.root / "demo" / "sweeps").iterdir())


def points(job: Job) -> Points:
    return json.loads((sweeps(job)[-1] / "points.json").read_text())


def test_every_point_is_recorded(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert job.run(*SWEPT) == exits.EXIT_OK
    assert job.values() == [(0.1, 4), (0.1, 8), (0.2, 4), (0.2, 8)]
    found = points(job)
    assert [point["overrides"] for point in found][:2] == [
        ["grounder.min_score=0.1", "tracking.chunk_s=4"],
        ["grounder.min_score=0.1", "tracking.chunk_s=8"],
    ]
    assert [point["run_id"] for point in found] == [config.run_id for config in job.seen]
    assert {point["outcome"] for point in found} == {"done"}
    assert [point["objective"] for point in found] == pytest.approx([0.4, 0.8, 0.8, 1.6])
    assert found[0]["cpu_s"] == 2.5
    assert found[0]["saved"] == {"object_frames": 7, "cpu_s": 3.0}
    said = capsys.readouterr().out
    assert "12.0" in said and "28" in said  # CPU s and object-frames saved, together


def test_points_reuse_unless_told(job: Job) -> None:
    job.run(*SWEPT)
    assert {config.reuse for config in job.seen} == {True}
    job.seen.clear()
    job.run(*SWEPT, "reuse=false")
    assert {config.reuse for config in job.seen} == {False}
    job.seen.clear()
    job.run()
    assert job.seen[0].reuse is None


@pytest.mark.parametrize(
    ("trouble", "word", "message", "code"),
    [
        (ConfigError("no such thing"), "unusable", "no such thing", exits.EXIT_USAGE),
        (ZeroDivisionError("ours"), "failed", "ZeroDivisionError: ours", exits.EXIT_BUG),
        (exits.EXIT_SOME_FAILED, "failed", "exit code 3", exits.EXIT_SOME_FAILED),
    ],
)
def test_a_failing_point_is_recorded_and_the_rest_go_on(
    job: Job, trouble: Any, word: str, message: str, code: int
) -> None:
    def fails(config: TrackConfig) -> Any:
        if (config.grounder.min_score, config.tracking.chunk_s) != (0.1, 8):
            return None
        if isinstance(trouble, Exception):
            raise trouble
        return trouble

    job.trouble = fails
    assert job.run(*SWEPT) == code
    assert len(job.seen) == 4
    found = points(job)
    assert [point["outcome"] for point in found] == ["done", word, "done", "done"]
    assert found[1]["message"] == message
    job.trouble = lambda config: None
    assert job.run(*SWEPT) == exits.EXIT_OK
    assert job.values()[4:] == [(0.1, 8)]  # that one alone is tried again, by its own run
    assert job.seen[4].run_id == job.seen[1].run_id
    assert {point["outcome"] for point in points(job)} == {"done"}
    assert len(sweeps(job)) == 1


def test_a_value_out_of_range_costs_its_point_alone(job: Job) -> None:
    assert job.run("-m", "grounder.min_score=0.1,-1,0.3") == exits.EXIT_USAGE
    assert [point["outcome"] for point in points(job)] == ["done", "unusable", "done"]
    assert "grounder.min_score=-1" in points(job)[1]["message"]


def test_an_interrupted_sweep_goes_on_where_it_stopped(job: Job) -> None:
    def interrupted(config: TrackConfig) -> None:
        if config.grounder.min_score == 0.2:
            raise KeyboardInterrupt

    job.trouble = interrupted
    assert job.run(*SWEPT) == exits.EXIT_INTERRUPTED
    assert [point["outcome"] for point in points(job)] == ["done", "done", "running"]
    job.trouble = lambda config: None
    assert job.run(*SWEPT) == exits.EXIT_OK
    assert job.values()[3:] == [(0.2, 4), (0.2, 8)]
    assert job.seen[3].run_id == job.seen[2].run_id
    assert [point["outcome"] for point in points(job)] == ["done"] * 4
    assert len(sweeps(job)) == 1


def test_a_sweep_that_is_done_begins_anew(job: Job) -> None:
    job.run(*SWEPT)
    job.run(*SWEPT)
    assert len(job.seen) == 8
    assert len(sweeps(job)) == 2
    job.run(*SWEPT, "limit=1")  # another command is another sweep
    assert len(sweeps(job)) == 3


def test_nothing_is_left_where_the_command_was_typed(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    job.run(*SWEPT)
    assert list((tmp_path / "here").iterdir()) == []


OPTUNA = [
    "-m",
    "hydra/sweeper=maximize",
    "hydra.sweeper.n_trials=6",
    "grounder.min_score=interval(0.1,0.9)",
]


def test_optuna_optimises_the_objective(job: Job) -> None:
    assert job.run(*OPTUNA, "tracking.chunk_s=choice(4,8)") == exits.EXIT_OK
    assert len(points(job)) == 6
    assert all(point["objective"] > 0 for point in points(job))
    tried = job.values()
    # the same seed, the same points
    assert job.run(*OPTUNA, "tracking.chunk_s=choice(4,8)") == exits.EXIT_OK
    assert job.values()[6:] == tried


def test_optuna_goes_on_after_a_failing_point(job: Job) -> None:
    def fails(config: TrackConfig) -> None:
        if len(job.seen) == 2:
            raise ConfigError("not this one")

    job.trouble = fails
    assert job.run(*OPTUNA) == exits.EXIT_USAGE
    assert [point["outcome"] for point in points(job)].count("done") == 5


def test_nothing_to_optimise_is_one_line(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(config: TrackConfig) -> None:
        raise ConfigError("never")

    job.trouble = fails
    assert job.run(*OPTUNA) == exits.EXIT_USAGE
    assert "none of 6 points has an objective" in capsys.readouterr().err
