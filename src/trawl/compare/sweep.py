"""The points of one sweep (`-m`), one after the other: each recorded when it ends, none in the way
of the next.

    <root>/<dataset>/sweeps/<sweep_id>/sweep.json    what was typed, and when it began and ended
    <root>/<dataset>/sweeps/<sweep_id>/points.json   one entry a point, in the order of their
                                                     beginnings

The points share one Ray, actors with their models where those are the same, and what tracking
remembers (`track/reuse/`). The same command typed again goes on with a sweep that was interrupted
or has points that did not end well; a sweep that is all done is begun anew. Knows nothing of what a
job does; the sweeper, Hydra's own or another such as Optuna's, chooses the points.
"""

import hashlib
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from trawl.compare.sweep_table import points_table
from trawl.corpus.source import dataset_name
from trawl.errors import ConfigError, RunError, StorageError, UsageError
from trawl.exits import EXIT_BUG, EXIT_OK, Outcome
from trawl.runtime import run_file
from trawl.runtime.record import line, new_run_id
from trawl.storage import Storage
from trawl.storage.veil import scrubbed
from trawl.table import publish

if TYPE_CHECKING:
    from omegaconf import DictConfig

DONE, FAILED, UNUSABLE, RUNNING = "done", "failed", "unusable", "running"


