"""The command `trawl`: short words for what `python -m jobs.X` takes, and the same work and exit codes behind them.

    trawl index ~/videos  ->  python -m jobs.index +dataset=folder dataset.uri=~/videos
    trawl query "a dog"   ->  python -m jobs.query "text=a dog", with the dataset from trawl.yaml

It translates words and calls `cli.run`; what a job does, and every other error, is the same on both ways.
"""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from trawl import __version__, cli, project
from trawl.errors import ConfigError, UsageError, did_you_mean

# The setting that a job's first free word gives; datasets are no setting but a choice.
MAIN = {
    "query": "text",
    "track": "text",
    "export": "format",
    "report": "run",
    "evaluate": "run",
    "failures": "path",
}
READS_DATASET = ("index", "nightly")
OTHERS = ("init", "doctor", "completion", "help")
_TAKES_A_VALUE = ("--cfg", "-c", "--info", "-i", "--package", "-p", "--config-path", "-cp")
_TAKES_A_VALUE += ("--config-name", "-cn", "--config-dir", "-cd", "--experimental-rerun")
_HELP = ("--help", "-h")
_INTERRUPTED, _PIPE_CLOSED = 130, 141  # as a shell counts SIGINT and SIGPIPE


def main() -> None:
    """Run what the command line says and leave the process."""
    sys.excepthook = cli._report_bug
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run what the words say and give the exit code."""
    try:
        code = _run(list(argv))
        sys.stdout.flush()
        return code
    except UsageError as error:
        return cli._complain(error)
    except KeyboardInterrupt:
        return cli._complain("interrupted", _INTERRUPTED)
    except BrokenPipeError:
        if _stdout_is_open():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED


def _stdout_is_open() -> bool:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return False
    return True


def _run(argv: list[str]) -> int:
    name, words = (argv[0], argv[1:]) if argv else ("help", [])
    if name == "--version":
        return _say(f"trawl {__version__}")
    if name in (*_HELP, "help"):
        return _help(words)
    if name not in (*cli.JOBS, *OTHERS):
        raise ConfigError(f"there is no command {name}: {did_you_mean(name, (*cli.JOBS, *OTHERS))}")
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
    if names and names[0] not in (*cli.JOBS, *OTHERS):
        raise ConfigError(f"there is no command {names[0]}: {did_you_mean(names[0], cli.JOBS)}")
    return _say(guide.help_of(names[0]) if names else guide.overview())


def _say(text: str) -> int:
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    return 0


def _hint(text: str) -> None:
    print(f"trawl: {text}", file=sys.stderr)  # noqa: T201


def _init(words: Sequence[str]) -> int:
    path = project.init(words, Path.cwd())
    return _say(f"wrote {path}: from here and below, trawl index and trawl query TEXT need no dataset")


def _run_job(job: str, words: list[str]) -> int:
    here = project.find(Path.cwd())
    typed = translate(job, words)
    full = [*project.words_of(here, job, typed), *typed] if here else typed
    _check_dataset(job, full)
    call: Callable[[object], int] = getattr(import_module(f"jobs.{job}"), job)
    code = cli.run(job, cli.JOBS[job], call, full)
    uri = next((word for word in full if project.key_of(word) == "dataset.uri"), None)
    if here is None and job in READS_DATASET and code != UsageError.exit_code and uri:
        _hint(f"`trawl init {uri.partition('=')[2]}` writes {project.FILE_NAME}, so that no command here repeats it")
    return code


def translate(job: str, words: Sequence[str]) -> list[str]:
    """Turn a command's words into those that `python -m jobs.X` takes.

    >>> translate("query", ["a dog", "search.segments=5"])
    ['text=a dog', 'search.segments=5']

    Raises:
        ConfigError: there are more free words than the job has a place for, or a value is given twice.
        DatasetError: the dataset is neither a name nor a place that exists.
    """
    place = _free_word(words)
    if place is None:
        return list(words)
    word, rest = words[place], [*words[:place], *words[place + 1 :]]
    again = _free_word(rest)
    if job == "compare":
        runs = [word]
        while again is not None:
            runs.append(rest.pop(again))
            again = _free_word(rest)
        return [f"runs=[{','.join(runs)}]", *rest]
    if again is not None:
        quoted = f'"{word} {rest[again]}"'
        hint = f"as in: trawl {job} {quoted}" if MAIN.get(job) == "text" else "settings are typed as name=value"
        raise ConfigError(f"{job} takes one free word, and {rest[again]} is a second: {hint}")
    key = "dataset" if job in READS_DATASET else MAIN[job]
    if any(project.key_of(other) == key for other in rest):
        raise ConfigError(f"{word} and {key}=... are the same setting: give one of them")
    if key == "dataset":
        return [*project.dataset_words(word), *rest]
    return [f"{key}='null'" if word == "null" else f"{key}={word}", *rest]


def _free_word(words: Sequence[str]) -> int | None:
    """The place of the first word that is neither a setting, a flag nor a flag's value."""
    for index, word in enumerate(words):
        is_value = index > 0 and words[index - 1] in _TAKES_A_VALUE
        deletes = word.startswith("~") and not word.startswith("~/")
        if not (is_value or deletes or word.startswith("-") or project.is_setting(word)):
            return index
    return None


def _check_dataset(job: str, words: Sequence[str]) -> None:
    """Say before any work what a job would say after fetching weights."""
    values = {project.key_of(word): word.partition("=")[2] for word in words}
    flags = [word for word in words if word.startswith("-") and word not in ("-m", "--multirun")]
    if "dataset" not in values and not flags:
        choice = ", ".join(f"+dataset={name}" for name in cli._options("dataset"))
        hint = f"`trawl init ~/videos` makes it a {project.FILE_NAME}'s, or add one of {choice}"
        raise ConfigError(f"no dataset given: {hint}")
    uri = values.get("dataset.uri", "")
    is_plain = uri and uri[0] not in "'\"" and "-m" not in words and "--multirun" not in words
    if job in READS_DATASET and is_plain and values.get("dataset") in ("folder", "manifest"):
        project.check_exists(uri, uri)
