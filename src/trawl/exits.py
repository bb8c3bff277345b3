"""Exit codes of every command, and what a job returns to its command line."""

from dataclasses import dataclass

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_SOME_FAILED = 3
EXIT_HELD = 4
EXIT_TOO_MANY_FAILED = 5
EXIT_INTERRUPTED = 130  # as a shell counts SIGINT
EXIT_PIPE_CLOSED = 141  # as a shell counts SIGPIPE


@dataclass(frozen=True, slots=True)
class Outcome:
    """Describes a job's result that says more than its exit code.

    objective: what a sweep compares, and Optuna optimises; None where it could not be computed.
    run_id: the run that it is of, None where that is the settings' own `run_id`.
    """

    exit_code: int
    objective: float | None = None
    run_id: str | None = None
