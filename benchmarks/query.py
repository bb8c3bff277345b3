"""One query's time and recall: the vector index that the index job builds against an exact scan of
the same table.

Rows are synthetic, shaped like CLIP's: unit vectors in clusters (a video's frames resemble each
other) with an offset that all images share. Queries come in two kinds: images near a cluster, and
texts, which lie far from every image (cosine to the nearest about 0.4) and are the harder case. The
table is written and indexed by the package's own code.

    python -m benchmarks.query [--rows 1000000] [--dim 512]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from trawl.config.data import StorageConfig
from trawl.config.steps import SearchConfig
from trawl.schemas import frames_schema
from trawl.storage import Storage
from trawl.table import frames, maintain

PER_CLUSTER = 200
PER_VIDEO = 400
QUERIES = 30
BATCH = 20_000


class Corpus:
    """Images and texts around the same clusters."""

    def __init__(self, rows: int, dim: int) -> None:
        self.rng = np.random.default_rng(0)
        self.clusters = self._noise(max(rows // PER_CLUSTER, 1), dim)
        self.image_offset, self.text_offset = self._noise(2, dim)

    def images(self, which: np.ndarray) -> np.ndarray:
        return _unit(
            0.7 * self.image_offset + self.clusters[which] + 0.6 * self._noise(*self._shape(which))
        )

    def texts(self, which: np.ndarray) -> np.ndarray:
        return _unit(
            0.7 * self.text_offset
            + 0.5 * self.clusters[which]
            + 0.6 * self._noise(*self._shape(which))
        )

    def draw(self, n: int) -> np.ndarray:
        return self.rng.integers(0, len(self.clusters), n)

    def batches(self, rows: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for start in range(0, rows, BATCH):
            n = min(BATCH, rows - start)
            # Sorted, as frames of one video lie together in a real table.
            yield _batch(start, self.images(np.sort(self.draw(n))), schema)

    def _shape(self, which: np.ndarray) -> tuple[int, int]:
        return len(which), self.clusters.shape[1]

    def _noise(self, n: int, dim: int) -> np.ndarray:
        return _unit(self.rng.standard_normal((n, dim), dtype=np.float32))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _batch(start: int, embeddings: np.ndarray, schema: pa.Schema) -> pa.RecordBatch:
    n, dim = embeddings.shape
    place = np.arange(start, start + n)
    columns = {
        "video_id": [f"folder/{p // PER_VIDEO:07d}.mp4" for p in place],
        "frame_index": place % PER_VIDEO * 15,
        "time_s": place % PER_VIDEO * 0.5,
        "shot": np.full(n, -1, np.int32),
        "substituted": np.zeros(n, bool),
        "duration_s": np.full(n, PER_VIDEO * 0.5),
        "path_parts": pa.array([["folder"]] * n, pa.list_(pa.string())),
        "metadata": ["{}"] * n,
        "embedding": pa.FixedSizeListArray.from_arrays(
            pa.array(embeddings.astype(np.float16).ravel()), dim
        ),
    }
    return pa.record_batch([columns[field.name] for field in schema], schema=schema)


def timed(dataset, queries: np.ndarray, k: int, **how) -> tuple[list[set], float]:
    """(the rows found per query, median seconds), after one round that warms caches."""
    found: list[set] = []
    seconds: list[float] = []
    for warm in (False, True):
        for query in queries if warm else queries[:10]:
            nearest = {"column": "embedding", "q": query, "k": k, "metric": "cosine", **how}
            started = time.perf_counter()
            rows = dataset.to_table(
                columns=["video_id", "frame_index", "time_s", "_distance"],
                nearest=nearest,
                prefilter=True,
            )
            if warm:
                seconds.append(time.perf_counter() - started)
                found.append(
                    set(zip(rows["video_id"].to_pylist(), rows["frame_index"].to_pylist()))
                )
    return found, statistics.median(seconds)


def recall(found: list[set], exact: list[set]) -> float:
    return statistics.mean(len(a & b) / len(b) for a, b in zip(found, exact))


def measure(rows: int, dim: int, root: str) -> str:
    """A Markdown table."""
    import lance

    corpus, schema, search = Corpus(rows, dim), frames_schema(dim), SearchConfig()
    storage = Storage.open(StorageConfig(root=root))
    uri = storage.table_uri("bench", "synthetic", "frames")
    started = time.perf_counter()
    frames.create_if_missing(uri, {}, schema)
    fragments = frames.write_fragments(uri, {}, schema, corpus.batches(rows, schema))
    frames.commit(uri, {}, fragments, [], "all")
    written = time.perf_counter()
    facts = maintain.prepare(uri, {}, index_min_rows=1)
    built = time.perf_counter()
    dataset = lance.dataset(uri)
    lines = [
        f"{rows:,} x {dim} float16; written in {written - started:.0f} s, index ({facts['type']}, "
        f"{facts['partitions']} partitions) built in {built - written:.0f} s; nprobes {search.nprobes}, "
        f"refine_factor {search.refine_factor}",
        "",
        "| queries | k | recall@k | index, ms | exact scan, ms | index / scan |",
        "|---|---|---|---|---|---|",
    ]
    for kind, queries in (("texts", corpus.texts), ("images", corpus.images)):
        vectors = queries(corpus.draw(QUERIES))
        for k in (10, search.frames):
            exact, flat_s = timed(dataset, vectors, k, use_index=False)
            found, index_s = timed(
                dataset, vectors, k, nprobes=search.nprobes, refine_factor=search.refine_factor
            )
            ratio = f"1/{flat_s / index_s:.0f}"
            lines.append(
                f"| {kind} | {k} | {recall(found, exact):.3f} | {index_s * 1e3:.1f} | {flat_s * 1e3:.0f} | {ratio} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        print(measure(arguments.rows, arguments.dim, root))


if __name__ == "__main__":
    main()