@dataclass
class Point:
    """One point. overrides: what sets it apart, as typed; run_id: of its run, None where it makes
    none; outcome: done, failed (some of its work failed, or a bug), unusable (it cannot work as
    typed), or running, which of a sweep that has ended means interrupted; cpu_s: spent; saved: what
    earlier runs had computed, by `track/reuse/shelf.py` and as cpu_s.
    """

    overrides: list[str]
    run_id: str | None = None
    outcome: str = RUNNING
    message: str = ""
    exit_code: int | None = None
    objective: float | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0
    saved: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Names the place where a sweep is recorded."""

    storage: Storage
    dataset: str
    sweep_id: str

    @property
    def folder(self) -> str:
        return f"{self.dataset}/sweeps/{self.sweep_id}"


class Sweep:
    """A context manager around a sweep; `point` is what the sweeper calls."""

    def __init__(
        self,
        job: str,
        words: list[str],
        read: "Callable[[DictConfig], Any]",
        work: Callable[[Any], Outcome],
        console: Console | None = None,
    ) -> None:
        """
        Args:
            job: its name. words: of the command line.
            read: a point's composed settings to the job's own type, or a UsageError.
            work: does a point.
        """
        self._job, self._words, self._read, self._work = job, words, read, work
        self._console = console or Console()
        self._points: list[Point] = []
        self._before: dict[tuple[str, ...], Point] = {}
        self._place: Place | None = None
        self._shown = False
        self._began = datetime.now(UTC)
        self._stack, self._stay = ExitStack(), ExitStack()
        self._fixed = _fixed_keys(words)

    def __enter__(self) -> "Sweep":
        # Hydra writes a file of its own at the start of a sweep, and Optuna one at the end:
        # points.json has it all.
        self._scratch = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix="trawl-sweep-")
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._stay.close()
        self._stack.close()
        if self._points and not self._shown:
            self._show()

    @property
    def hydra_words(self) -> list[str]:
        """Return the words that the command line needs besides."""
        return [f"hydra.sweep.dir={self._scratch}"]

    def point(self, cfg: "DictConfig") -> float | None:
        """Do one point, whatever becomes of it, and return its objective; None where it has none."""
        overrides = [
            _plain(word) for word in _overrides() if word.partition("=")[0] not in self._fixed
        ]
        try:
            config = self._read(cfg)
        except UsageError as error:
            return self._end(
                self._begin(overrides, None), UNUSABLE, str(error), Outcome(error.exit_code)
            )
        if self._place is None:
            self._open(config)
        known = self._before.get(tuple(overrides))
        if known is not None and known.outcome == DONE:
            return self._again(known)
        point = self._begin(overrides, known)
        began = time.perf_counter()
        outcome, word, message = Outcome(EXIT_BUG), FAILED, ""
        try:
            outcome = self._work(self._settled(config, point))
        except UsageError as error:
            outcome, word, message = Outcome(error.exit_code), UNUSABLE, str(error)
        except Exception as error:  # noqa: BLE001  a bug or a lost cluster costs this point; what is shared starts anew
            traceback.print_exc()
            # of a remote one, whose own text is its whole traceback
            cause = getattr(error, "cause", None) or error
            message = f"{type(cause).__name__}: {cause}"
            self._stay.close()
        else:
            word = DONE if outcome.exit_code == EXIT_OK else FAILED
            message = "" if word == DONE else f"exit code {outcome.exit_code}"
        point.seconds = time.perf_counter() - began
        return self._end(point, word, message, outcome)

    def end(self) -> int:
        """Print the table. Returns the worst exit code.

        Raises:
            ConfigError: an optimising sweeper had nothing to optimise.
        """
        if not self._points:  # such as with --cfg
            return EXIT_OK
        self._write(ended=True)
        self._show()
        codes = [point.exit_code for point in self._points if point.exit_code is not None]
        return EXIT_BUG if EXIT_BUG in codes else max(codes, default=EXIT_OK)

    def nothing_to_optimise(self) -> ConfigError | None:
        """Explain an optimising sweeper's complaint that no point has an objective; None for
        another complaint.
        """
        if not self._points or any(point.objective is not None for point in self._points):
            return None
        self.end()
        return ConfigError(
            f"none of {len(self._points)} points has an objective: optimise jobs.evaluate, and see why its points failed"
        )

    def _settled(self, config: Any, point: Point) -> Any:
        """The point's settings with what a sweep decides, and what it shares up before it begins."""
        if hasattr(config, "resources"):
            self._share()
        if hasattr(config, "run_id"):
            point.run_id = config.run_id = config.run_id or point.run_id or new_run_id()
            self._write()
        if getattr(config, "reuse", False) is None:
            config = replace(config, reuse=True)
        return config

    def _share(self) -> None:
        from trawl.runtime import session as runtime

        if not runtime.is_staying():
            self._stay.enter_context(runtime.staying())

    def _open(self, config: Any) -> None:
        """Find where this sweep is recorded: the one to go on with, or a new one."""
        storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
        words = sorted(word for word in self._words if word not in ("-m", "--multirun"))
        number = None if self._job == "index" else _publication(storage, dataset)
        key = hashlib.sha256(json.dumps([self._job, words, dataset, number]).encode()).hexdigest()[
            :8
        ]
        earlier = [
            name for name in storage.folders(f"{dataset}/sweeps") if name.endswith(f"-{key}")
        ]
        if earlier:
            place = Place(storage, dataset, earlier[-1])
            found = _read_points(place)
            if found and (not _has_ended(place) or any(point.outcome != DONE for point in found)):
                self._place, self._before = (
                    place,
                    {tuple(point.overrides): point for point in found},
                )
                done = sum(point.outcome == DONE for point in found)
                line(
                    self._console,
                    "sweep",
                    f"{place.sweep_id} goes on: {done} of its points are done",
                )
                return
        while f"{self._began:%Y%m%dT%H%M%SZ}-{key}" in earlier:  # one that took no second
            self._began += timedelta(seconds=1)
        self._place = Place(storage, dataset, f"{self._began:%Y%m%dT%H%M%SZ}-{key}")
        line(self._console, "sweep", storage.uri(self._place.folder))

    def _begin(self, overrides: list[str], known: Point | None) -> Point:
        point = Point(overrides, run_id=known.run_id if known else None)
        self._points.append(point)
        self._console.rule(
            Text(f"point {len(self._points)}: {' '.join(overrides) or 'nothing varies'}"),
            align="left",
        )
        self._write()
        return point

    def _again(self, known: Point) -> float | None:
        """A point that is done already."""
        if known not in self._points:
            self._points.append(known)
        text = f"point {len(self._points)}: {' '.join(known.overrides)}: done already"
        self._console.rule(Text(text), align="left")
        self._write()
        return known.objective

    def _end(self, point: Point, word: str, message: str, outcome: Outcome) -> float | None:
        point.outcome, point.message = word, " ".join(message.split())
        point.exit_code, point.objective = outcome.exit_code, outcome.objective
        point.run_id = outcome.run_id or point.run_id
        if message:
            print(f"trawl: {point.message}", file=sys.stderr)  # noqa: T201
        self._count(point)
        self._before[tuple(point.overrides)] = point
        self._write()
        return point.objective

    def _count(self, point: Point) -> None:
        """Take over what the point's run spent, and what it saved."""
        if self._place is None or point.run_id is None:
            return
        try:
            run = run_file.read(self._place.storage, self._place.dataset, point.run_id)
        except (StorageError, RunError):
            return
        if run is None:  # it did not come so far
            return
        point.cpu_s = sum(run.cpu_s.values())
        point.saved = dict(run.saved) | {"cpu_s": sum(run.saved_cpu_s.values())}
        if unchanged := run.plan.get("unchanged"):  # of the index job
            point.saved["videos"] = unchanged

    def _write(self, ended: bool = False) -> None:
        """Put both files there as they are now; those of points that another attempt had, too."""
        if self._place is None:
            return
        now = [asdict(point) for point in self._points]
        later = [
            asdict(point)
            for point in self._before.values()
            if point.overrides not in [p["overrides"] for p in now]
        ]
        about = {
            "job": self._job,
            "words": self._words,
            "began_at": self._began.isoformat(),
            "ended_at": datetime.now(UTC).isoformat() if ended else None,
        }
        storage, folder = self._place.storage, self._place.folder
        storage.write_bytes(f"{folder}/sweep.json", json.dumps(scrubbed(about), indent=1).encode())
        storage.write_bytes(
            f"{folder}/points.json", json.dumps(scrubbed(now + later), indent=1).encode()
        )

    def _show(self) -> None:
        self._shown = True
        self._console.rule(Text("the sweep"), align="left")
        self._console.print(
            points_table([asdict(point) for point in self._points]), highlight=False
        )
        left = sum(point.outcome != DONE for point in self._points)
        if left:
            again = f"the same command tries {left} of {len(self._points)} points again, and none that are done"
            line(self._console, "left", again)
        if self._place:
            line(self._console, "sweep", self._place.storage.uri(self._place.folder))


