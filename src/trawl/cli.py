"""From a command line to one typed call: Hydra composes, this file turns every mistake into one
line and an exit code.

Exit codes: 0 all well, or no more failed than `max_failed_fraction` allows; 5 more failed than
that; 3 no such limit is set and some videos failed; the rest is published in any case; 2 the
command cannot work as typed; 4 another job writes the dataset; 1 a bug, with its traceback; 130
interrupted; 141 nobody reads the output any more. It knows the jobs' config types and nothing of
what they do. Hydra prints its own several-line errors unless told otherwise, so it is told
otherwise and its exceptions are mapped here, once.
"""

import difflib
import os
import re
import select
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from trawl.config import choices
from trawl.config.checks import validate
from trawl.config.values import conf_folder, read_yaml
from trawl.errors import ConfigError, UsageError, did_you_mean
from trawl.exits import EXIT_INTERRUPTED, EXIT_OK, EXIT_PIPE_CLOSED, EXIT_USAGE, Outcome
from trawl.guide import help_of
from trawl.storage.veil import scrub

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from trawl.compare.sweep import Sweep


# What a dataset's YAML may choose for a job, unless the command line does.
_CHOSEN_BY_DATASET = {
    "index": ("embedder",),
    "nightly": ("embedder",),
    "track": ("grounder", "tracker"),
    "evaluate": ("grounder", "tracker"),
}
# Settings whose value is a sentence, an SQL condition or a path, in which commas and brackets mean
# themselves.
_FREE_TEXT: tuple[str, ...] = (
    "text",
    "queries",
    "search.where",
    "where",
    "out",
    "dataset.uri",
    "dataset.glob",
    "storage.root",
    "path",
)
_FREE_TEXT += ("retry", "quarantine", "release")
_HYDRAS_OWN = re.compile(r"(choice|shuffle|sort|tag|glob|range|interval)\(.*\)")
# What Hydra takes with a "+" alone: an option without a default, and a mapping whose keys are the
# user's.
_ADDED = ("dataset", "classes")

C = TypeVar("C")


Call = Callable[[C], int | Outcome]


def main(job: str, config_type: type[C], call: Call[C]) -> None:
    """Compose `conf/<job>.yaml` with the command line, make it a `config_type`, call, and leave the
    process.

    Args:
        job: name of the primary config, and of the module in `jobs/`.
        config_type: the dataclass whose fields are all the settings there are.
        call: does the work and returns the exit code, or an `Outcome`.
    """
    sys.excepthook = report_bug
    sys.exit(run(job, config_type, call, sys.argv[1:]))


def run(job: str, config_type: type[C], call: Call[C], argv: list[str]) -> int:
    """As `main`, but returns the exit code.

    With `-m` several points run and the worst code is returned.
    """

    def work() -> int:
        if "--help" in argv or "-h" in argv:
            print(help_of(job))  # noqa: T201
            return EXIT_OK
        return _run_hydra(job, config_type, call, _normalise(job, argv))

    return guarded(work)


def guarded(work: Callable[[], int]) -> int:
    """Return the exit code of some work; every mistake of a user's ends as one line, and never as a
    traceback.
    """
    try:
        code = work()
        sys.stdout.flush()
        return code
    except UsageError as error:
        return complain(error)
    except KeyboardInterrupt:
        return complain(
            "interrupted: what is committed stays, the same command goes on from there",
            EXIT_INTERRUPTED,
        )
    except BrokenPipeError:
        if _stdout_is_read():
            raise
        # Python flushes once more as it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE_CLOSED


def _stdout_is_read() -> bool:
    """Ask the system whether anybody still reads: a failed write has emptied the buffer, so a flush
    would not say.
    """
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not any(event & select.POLLERR for _, event in poll.poll(0))


