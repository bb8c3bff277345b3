"""What a person may write in search.where, run by Lance itself."""

import json
from pathlib import Path

import lance
import pyarrow as pa
import pytest

from trawl.errors import ConfigError
from trawl.query.filters import metadata_types, names_metadata, quoted, to_sql
from trawl.schemas import frames_schema

METADATA = [
    {"camera": "front", "take": 1, "night": True, "odd name": "it's", "mixed": 3},
    {"camera": "rear", "take": 2.5, "night": False, "odd name": "Süd", "mixed": "three"},
    {"camera": None},
    {},
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> lance.LanceDataset:
    """Four rows, frame_index 0 to 3, a manifest's columns as above."""
    schema = frames_schema(2, "float32")
    rows = {
        "video_id": [f"cam{n % 2}/{n}.mp4" for n in range(4)],
        "frame_index": range(4),
        "time_s": [n * 1.0 for n in range(4)],
        "shot": [-1] * 4,
        "substituted": [n == 3 for n in range(4)],
        "duration_s": [10.0 * n for n in range(4)],
        "path_parts": [[f"cam{n % 2}"] for n in range(4)],
        "metadata": pa.ExtensionArray.from_storage(
            pa.json_(), pa.array([json.dumps(m) for m in METADATA])
        ),
        "embedding": [[1.0, 0.0]] * 4,
    }
    columns = [
        v if isinstance(v, pa.Array) else pa.array(v, schema.field(k).type) for k, v in rows.items()
    ]
    path: Path = tmp_path_factory.mktemp("filters")
    return lance.write_dataset(pa.Table.from_arrays(columns, schema=schema), str(path / "t.lance"))


TYPES = metadata_types([json.dumps(document) for document in METADATA])


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("duration_s > 10", [2, 3]),
        ("camera = 'front'", [0]),
        ("camera = 'front' or duration_s >= 30", [0, 3]),
        ("camera IS NULL", [2, 3]),
        ("camera != 'front'", [1]),
        ("take > 1.5", [1]),
        ("take = 1 AND camera LIKE 'fr%'", [0]),
        ("night", [0]),
        ("not night and time_s < 5", [1]),
        ("\"odd name\" = 'it''s'", [0]),
        ("`odd name` = 'Süd'", [1]),
        ("mixed in ('3', 'three')", [0, 1]),
        ("array_has(path_parts, 'cam1') and substituted", [3]),
        ("lower(camera) = 'rear'", [1]),
        ("video_id = 'camera'", []),
        ("frame_index between 1 and 2", [1, 2]),
    ],
)
def test_conditions(where: str, rows: list[int], table: lance.LanceDataset) -> None:
    found = table.to_table(columns=["frame_index"], filter=to_sql(where, TYPES))
    assert sorted(found["frame_index"].to_pylist()) == rows


def test_types_come_from_the_values() -> None:
    assert TYPES == {
        "camera": "string",
        "take": "float",
        "night": "bool",
        "odd name": "string",
        "mixed": "string",
    }


def test_an_unknown_column_is_one_line_that_names_the_columns() -> None:
    with pytest.raises(ConfigError, match="did you mean 'camera'") as caught:
        to_sql("camra = 'front'", TYPES)
    assert "duration_s" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("where", "needed"),
    [("duration_s > 1", False), ("camera = 'x'", True), ("lower('a')='a'", False)],
)
def test_the_ledger_is_asked_only_for_a_manifests_columns(where: str, needed: bool) -> None:
    assert names_metadata(where) is needed


@pytest.mark.parametrize("text", ["it's", "''", "'; drop", 'a "b"', "\\'", "ünï"])
def test_quoted_texts_come_back_as_they_were(text: str, table: lance.LanceDataset) -> None:
    assert table.count_rows(filter=f"video_id != {quoted(text)}") == 4