def _overrides() -> list[str]:
    """Return the overrides of the point that Hydra is at."""
    from hydra.core.hydra_config import HydraConfig

    return list(HydraConfig.get().overrides.task)


def _fixed_keys(words: list[str]) -> set[str]:
    """The settings that are the same for all points."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_overrides(
            [word for word in words if not word.startswith("-")]
        )
    except HydraException:  # Hydra says it better
        return set()
    return {one.get_key_element() for one in parsed if not one.is_sweep_override()}


def _plain(word: str) -> str:
    """A setting as a person types it in a shell's quotes: `text='a red star'` -> `text=a red star`."""
    key, _, value = word.partition("=")
    return f"{key}={value[1:-1]}" if len(value) > 1 and value[0] == value[-1] == "'" else word


def _publication(storage: Storage, dataset: str) -> int | None:
    try:
        return publish.latest(storage, dataset).number
    except UsageError:
        return None


def _read_points(place: Place) -> list[Point]:
    """Read the points of an earlier attempt; none if they cannot be read."""
    try:
        return [
            Point(**one)
            for one in json.loads(place.storage.read_bytes(f"{place.folder}/points.json"))
        ]
    except (StorageError, ValueError, TypeError):
        return []


def _has_ended(place: Place) -> bool:
    try:
        return (
            json.loads(place.storage.read_bytes(f"{place.folder}/sweep.json"))["ended_at"]
            is not None
        )
    except (StorageError, ValueError, KeyError, TypeError):
        return False
