"""The command `trawl`: short words for what `python -m jobs.X` takes, and the same work and exit
codes behind them.

    trawl index ~/videos  ->  python -m jobs.index +dataset=folder dataset.uri=~/videos
    trawl query "a dog"   ->  python -m jobs.query "text=a dog", with the dataset from trawl.yaml

It translates words and calls `cli.run`; what a job does, and every other error, is the same on both
ways.
"""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from trawl import __version__, cli, project
from trawl import words as short
from trawl.config import choices
from trawl.errors import ConfigError, UsageError, did_you_mean
from trawl.exits import EXIT_OK

OTHERS = ("init", "doctor", "completion", "help")
_HELP = ("--help", "-h")


def main() -> None:
    """Run what the command line says and leave the process."""
    sys.excepthook = cli.report_bug
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run what the words say and give the exit code."""
    return cli.guarded(lambda: _run(list(argv)))


def _run(argv: list[str]) -> int:
    name, words = (argv[0], argv[1:]) if argv else ("help", [])
    if name == "--version":
        return _say(f"trawl {__version__}")
    if name in (*_HELP, "help"):
        return _help(words)
    if name not in (*choices.JOBS, *OTHERS):
        raise ConfigError(
            f"there is no command {name}: {did_you_mean(name, (*choices.JOBS, *OTHERS))}"
        )
    if any(word in _HELP for word in words):
        return _help([name])
    if name == "init":
        return _init(words)
    if name == "doctor":
        from trawl.doctor import doctor

        return doctor(words)
    if name == "completion":
        from trawl.guide import completion

        return _say(completion(words))
    return _run_job(name, words)


def _help(words: Sequence[str]) -> int:
    from trawl import guide

    names = [word for word in words if not word.startswith("-")]
    if names and names[0] not in (*choices.JOBS, *OTHERS):
        raise ConfigError(f"there is no command {names[0]}: {did_you_mean(names[0], choices.JOBS)}")
    return _say(guide.help_of(names[0]) if names else guide.overview())


def _say(text: str) -> int:
    print(text)  # noqa: T201
    return EXIT_OK


def _hint(text: str) -> None:
    print(f"trawl: {text}", file=sys.stderr)  # noqa: T201


def _init(words: Sequence[str]) -> int:
    path = project.init(words, Path.cwd())
    return _say(
        f"wrote {path}: from here and below, trawl index and trawl query TEXT need no dataset"
    )


def _run_job(job: str, words: list[str]) -> int:
    here = project.find(Path.cwd())
    typed = short.translate(job, words)
    full = [*project.words_of(here, job, typed), *typed] if here else typed
    _check_dataset(job, full)
    call: Callable[[object], int] = getattr(import_module(f"jobs.{job}"), job)
    code = cli.run(job, choices.JOBS[job], call, full)
    uri = next((word for word in full if project.key_of(word) == "dataset.uri"), None)
    if here is None and job in short.READS_DATASET and code != UsageError.exit_code and uri:
        _hint(
            f"`trawl init {uri.partition('=')[2]}` writes {project.FILE_NAME}, so that no command here repeats it"
        )
    return code


def _check_dataset(job: str, words: Sequence[str]) -> None:
    """Say before any work what a job would say after fetching weights."""
    values = {project.key_of(word): word.partition("=")[2] for word in words}
    flags = [word for word in words if word.startswith("-") and word not in ("-m", "--multirun")]
    if "dataset" not in values and not flags:
        choice = ", ".join(f"+dataset={name}" for name in choices.options("dataset"))
        hint = f"`trawl init ~/videos` makes it a {project.FILE_NAME}'s, or add one of {choice}"
        raise ConfigError(f"no dataset given: {hint}")
    uri = values.get("dataset.uri", "")
    is_plain = uri and uri[0] not in "'\"" and "-m" not in words and "--multirun" not in words
    if job in short.READS_DATASET and is_plain and values.get("dataset") in ("folder", "manifest"):
        project.check_exists(uri, uri)
