"""What an evaluation found, beside the run that it judged: written whole, and read back as the same
records.

    <root>/<dataset>/runs/<run_id>/evaluation/metrics.parquet    columns: schemas.METRICS
    <root>/<dataset>/runs/<run_id>/evaluation/evaluation.json    the same numbers with all that is
                                                                 no number: what they were
                                                                 measured against, curves, cases

The Parquet is written last and is what says that a run is evaluated; evaluated again, both are
replaced. Rows keep the order in which they are handed over, so that equal evaluations give equal
files but for their time. Knows nothing of how a metric is taken.
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

from trawl.errors import RunError
from trawl.records.truth import Case, Curve, Metric
from trawl.schemas import METRICS, SCHEMA_VERSION
from trawl.storage import Storage

_PARQUET, _JSON = "metrics.parquet", "evaluation.json"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run, judged.

    config_hash: of the settings that made its tracks; publication: of the index that they were
    found in. truth: what it was measured against, such as {"format": "demo", "part": "test",
    "videos": 20}; runs that differ in it do not compare.
    settings: of the evaluation itself, such as {"match_iou": 0.1}.
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


def write_metrics(storage: Storage, found: Evaluation) -> str:
    """Write both files. Returns the folder, a name under the storage root.

    Raises:
        StorageError: the storage failed; the run counts as evaluated as far as it was before.
    """
    keys = [(metric.family, metric.name, metric.slice) for metric in found.metrics]
    assert len(set(keys)) == len(keys), (
        f"a metric twice: {sorted(key for key in keys if keys.count(key) > 1)[0]}"
    )
    unreal = [
        metric.name
        for metric in found.metrics
        if metric.value is not None and not math.isfinite(metric.value)
    ]
    assert not unreal, f"{unreal[0]} is not finite: a metric without a value is None and says why"
    folder = evaluation_folder(found.dataset, found.run_id)
    storage.write_bytes(f"{folder}/{_JSON}", _to_json(found))
    storage.write_bytes(f"{folder}/{_PARQUET}", _to_parquet(found))
    return folder


def read_metrics(storage: Storage, dataset: str, run_id: str) -> Evaluation:
    """What `write_metrics` wrote of this run.

    Raises:
        RunError: it was not evaluated, or a newer version of Trawl did that.
        StorageError: the storage failed.
    """
    import pyarrow.parquet as pq

    folder = evaluation_folder(dataset, run_id)
    if not is_evaluated(storage, dataset, run_id):
        raise RunError(
            f"run={run_id} was not evaluated: python -m jobs.evaluate +dataset=... run={run_id} does that, "
            "with the settings that name this dataset and storage"
        )
    table = pq.read_table(io.BytesIO(storage.read_bytes(f"{folder}/{_PARQUET}")))
    version = int((table.schema.metadata or {}).get(b"trawl.schema_version", b"0"))
    if version > SCHEMA_VERSION:
        raise RunError(
            f"the evaluation of run={run_id} was written with schema {version}, "
            f"this Trawl reads up to {SCHEMA_VERSION}: update it"
        )
    about = json.loads(storage.read_bytes(f"{folder}/{_JSON}"))
    return Evaluation(
        dataset=dataset,
        run_id=run_id,
        config_hash=about["config_hash"],
        publication=about["publication"],
        metrics=tuple(_metric(row) for row in table.to_pylist()),
        curves=tuple(_curve(item) for item in about["curves"]),
        cases=tuple(Case(**item) for item in about["cases"]),
        truth=about["truth"],
        settings=about["settings"],
        created_at=datetime.fromisoformat(about["created_at"]),
    )


def is_evaluated(storage: Storage, dataset: str, run_id: str) -> bool:
    """Whether `read_metrics` has something to read."""
    return storage.exists(f"{evaluation_folder(dataset, run_id)}/{_PARQUET}")


def evaluation_folder(dataset: str, run_id: str) -> str:
    """A name under the storage root."""
    return f"{dataset}/runs/{run_id}/evaluation"


def _to_parquet(found: Evaluation) -> bytes:
    import pyarrow.parquet as pq

    own = {"run_id": found.run_id, "dataset": found.dataset, "config_hash": found.config_hash}
    own |= {"publication": found.publication, "created_at": found.created_at}  # type: ignore[dict-item]
    rows = [asdict(metric) | {"metric": metric.name} | own for metric in found.metrics]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=METRICS), sink, compression="zstd")
    return sink.getvalue()


def _to_json(found: Evaluation) -> bytes:
    content: dict[str, Any] = {item.name: getattr(found, item.name) for item in fields(found)}
    content |= {
        "created_at": found.created_at.isoformat(),
        "metrics": [asdict(metric) for metric in found.metrics],
        "curves": [
            asdict(curve) | {"x": _numbers(curve.x), "y": _numbers(curve.y)}
            for curve in found.curves
        ],
        "cases": [asdict(case) for case in found.cases],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False).encode()


def _numbers(values: "np.ndarray[Any, np.dtype[np.float64]]") -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


def _metric(row: Mapping[str, Any]) -> Metric:
    names = {item.name for item in fields(Metric)} - {"name"}
    return Metric(name=row["metric"], **{name: row[name] for name in names})


def _curve(item: Mapping[str, Any]) -> Curve:
    return Curve(
        **{**item, "x": np.array(item["x"], np.float64), "y": np.array(item["y"], np.float64)}
    )
