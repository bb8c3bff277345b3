"""Logs what happens in a job, one JSON object a line: time, level, event, dataset, job, run_id,
video_id where there is one, fields.

Whatever tells something says so to Python's own logging, under `trawl`: `log.info("committed",
extra={"fields": {...}})`, and knows of nobody who listens. A journal listens while it is open and
keeps the lines in `<folder>/log.jsonl`. An object store cannot append, so lines are gathered and
the whole file is put again with every commit and at the end, also at that of a job that dies; a
part that has grown large, or that an interrupted run left, stays as it is and `log.2.jsonl`
follows. A storage that fails costs lines, not the job. Events of debug level (a video that is well,
a unit of work) are for `gauges.py` alone.
"""

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from trawl.errors import StorageError, UsageError
from trawl.runtime.gauges import Gauges
from trawl.storage import Storage
from trawl.storage.veil import scrub, scrubbed

PUT_AT = ("committed", "published")  # events after which the file is put
_PART_BYTES = 8 * 2**20
_ROOT = logging.getLogger("trawl")
_log = logging.getLogger(__name__)
_ids: ContextVar[dict[str, str]] = ContextVar("ids", default={})  # noqa: B039  never changed in place


class JsonLines(logging.Formatter):
    """A record as one line of JSON without credentials. ids: of a record from a thread that has
    none of its own.
    """

    def __init__(self, ids: dict[str, str]) -> None:
        super().__init__()
        self._others = ids

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **self._others,
            **_ids.get(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(
            scrubbed(line), ensure_ascii=False, default=lambda value: scrub(str(value))
        )


class _File(logging.Handler):
    """The lines of a job in the storage."""

    def __init__(self, storage: Storage, folder: str, ids: dict[str, str]) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(JsonLines(ids))
        self._storage, self._folder = storage, folder
        self._part, self._lines, self._size, self._new = 1 + self._earlier(), list[str](), 0, False

    def _earlier(self) -> int:
        """Parts that a run left behind which this one goes on with."""
        with suppress(StorageError):
            return sum(name.startswith("log.") for name in self._storage.names(self._folder))
        return 0

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self._lines.append(line)
        self._size += len(line) + 1
        self._new = True
        if self._size >= _PART_BYTES and self.put():
            self._part, self._lines, self._size = self._part + 1, [], 0
        elif record.getMessage() in PUT_AT:
            self.put()

    def put(self) -> bool:
        """Write what there is; False where the storage did not take it, and the next time will tell
        all.
        """
        if self._new:
            name = "log.jsonl" if self._part == 1 else f"log.{self._part}.jsonl"
            content = "".join(f"{line}\n" for line in self._lines)
            with suppress(StorageError):
                self._storage.write_bytes(
                    f"{self._folder}/{name}", content.encode("utf-8", "backslashreplace")
                )
                self._new = False
        return not self._new


class _People(logging.StreamHandler[TextIO]):
    """Keeps messages in words, which are no events, on stderr for people."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setLevel(logging.WARNING)
        self.addFilter(lambda record: not hasattr(record, "fields"))

    def format(self, record: logging.LogRecord) -> str:
        return scrub(f"trawl: {record.getMessage()}")


@contextmanager
def journal(
    storage: Storage | None, folder: str, job: str, run_id: str, form: str
) -> Iterator[None]:
    """Listen while the block runs; its end is the last line, with the error that ended it where one
    did.

    Args:
        storage: None writes no file.
        folder: a name under the storage root, "<dataset>/...".
        form: "json" prints every line on stderr as well, "people" only what is said in words.
            Inside another journal nothing is printed or counted a second time.
    """
    ids = {"dataset": folder.partition("/")[0], "job": job, "run_id": run_id}
    outermost = not _ids.get()
    listeners: list[logging.Handler] = [_File(storage, folder, ids)] if storage else []
    if outermost:
        listeners += [Gauges(ids["dataset"], job), _printer(ids) if form == "json" else _People()]
    before = _ROOT.level, _ROOT.propagate
    _ROOT.setLevel(logging.DEBUG)  # the listeners choose
    _ROOT.propagate = False
    token = _ids.set(ids)
    for listener in listeners:
        _ROOT.addHandler(listener)
    try:
        _log.info("begun", extra={"fields": {}})
        with _ending():
            yield
    finally:
        _ids.reset(token)
        for listener in listeners:
            _ROOT.removeHandler(listener)
            if isinstance(listener, _File):
                listener.put()
        _ROOT.setLevel(before[0])
        _ROOT.propagate = before[1]


@contextmanager
def _ending() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        fields = {
            "error": type(error).__name__,
            "message": str(error),
            "exit_code": error.exit_code,
        }
        _log.error("ended by an error", extra={"fields": fields})
        raise
    except BaseException as error:
        fields = {"error": type(error).__name__, "message": str(error)}
        _log.critical("ended by an error", exc_info=True, extra={"fields": fields})
        raise
    _log.info("ended", extra={"fields": {}})


def _printer(ids: dict[str, str]) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.INFO)
    handler.setFormatter(JsonLines(ids))
    return handler
