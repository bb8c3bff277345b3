"""What the limits of `table/maintain.py` rest on: the cost of deltas, of merging and of training,
and what old centroids lose.

Rows and queries are those of `benchmarks/query.py`. "drifted" rows have another offset and other
clusters than those that the index was trained on, as from another kind of camera. drift is the mean
squared distance of the rows since the training to their centroid, over that of the rows trained on.
Queries are timed in CPU seconds, which a busy machine changes less.

    python -m benchmarks.maintenance [--rows 200000] [--dim 512]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.query import Corpus, recall, timed
from trawl.config.data import StorageConfig
from trawl.config.steps import SearchConfig
from trawl.schemas import frames_schema
from trawl.storage import Storage
from trawl.table import frames, maintain
from trawl.table.places import Places

NIGHT = 0.01  # new rows a night, of those that the index was built of
DELTAS = 16
QUERIES = 30


class Table:
    """One frames table with its index, written by the package's own code."""

    def __init__(self, root: str, dim: int) -> None:
        self.schema = frames_schema(dim)
        self.uri = Storage.open(StorageConfig(root=root)).table_uri("bench", "synthetic", "frames")
        self.places, self.commits = Places(), 0
        frames.create_if_missing(self.uri, {}, self.schema)

    def add(self, corpus: Corpus, rows: int) -> float:
        """Seconds."""
        began, self.commits = time.perf_counter(), self.commits + 1
        written = frames.write_fragments(
            self.uri, {}, self.schema, corpus.batches(rows, self.schema)
        )
        frames.commit(self.uri, {}, written, [], f"{self.commits}", self.places)
        return time.perf_counter() - began

    def open(self) -> Any:
        import lance

        return lance.dataset(self.uri)

    def optimize(self, merged: int) -> tuple[float, float]:
        """(seconds, MB written)"""
        before, began = self._indices(), time.perf_counter()
        self.open().optimize.optimize_indices(
            num_indices_to_merge=merged, index_names=[maintain.INDEX_NAME]
        )
        spent = time.perf_counter() - began
        return spent, sum(
            size for name, size in self._indices().items() if name not in before
        ) / 1e6

    def train(self) -> float:
        """Seconds."""
        began = time.perf_counter()
        maintain._build(self.open(), self.open().count_rows())
        return time.perf_counter() - began

    def recall(self, vectors: np.ndarray, k: int) -> float:
        """As the query job asks, of an exact scan's rows."""
        search, dataset = SearchConfig(), self.open()
        exact, _ = timed(dataset, vectors, k, use_index=False)
        found, _ = timed(
            dataset, vectors, k, nprobes=search.nprobes, refine_factor=search.refine_factor
        )
        return recall(found, exact)

    def cpu_ms(self, vectors: np.ndarray, k: int) -> float:
        """CPU milliseconds of a query."""
        search, dataset = SearchConfig(), self.open()
        spent = []
        for vector in (*vectors[:5], *vectors):
            began = time.process_time()
            nearest = {
                "column": "embedding",
                "q": vector,
                "k": k,
                "metric": "cosine",
                "nprobes": search.nprobes,
            }
            nearest |= {"refine_factor": search.refine_factor}
            dataset.to_table(
                columns=["video_id", "frame_index", "_distance"], nearest=nearest, prefilter=True
            )
            spent.append(time.process_time() - began)
        return statistics.median(spent[5:]) * 1e3

    def _indices(self) -> dict[str, int]:
        folders = Path(self.uri, "_indices")
        return {
            one.name: sum(file.stat().st_size for file in one.iterdir())
            for one in folders.iterdir()
        }


def deltas(rows: int, dim: int, root: str) -> str:
    corpus, table, night = Corpus(rows, dim), Table(root, dim), int(rows * NIGHT)
    table.add(corpus, rows)
    lines = [
        f"{rows:,} rows of {dim} trained in {table.train():.1f} s; {night:,} more each night",
        "",
    ]
    lines += [
        "| deltas | adding the last, s | MB | a query of 10, CPU ms | of 400, CPU ms |",
        "|---|---|---|---|---|",
    ]
    vectors, spent, size = corpus.texts(corpus.draw(QUERIES)), 0.0, 0.0
    for count in range(1, DELTAS + 1):
        if count > 1:
            table.add(corpus, night)
            spent, size = table.optimize(0)
        if count in (1, 2, 4, 8, 12, DELTAS):
            ms = [table.cpu_ms(vectors, k) for k in (10, 400)]
            lines.append(f"| {count} | {spent:.2f} | {size:.2f} | {ms[0]:.1f} | {ms[1]:.1f} |")
    spent, size = table.optimize(DELTAS - 1)
    ms = [table.cpu_ms(vectors, k) for k in (10, 400)]
    lines.append(f"| merged to two | {spent:.2f} | {size:.2f} | {ms[0]:.1f} | {ms[1]:.1f} |")
    return "\n".join(lines)


def drifts(rows: int, dim: int, root: str) -> str:
    """Rows added without training, the same kind and another, and what training then brings back."""
    lines = ["| added | drift | recall@10 of texts, images | after training |", "|---|---|---|---|"]
    for kind in ("alike", "drifted"):
        corpus, table = Corpus(rows, dim), Table(f"{root}/{kind}", dim)
        table.add(corpus, rows)
        table.train()
        if kind == "drifted":
            corpus.clusters = corpus._noise(len(corpus.clusters), dim)
            corpus.image_offset, corpus.text_offset = corpus._noise(2, dim)
        for share in (0.25, 1.0, 2.0):
            table.add(corpus, int(rows * share) - (table.open().count_rows() - rows))
            table.optimize(0)
            vectors = corpus.texts(corpus.draw(QUERIES)), corpus.images(corpus.draw(QUERIES))
            drift = drift_of(table.open().stats.index_stats(maintain.INDEX_NAME))
            found = ", ".join(f"{table.recall(some, 10):.3f}" for some in vectors)
            after = ""
            if share == 2.0:
                table.train()
                after = ", ".join(f"{table.recall(some, 10):.3f}" for some in vectors)
            lines.append(f"| {share:g} times as many, {kind} | {drift:.2f} | {found} | {after} |")
    return "\n".join(lines)


def drift_of(facts: dict[str, Any]) -> float:
    """How much farther from their centroid the rows since the last training lie than those before."""
    first, *later = facts["indices"]
    rows = [sum(part["size"] for part in one["partitions"]) for one in (first, *later)]
    return float((sum(one["loss"] for one in later) / sum(rows[1:])) / (first["loss"] / rows[0]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512)
    arguments = parser.parse_args()
    for measure, rows in ((deltas, arguments.rows), (drifts, arguments.rows // 2)):
        with tempfile.TemporaryDirectory() as root:
            print(measure(rows, arguments.dim, root), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
