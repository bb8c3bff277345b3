"""An evaluation written and read back."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from trawl.config.data import StorageConfig
from trawl.errors import RunError
from trawl.evaluate.results import Evaluation, is_evaluated, read_metrics, write_metrics
from trawl.records.truth import Case, Curve, Metric
from trawl.schemas import METRICS
from trawl.storage import Storage

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
METRICS_FOUND = (
    Metric("masks", "j_and_f", 0.74, unit="", count=40),
    Metric("masks", "j_and_f", 0.72, slice="pair=unseen", count=12),
    Metric("tracking", "mota_masks", None, why="the truth has boxes only", count=None),
    Metric("cost", "peak_mb", 812.5, unit="MB", better="lower"),
)
CURVE = Curve(
    "recall_at_k", "text to video", "k", "recall", np.array([1.0, 5.0]), np.array([0.5, math.nan])
)
CASES = (
    Case("missed", "a red star", 40.0, "nobody followed it", "a.mp4", 12, 3),
    Case("ranked", "red star “é”", 9.0, "late"),
)


def evaluation(**changes) -> Evaluation:
    given = {
        "truth": {"format": "demo", "part": "test"},
        "settings": {"match_iou": 0.1},
        "created_at": NOW,
    }
    given |= {"curves": (CURVE,), "cases": CASES} | changes
    return Evaluation("demo", "run-a", "c0ffee", 3, METRICS_FOUND, **given)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.open(StorageConfig(root=str(tmp_path)))


def test_it_reads_back_as_it_was(storage: Storage) -> None:
    write_metrics(storage, evaluation())
    back = read_metrics(storage, "demo", "run-a")
    assert back.metrics == METRICS_FOUND and back.cases == CASES
    assert (back.truth, back.settings) == ({"format": "demo", "part": "test"}, {"match_iou": 0.1})
    assert (back.config_hash, back.publication, back.created_at) == ("c0ffee", 3, NOW)
    (curve,) = back.curves
    assert (curve.kind, curve.name, curve.x_label) == ("recall_at_k", "text to video", "k")
    np.testing.assert_array_equal(curve.y, CURVE.y)


def test_the_parquet_has_the_columns_of_the_schema_and_a_null_where_there_is_no_value(
    storage: Storage, tmp_path: Path
) -> None:
    folder = write_metrics(storage, evaluation())
    table = pq.read_table(tmp_path / folder / "metrics.parquet")
    assert table.schema.equals(METRICS, check_metadata=True)
    rows = {(row["metric"], row["slice"]): row for row in table.to_pylist()}
    assert (
        rows["mota_masks", "all"]["value"] is None
        and rows["mota_masks", "all"]["why"] == "the truth has boxes only"
    )
    assert {(row["run_id"], row["dataset"], row["publication"]) for row in rows.values()} == {
        ("run-a", "demo", 3)
    }


def test_the_json_is_strict_json(storage: Storage, tmp_path: Path) -> None:
    folder = write_metrics(storage, evaluation())

    def refuse(name: str) -> None:
        raise AssertionError(name)

    content = json.loads((tmp_path / folder / "evaluation.json").read_text(), parse_constant=refuse)
    assert len(content["metrics"]) == 4 and content["curves"][0]["y"] == [0.5, None]


def test_equal_evaluations_are_equal_files(storage: Storage, tmp_path: Path) -> None:
    folder = tmp_path / write_metrics(storage, evaluation())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_metrics(storage, evaluation())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before and len(
        before
    ) == 2


def test_a_file_of_a_newer_trawl_is_refused(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / write_metrics(storage, evaluation()) / "evaluation.json"
    content = json.loads(path.read_text())
    assert content["schema_version"] == 1
    path.write_text(json.dumps(content | {"schema_version": 2}))
    with pytest.raises(RunError, match=r"run=run-a was written with schema 2, .* up to 1: update"):
        read_metrics(storage, "demo", "run-a")


def test_a_file_from_before_versions_were_written_is_read(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / write_metrics(storage, evaluation()) / "evaluation.json"
    content = json.loads(path.read_text())
    del content["schema_version"]
    path.write_text(json.dumps(content))
    assert read_metrics(storage, "demo", "run-a").metrics == METRICS_FOUND


def test_a_run_without_an_evaluation_is_told_how_to_get_one(storage: Storage) -> None:
    assert not is_evaluated(storage, "demo", "run-b")
    with pytest.raises(
        RunError, match=r"run=run-b was not evaluated: python -m jobs\.evaluate .*run=run-b"
    ) as caught:
        read_metrics(storage, "demo", "run-b")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused(value: float, storage: Storage) -> None:
    with pytest.raises(AssertionError, match="says why"):
        write_metrics(storage, Evaluation("demo", "r", "c", 1, [Metric("masks", "iou", value)]))
    assert not is_evaluated(storage, "demo", "r")


def test_a_metric_twice_is_refused(storage: Storage) -> None:
    with pytest.raises(AssertionError, match="twice"):
        write_metrics(storage, Evaluation("demo", "r", "c", 1, [Metric("masks", "iou", 0.1)] * 2))
