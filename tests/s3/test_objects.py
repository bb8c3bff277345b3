"""Large and many objects: uploads in parts, listings of several pages, and one winner among
processes.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from botocore.exceptions import IncompleteReadError
from botocore.response import StreamingBody

from tests.s3.conftest import CORPUS
from trawl.config.data import StorageConfig
from trawl.corpus.fetch import localize
from trawl.corpus.files import list_files, stat_file
from trawl.schemas import frames_schema
from trawl.storage import Storage
from trawl.table import frames

MIB = 2**20
Put = Callable[[str, bytes], str]
DIM = 512


def objects(client: Any, uri: str) -> list[dict[str, Any]]:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]


def test_a_fragment_of_several_parts_reads_back_as_it_was(storage: Storage, client: Any) -> None:
    uri, schema, count = storage.table_uri("cats", "recipe", "frames"), frames_schema(DIM), 12_000
    vectors = np.random.default_rng(0).normal(size=(count, DIM)).astype(np.float16)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    columns = {
        "video_id": ["a.mp4"] * count,
        "frame_index": range(count),
        "time_s": np.arange(count) / 2,
        "shot": [-1] * count,
        "substituted": [False] * count,
        "duration_s": [count / 2] * count,
        "path_parts": [[]] * count,
        "metadata": ["{}"] * count,
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM),
    }
    batch = pa.record_batch(
        [pa.array(columns[field.name], field.type) for field in schema], schema=schema
    )
    frames.create_if_missing(uri, storage.lance_options, schema)
    written = frames.write_fragments(uri, storage.lance_options, schema, [batch])
    frames.commit(uri, storage.lance_options, written, ["a.mp4"], "key")
    largest = max(objects(client, uri), key=lambda found: int(found["Size"]))
    assert largest["Size"] > 10 * MIB and "-" in largest["ETag"], (
        "an etag with a dash is of an upload in parts"
    )
    import lance

    table = lance.dataset(uri, storage_options=storage.lance_options).to_table(
        columns=["frame_index", "embedding"]
    )
    assert table["frame_index"].to_pylist() == list(range(count))
    back = table["embedding"].combine_chunks().flatten().to_numpy().reshape(count, DIM)
    assert np.array_equal(back, vectors)


def test_a_video_of_several_parts_is_listed_and_fetched(
    storage_config: StorageConfig, client: Any, tmp_path: Path
) -> None:
    source = tmp_path / "long.mp4"
    source.write_bytes(np.random.default_rng(1).bytes(21 * MIB))
    client.upload_file(str(source), CORPUS, "parts/long.mp4")
    (found,) = list_files(f"s3://{CORPUS}/parts", storage_config)
    assert "-" in found.fingerprint and found == stat_file(found.uri, "long.mp4", storage_config)
    for fingerprint in (None, found.fingerprint):  # without a cache and with one
        with localize(found.uri, storage_config, tmp_path, 100 * MIB, fingerprint) as path:
            assert path.read_bytes() == source.read_bytes()


def test_a_download_that_breaks_goes_on_in_the_middle(
    storage_config: StorageConfig, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.random.default_rng(2).bytes(9 * MIB)
    uri, whole, breaks = put("a.mp4", data), StreamingBody.iter_chunks, []

    def breaking(body: StreamingBody, size: int) -> Iterator[bytes]:
        for number, chunk in enumerate(whole(body, size)):
            if number == 1 and len(breaks) < 2:
                breaks.append(number)
                raise IncompleteReadError(actual_bytes=1, expected_bytes=2)
            yield chunk

    monkeypatch.setattr(StreamingBody, "iter_chunks", breaking)
    with localize(uri, storage_config, tmp_path, 100 * MIB) as path:
        assert path.read_bytes() == data
    assert breaks == [1, 1]


def test_listings_of_more_than_a_page(
    storage: Storage, storage_config: StorageConfig, client: Any
) -> None:
    names = [f"{n:04d}/night {n % 3}.mp4" for n in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: storage.write_bytes(f"runs/{name}", b"x"), names))
    assert [found.path for found in list_files(storage.uri("runs"), storage_config)] == names
    assert storage.folders("runs") == [name[:4] for name in names]


_RACER = """
import sys
from trawl.config.jobs import StorageConfig
from trawl.storage import Storage
root, endpoint, me = sys.argv[1:]
storage = Storage.open(StorageConfig(root=root, endpoint=endpoint))
storage.exists("x")
sys.stdin.readline()
print(*(n for n in range(20) if storage.write_if_absent(f"published/{n}.json", me.encode())))
"""


def test_processes_that_race_for_a_name_have_one_winner_each(
    storage: Storage, storage_config: StorageConfig
) -> None:
    command = [sys.executable, "-c", _RACER, storage_config.root, str(storage_config.endpoint)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [subprocess.Popen([*command, str(me)], **pipes) for me in range(3)]
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = {me: racer.communicate()[0].split() for me, racer in enumerate(racers)}
    assert sorted(int(n) for names in won.values() for n in names) == list(range(20))
    for me, names in won.items():
        assert all(storage.read_bytes(f"published/{n}.json") == str(me).encode() for n in names)
