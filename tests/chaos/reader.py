"""Somebody who queries all the while: `python -m tests.chaos.reader ROOT NIGHTS [ENDPOINT]`, a
process of its own.

Opens the newest publication over and over, and holds what it shows against the nights in the file
NIGHTS, one JSON object a line, to which each night is added before its job starts. What it found is
printed when its input ends.
"""

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.state import Night, faults, shown, storage_at
from trawl.errors import IndexMissingError

_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Seen:
    """looks: how many times; publications: different ones; wrong: what was not as it must be."""

    looks: int
    publications: int
    wrong: list[str]


class Reader:
    """Use it as a context manager; `seen` is there afterwards."""

    def __init__(self, root: str, nights: Path, endpoint: str | None = None) -> None:
        self._nights = nights
        nights.touch()
        self._command = [
            sys.executable,
            "-m",
            "tests.chaos.reader",
            root,
            str(nights),
            *filter(None, [endpoint]),
        ]
        self.seen = Seen(0, 0, ["the reader died"])

    def night(self, night: Night) -> None:
        """From now on it may see this one."""
        with self._nights.open("a") as out:
            out.write(json.dumps(night) + "\n")

    def __enter__(self) -> "Reader":
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        answer, _ = self._process.communicate("")
        if self._process.returncode == 0:
            self.seen = Seen(**json.loads(answer))


def main() -> None:
    root, nights, *endpoint = sys.argv[1:]
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    storage = storage_at(root, *endpoint)
    looks, numbers, wrong = 0, set[int](), list[str]()
    while not over.is_set():
        try:
            seen = shown(storage)
        except IndexMissingError as error:
            if numbers:
                wrong.append(f"look {looks}: {error}")
        else:
            looks += 1
            if seen.number not in numbers or not looks % 20:
                allowed = [json.loads(line) for line in Path(nights).read_text().splitlines()]
                wrong += [f"publication {seen.number}: {fault}" for fault in faults(seen, allowed)]
            elif seen.doubled or seen.promised != dict(seen.rows):
                wrong.append(f"publication {seen.number} changed while it was shown")
            numbers.add(seen.number)
        time.sleep(_PAUSE_S)
    print(json.dumps({"looks": looks, "publications": len(numbers), "wrong": wrong[:20]}))


if __name__ == "__main__":
    main()