def compose(job: str, config_type: type[C], overrides: list[str]) -> C:
    """The settings that a command line gives, without running anything; for notebooks and tests.

    >>> from trawl.config.jobs import IndexConfig
    >>> compose("index", IndexConfig, ["+dataset=demo", "sampling.every_s=2"]).sampling.every_s
    2.0
    """
    import hydra

    _register_schemas(job)
    try:
        with _own_hydra(), hydra.initialize_config_dir(str(conf_folder()), version_base="1.3"):
            return _typed(hydra.compose(job, _normalise(job, overrides)), config_type)
    except _hydra_errors() as error:
        raise _as_config_error(error, job, overrides) from error


def _run_hydra(job: str, config_type: type[C], call: Call[C], argv: list[str]) -> int:
    import hydra

    def read(cfg: "DictConfig") -> C:
        return _typed(cfg, config_type)

    def work(config: C) -> Outcome:
        answer = call(config)
        return answer if isinstance(answer, Outcome) else Outcome(answer)

    codes: list[int] = []
    with ExitStack() as stack:
        sweep = stack.enter_context(_sweep(job, argv, read, work)) if _is_sweep(argv) else None

        def task(cfg: "DictConfig") -> float | None:
            if sweep:
                return sweep.point(cfg)
            try:
                codes.append(work(read(cfg)).exit_code)
            except UsageError as error:  # Hydra would print more of it
                codes.append(complain(error))
            return None

        _register_schemas(job)
        # errors come here as exceptions instead of being printed
        os.environ["HYDRA_FULL_ERROR"] = "1"
        sys.argv = [f"jobs.{job}", *argv, *(sweep.hydra_words if sweep else [])]
        try:
            with _own_hydra():
                hydra.main(config_path=str(conf_folder()), config_name=job, version_base="1.3")(
                    task
                )()
        except _hydra_errors() as error:
            raise _as_config_error(error, job, argv) from error
        except ValueError as error:  # as Optuna's sweeper ends where no trial has a value
            if sweep and (told := sweep.nothing_to_optimise()):
                raise told from error
            raise
        return sweep.end() if sweep else max(codes, default=EXIT_OK)


def _is_sweep(argv: list[str]) -> bool:
    return "-m" in argv or "--multirun" in argv


def _sweep(
    job: str, argv: list[str], read: "Callable[[DictConfig], C]", work: Callable[[C], Outcome]
) -> "Sweep":
    from trawl.compare.sweep import Sweep  # it starts Ray: imported only for a sweep

    return Sweep(job, argv, read, work)


@contextmanager
def _own_hydra() -> Iterator[None]:
    """Hydra's global state is ours inside and as it was outside: sam2 takes it for the whole
    process when imported.
    """
    from hydra.core.global_hydra import GlobalHydra

    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = before


def _typed(cfg: "DictConfig", config_type: type[C]) -> C:
    from omegaconf import OmegaConf

    if OmegaConf.is_missing(cfg, "dataset"):
        raise ConfigError(
            f"no dataset given: add one of {', '.join('+dataset=' + name for name in choices.options('dataset'))}"
        )
    for name in OmegaConf.missing_keys(cfg):
        raise ConfigError(f"{name} has no value: give one as {name}=...")
    settings = OmegaConf.to_object(cfg)
    validate(settings)
    assert isinstance(settings, config_type)
    return settings


def _normalise(job: str, argv: list[str]) -> list[str]:
    """Accept what people type, and let the dataset choose its models unless the command line does.

    A dataset cannot choose them by Hydra's own `override`, which fails in the jobs that lack the
    group.
    """
    words = [_normalise_one(word, _is_sweep(argv)) for word in argv]
    chosen = next(
        (word.removeprefix("+dataset=") for word in words if word.startswith("+dataset=")), None
    )
    path = conf_folder() / "dataset" / f"{chosen}.yaml"
    wishes = read_yaml(path) if path.exists() else {}
    for group in _CHOSEN_BY_DATASET.get(job, ()):
        if wishes.get(group) and not any(word.startswith(f"{group}=") for word in words):
            # before any flag such as --cfg, which ends the settings
            words.insert(0, f"{group}={wishes[group]}")
    # settings may stand on both sides of it
    return sorted(words, key=lambda word: word not in ("-m", "--multirun"))


