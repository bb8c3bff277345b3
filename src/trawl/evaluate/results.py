"""Writes the results of an evaluation beside the run, and reads them back.

    <root>/<dataset>/runs/<run_id>/evaluation/metrics.parquet    columns: schemas.METRICS
    <root>/<dataset>/runs/<run_id>/evaluation/evaluation.json    an `Evaluation`: the same metrics,
                                                                 with curves, cases and settings

The Parquet file is written last and marks a run as evaluated. Evaluating a run again replaces both
files. Rows keep the order of `Evaluation.metrics`, so equal evaluations give equal files except for
their time.
"""

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trawl.errors import RunError
from trawl.records.truth import Case, Curve, Metric
from trawl.schemas import METRICS
from trawl.storage import Storage

_PARQUET, _JSON = "metrics.parquet", "evaluation.json"
_JSON_VERSION = 1  # files without "schema_version" have this one


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Holds the results of one run's evaluation.

    Args:
        config_hash: Hash of the settings that made the tracks.
        publication: Number of the index publication that was searched.
        truth: The ground truth, such as {"format": "demo", "part": "test", "videos": 20}. Runs
            measured against different ground truths do not compare.
        settings: Settings of the evaluation itself, such as {"match_iou": 0.1}.
    """

    dataset: str
    run_id: str
    config_hash: str
    publication: int
    metrics: Sequence[Metric]
    curves: Sequence[Curve] = ()
    cases: Sequence[Case] = ()
    truth: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def to_json(self) -> bytes:
        """Return the content of evaluation.json."""
        content: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        content |= {
            "schema_version": _JSON_VERSION,
            "created_at": self.created_at.isoformat(),
            "metrics": [asdict(metric) for metric in self.metrics],
            "curves": [
                asdict(curve) | {"x": _numbers(curve.x), "y": _numbers(curve.y)}
                for curve in self.curves
            ],
            "cases": [asdict(case) for case in self.cases],
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Evaluation":
        """Read the content of evaluation.json.

        Raises:
            RunError: A newer version of Trawl wrote it.
        """
        content = json.loads(data)
        version = content.pop("schema_version", _JSON_VERSION)
        if version > _JSON_VERSION:
            raise RunError(
                f"the evaluation of run={content['run_id']} was written with schema {version}, "
                f"this Trawl reads up to {_JSON_VERSION}: update it"
            )
        content |= {
            "created_at": datetime.fromisoformat(content["created_at"]),
            "metrics": tuple(_metric(row) for row in content["metrics"]),
            "curves": tuple(_curve(row) for row in content["curves"]),
            "cases": tuple(Case(**row) for row in content["cases"]),
        }
        return cls(**content)


def write_metrics(storage: Storage, evaluation: Evaluation) -> str:
    """Write both files and return their folder, a name under the storage root.

    Raises:
        StorageError: The storage failed; a run without an earlier evaluation stays unevaluated.
    """
    keys = [(metric.family, metric.name, metric.slice) for metric in evaluation.metrics]
    assert len(set(keys)) == len(keys), (
        f"a metric twice: {sorted(key for key in keys if keys.count(key) > 1)[0]}"
    )
    for metric in evaluation.metrics:
        assert metric.value is None or math.isfinite(metric.value), (
            f"{metric.name} is not finite: a metric without a value is None and says why"
        )
    folder = evaluation_folder(evaluation.dataset, evaluation.run_id)
    storage.write_bytes(f"{folder}/{_JSON}", evaluation.to_json())
    storage.write_bytes(f"{folder}/{_PARQUET}", _to_parquet(evaluation))
    return folder


def read_metrics(storage: Storage, dataset: str, run_id: str) -> Evaluation:
    """Read a run's evaluation.

    Raises:
        RunError: The run was not evaluated, or a newer version of Trawl evaluated it.
        StorageError: The storage failed.
    """
    if not is_evaluated(storage, dataset, run_id):
        raise RunError(
            f"run={run_id} was not evaluated: python -m jobs.evaluate +dataset=... run={run_id} "
            "does that, with the settings that name this dataset and storage"
        )
    return Evaluation.from_json(storage.read_bytes(f"{evaluation_folder(dataset, run_id)}/{_JSON}"))


def is_evaluated(storage: Storage, dataset: str, run_id: str) -> bool:
    """Return whether `read_metrics` can read this run."""
    return storage.exists(f"{evaluation_folder(dataset, run_id)}/{_PARQUET}")


def evaluation_folder(dataset: str, run_id: str) -> str:
    """Return a run's folder of results, a name under the storage root."""
    return f"{dataset}/runs/{run_id}/evaluation"


def _to_parquet(evaluation: Evaluation) -> bytes:
    import pyarrow.parquet as pq

    shared = ("run_id", "dataset", "config_hash", "publication", "created_at")
    of_run = {name: getattr(evaluation, name) for name in shared}
    rows = [asdict(metric) | {"metric": metric.name} | of_run for metric in evaluation.metrics]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=METRICS), sink, compression="zstd")
    return sink.getvalue()


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


def _metric(row: Mapping[str, Any]) -> Metric:
    value = row["value"]
    return Metric(**{**row, "value": None if value is None else float(value)})


def _curve(row: Mapping[str, Any]) -> Curve:
    arrays = {axis: np.array(row[axis], np.float64) for axis in ("x", "y")}
    return Curve(**{**row, **arrays})
