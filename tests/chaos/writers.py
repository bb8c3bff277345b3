"""Four at once: on one table, whose commits meet; and as jobs, of which one runs and three say who
does.

Each writer is a process of its own: `python -m tests.chaos.writers FRAMES LEDGER NUMBER
COMMITS`.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.chaos.cluster import SETTINGS, nodes
from tests.chaos.corpus import Corpus
from tests.chaos.effort import Effort
from tests.chaos.finding import Finding
from tests.chaos.job import Command, Job
from tests.chaos.kills import COMMITS
from tests.chaos.state import faults, shown, storage_at
from trawl.errors import StorageError
from trawl.exits import EXIT_HELD, EXIT_OK
from trawl.schemas import VIDEOS, frames_schema
from trawl.table import frames
from trawl.table.ledger import open_ledger

WRITERS = 4
_DIM, _ROWS, _VIDEOS = 8, 5, 3  # of a vector; of a video; in a commit
_TRIES = 20


def trouble(effort: Effort, place: Path) -> Iterator[Finding]:
    yield at_one_table(effort.commits, place / "tables")
    with nodes(1) as cluster:
        corpus = Corpus(str(place / "corpus"), effort.videos, effort.seed)
        settings = (*SETTINGS, *COMMITS, f"resources.address={cluster.address}")
        yield jobs_at_once(Command(corpus.uri, str(place / "root"), settings), corpus)


def at_one_table(commits: int, folder: Path) -> Finding:
    """Every writer adds videos of its own, replaces some of them later, and tells the ledger."""
    uris = [str(folder / "frames.lance"), str(folder / "videos.lance")]
    frames.create_if_missing(uris[0], {}, frames_schema(_DIM, "float32"))
    open_ledger(uris[1], {})
    command = [sys.executable, "-m", "tests.chaos.writers", *uris]
    running = [
        subprocess.Popen([*command, str(number), str(commits)], stdout=subprocess.PIPE, text=True)
        for number in range(WRITERS)
    ]
    said = [process.communicate()[0] for process in running]
    wrong = [
        f"writer {n} ended with {process.returncode}"
        for n, process in enumerate(running)
        if process.returncode
    ]
    again = sum(int(words or 0) for words in said)
    wanted = {
        name: _ROWS + (part % 2 == 0)
        for n in range(WRITERS)
        for part in range(commits)
        for name in _names(n, part)
    }
    wrong += _differences(uris, wanted)
    done = f"{WRITERS} processes x {commits} commits of {_VIDEOS} videos, half of them replaced by a second commit"
    came = f"{sum(wanted.values()):,} rows, each once; the ledger has all {len(wanted):,} videos; {again} commits given up by "
    came += "`commit` and repeated"
    return Finding("writers.table", done, came if not wrong else "; ".join(wrong[:3]), not wrong)


def jobs_at_once(command: Command, corpus: Corpus) -> Finding:
    """Started together; afterwards the index is whole."""
    ended = [job.end() for job in [Job(command) for _ in range(WRITERS)]]
    codes = Counter(one.code for one in ended)
    held = [one for one in ended if one.code == EXIT_HELD]
    # One that starts late may find the first one done, and then there is nothing wrong in running
    # as well.
    fine = codes[EXIT_OK] >= 1 and codes[EXIT_OK] + codes[EXIT_HELD] == WRITERS
    wrong = [] if fine else [f"exit codes {dict(codes)}: {ended[0].words[-1:]}"]
    wrong += [f"it says {one.said!r}" for one in held if "is held by jobs.index" not in one.said]
    wrong += faults(shown(storage_at(command.root, command.endpoint)), [corpus.rows])
    done = f"{WRITERS} index jobs started at once"
    came = f"{codes[EXIT_OK]} ran, one after the other, {len(held)} ended with code {EXIT_HELD} and said who holds it; "
    came += "the index is whole"
    return Finding("writers.jobs", done, came if not wrong else "; ".join(wrong[:3]), not wrong)


def _names(writer: int, part: int) -> list[str]:
    return [f"writer-{writer}/{part}-{n}.mp4" for n in range(_VIDEOS)]


def _differences(uris: list[str], wanted: dict[str, int]) -> list[str]:
    import lance

    table = lance.dataset(uris[0]).to_table(columns=["video_id", "frame_index"])
    pairs = Counter(zip(table["video_id"].to_pylist(), table["frame_index"].to_pylist()))
    held = Counter(video for video, _ in pairs)
    doubled = sum(pairs.values()) - len(pairs)
    found = [f"{doubled} rows doubled"] if doubled else []
    if held != wanted:
        found.append(
            f"{sum((Counter(wanted) - held).values())} rows lost, {sum((held - Counter(wanted)).values())} too many"
        )
    ledger = open_ledger(uris[1], {}).read(columns=["video_id", "frames_embedded"])
    known = dict(zip(ledger["video_id"].to_pylist(), ledger["frames_embedded"].to_pylist()))
    return found + (
        [f"the ledger has {ledger.num_rows} rows of {len(wanted)}"] if known != wanted else []
    )


def _write(uris: list[str], writer: int, commits: int) -> int:
    """How many times a commit was given up and repeated."""
    again = 0
    for part in range(commits):
        for rows in (_ROWS, _ROWS + 1)[: 2 if part % 2 == 0 else 1]:
            names = _names(writer, part)
            fragments = frames.write_fragments(
                uris[0], {}, frames_schema(_DIM, "float32"), [_batch(names, rows)]
            )
            run_id = f"{writer}/{part}/{rows}"
            again += _repeat(partial(frames.commit, uris[0], {}, fragments, names, run_id))
            again += _repeat(partial(_upsert, uris[1], _ledger(names, rows)))
    return again


def _upsert(uri: str, rows: Any) -> None:
    open_ledger(uri, {}).upsert(rows)


def _repeat(work: Any) -> int:
    for tries in range(_TRIES):
        try:
            work()
        except StorageError:
            continue
        return tries
    raise RuntimeError(f"not done after {_TRIES} tries")


def _batch(names: list[str], rows: int) -> pa.RecordBatch:
    schema, total = frames_schema(_DIM, "float32"), len(names) * rows
    vectors = np.full((total, _DIM), _DIM**-0.5, np.float32)
    columns: dict[str, Any] = {name: [None] * total for name in schema.names}
    columns |= {
        "video_id": [name for name in names for _ in range(rows)],
        "frame_index": [*range(rows)] * len(names),
    }
    columns |= {
        "time_s": [0.0] * total,
        "duration_s": [1.0] * total,
        "path_parts": [["a"]] * total,
        "embedding": list(vectors),
    }
    columns |= {"shot": [0] * total, "substituted": [False] * total, "metadata": ["{}"] * total}
    return pa.RecordBatch.from_pydict({name: columns[name] for name in schema.names}, schema=schema)


def _ledger(names: list[str], rows: int) -> pa.Table:
    common = dict.fromkeys(VIDEOS.names) | {
        "uri": "",
        "fingerprint": "",
        "size_bytes": 1,
        "metadata": "{}",
        "attempts": 0,
    }
    common |= {
        "status": "indexed",
        "frames_embedded": rows,
        "run_id": "chaos",
        "updated_at": datetime.now(UTC),
    }
    return pa.Table.from_pylist([common | {"video_id": name} for name in names], schema=VIDEOS)


if __name__ == "__main__":
    print(_write(sys.argv[1:3], int(sys.argv[3]), int(sys.argv[4])))
