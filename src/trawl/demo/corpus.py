"""The demo corpus on disk: made on first use, the same for the same seed, whole or not there at
all.

    <folder>/videos/{train,val,test}/NNNN.mp4    H.264
    <folder>/truth/objects.parquet               schemas.TRUTH_OBJECTS
    <folder>/truth/videos.parquet                schemas.TRUTH_VIDEOS
    <folder>/corpus.json                         what it was made from; its presence means that it
                                                 is complete

Made in a sibling folder under a lock and renamed into place: a killed generation leaves only the
sibling, which the next one clears away. A folder made with another seed, size or generator version
is replaced; a folder that holds anything else is never touched. Imports no torch; the drawing
happens in processes of its own.
"""

import fcntl
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trawl.errors import DatasetError

# Raised by hand when the same seed would give other videos or another truth.
GENERATOR_VERSION = 1
_MARK = "corpus.json"

Progress = Callable[[int, int], None]  # videos made, videos in all


def ensure(
    folder: Path,
    seed: int,
    videos: int,
    *,
    progress: Progress | None = None,
    processes: int | None = None,
) -> Path:
    """The corpus of this seed and size at `folder`, made if it is not there yet.

    Args:
        folder: where it belongs. Safe to call from several processes at once: the first makes it,
            the others wait.
        seed: 0 or more. Video k of a seed is the same in a corpus of any size.
        videos: how many, at least 1.
        progress: called after each video with the number made so far and the number in all.
        processes: how many draw at once; default one for each core, at most 8.

    Raises:
        DatasetError: the folder holds something that is not a demo corpus, cannot be written, or
            the numbers make no sense.
    """
    if videos < 1 or seed < 0:
        raise DatasetError(
            f"demo corpus: seed={seed}, videos={videos}: seed must be 0 or more and videos at least 1"
        )
    folder = folder.absolute()
    made_from = {"generator_version": GENERATOR_VERSION, "seed": seed, "videos": videos}
    if _read_mark(folder) == made_from:
        return folder
    with _locked(folder):
        # another process may have made it while this one waited
        if _read_mark(folder) != made_from:
            _refuse_foreign(folder)
            _make(
                folder,
                made_from,
                progress or (lambda done, total: None),
                processes or min(os.cpu_count() or 1, 8),
            )
    return folder


def _read_mark(folder: Path) -> dict[str, int] | None:
    try:
        mark: dict[str, int] = json.loads((folder / _MARK).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return mark


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and (
        not folder.is_dir() or (_read_mark(folder) is None and any(folder.iterdir()))
    ):
        raise DatasetError(
            f"dataset.uri={folder} holds files that are no demo corpus: choose a new folder, or remove what is there"
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, a hidden file beside it; the system frees it when the process dies."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / f".{folder.name}.lock").open("w")
    except OSError as error:
        raise DatasetError(
            f"dataset.uri={folder} cannot be written ({error.strerror}): choose another folder"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(folder: Path, made_from: dict[str, int], progress: Progress, processes: int) -> None:
    # a new name each time: a worker whose parent was killed may still be writing into the old one
    prefix = f".{folder.name}.partial-"
    for left in [path for path in folder.parent.iterdir() if path.name.startswith(prefix)]:
        shutil.rmtree(left, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    partial.chmod(0o755)
    total = made_from["videos"]
    _draw(partial, made_from["seed"], total, progress, min(processes, total))
    truth = partial / "truth"
    truth.mkdir()
    for table in ("objects", "videos"):
        parts = [
            pq.read_table(partial / "parts" / f"{index}.{table}.parquet") for index in range(total)
        ]
        pq.write_table(pa.concat_tables(parts), truth / f"{table}.parquet")
    shutil.rmtree(partial / "parts")
    (partial / _MARK).write_text(json.dumps(made_from, indent=2) + "\n")
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def _draw(partial: Path, seed: int, total: int, progress: Progress, processes: int) -> None:
    """Deal the videos to processes and wait for all; long videos first, since the last to finish
    decides the time.
    """
    order = sorted(range(total), key=lambda index: (index % 12 != 11, index))
    hands = [order[k::processes] for k in range(processes)]
    workers = [_start(partial, seed, hand) for hand in hands]
    try:
        done = 0
        for line in _lines(workers):
            done += line.strip().isdigit()
            progress(done, total)
        for worker in workers:
            if worker.wait() != 0:
                raise RuntimeError(
                    f"drawing the demo corpus failed: {worker.args!r} ended with {worker.returncode}"
                )
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _start(partial: Path, seed: int, indices: list[int]) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        _command(partial, seed, indices), stdout=subprocess.PIPE, text=True, env=environment
    )


def _command(partial: Path, seed: int, indices: list[int]) -> list[str]:
    return [
        sys.executable,
        "-m",
        "trawl.demo.part",
        str(partial),
        str(seed),
        ",".join(map(str, indices)),
    ]


def _lines(workers: list[subprocess.Popen[str]]) -> Iterator[str]:
    """Lines of all workers as they come."""
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            assert worker.stdout is not None
            selector.register(worker.stdout, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                line = key.fileobj.readline()  # type: ignore[union-attr]
                if line:
                    yield line
                else:
                    selector.unregister(key.fileobj)