def _normalise_one(word: str, sweeping: bool) -> str:
    """`dataset=x` means `+dataset=x`; a sentence needs no Hydra quotes around it."""
    key, equals, value = word.partition("=")
    if equals and key in _ADDED:
        return f"+{word}"
    if equals and key in _FREE_TEXT and value and value != "null":
        values = _split(value) if sweeping and not _HYDRAS_OWN.fullmatch(value) else [value]
        return f"{key}={','.join(map(_quoted, values))}"
    return word


def _quoted(value: str) -> str:
    """A sentence as Hydra's grammar takes it, unless it is quoted already, or a sweep in that
    grammar.
    """
    if value[:1] in ("'", '"') or _HYDRAS_OWN.fullmatch(value):
        return value
    # The grammar wants backslashes doubled where they stand before a quote, and only there.
    escaped = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), value)
    return f"'{escaped}'"


def _split(values: str) -> list[str]:
    """The sentences of a sweep: split at commas, but for those inside quotes or brackets.

    >>> _split("a red star, it's blue"), _split("'a dog, running',a cat"), _split("camera in ('a', 'b'),id > 3")
    (['a red star', "it's blue"], ["'a dog, running'", 'a cat'], ["camera in ('a', 'b')", 'id > 3'])
    """
    parts, depth, begin = [], 0, 0
    for token in re.finditer(r"""(?<!\w)(['"])(?:\\.|(?!\1).)*\1|[\[({]|[\])}]|,""", values):
        if token[0] == "," and depth == 0:
            parts.append(values[begin : token.start()])
            begin = token.end()
        elif len(token[0]) == 1 and token[0] != ",":
            depth = max(depth + (1 if token[0] in "[({" else -1), 0)
    return [part.strip() for part in (*parts, values[begin:]) if part.strip()]


def _register_schemas(job: str) -> None:
    """Let `<job>_schema` in the YAML name the job's type, and so the schema of any job whose
    settings it extends.
    """
    from hydra.core.config_store import ConfigStore

    for name, config_type in choices.JOBS.items():
        if issubclass(choices.JOBS[job], config_type):
            ConfigStore.instance().store(f"{name}_schema", node=choices.JOBS[job])


def _hydra_errors() -> tuple[type[Exception], ...]:
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    return HydraException, OmegaConfBaseException


def _as_config_error(error: Exception, job: str, argv: list[str]) -> ConfigError:
    """One line for whatever Hydra or OmegaConf found wrong."""
    lines = [
        line.strip() for line in f"{error}\n{error.__cause__ or ''}".splitlines() if line.strip()
    ]
    text = "\n".join(lines)
    if missing := getattr(error, "missing_cfg_file", None):
        group, _, name = str(missing).rpartition("/")
        return ConfigError(
            f"{group}={name} does not exist: {did_you_mean(name, choices.options(group))}"
        )
    if override := getattr(error, "override", None) or _first(
        r"Error parsing override '([^']*)'", text
    ):
        return ConfigError(
            f"cannot read {override!r}: settings are typed as name=value, lists as name=[a,b]"
        )
    if key := _first(r"(?s)(?:full_key: |Could not override '|Key ')([\w.@]+)", text):
        full = next(
            (word.partition("=")[0].lstrip("+~") for word in argv if key in word.partition("=")[0]),
            key,
        )
        if "not in" in text or "Could not override" in text:
            near = difflib.get_close_matches(full, choices.settings_of(job), n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            return ConfigError(f"there is no setting {full}: {hint}(`--cfg job` shows all)")
        reason = next((line for line in lines if line.startswith("Value ")), lines[0])
        return ConfigError(f"{full}: {reason}")
    return ConfigError(lines[0] if lines else type(error).__name__)


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None


def report_bug(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """A traceback as Python prints it, but for credentials that a message in it may quote."""
    print(scrub("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)  # noqa: T201


def complain(error: UsageError | str, exit_code: int = EXIT_USAGE) -> int:
    print(f"trawl: {scrub(' '.join(str(error).split()))}", file=sys.stderr)  # noqa: T201
    return error.exit_code if isinstance(error, UsageError) else exit_code
