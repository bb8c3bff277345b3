"""pandas and the csv module read the files, and the masks come back."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
from exported import export, export_masks, some_masks, write_masks
from hypothesis import given, settings

from trawl import masks
from trawl.storage import Storage


@settings(max_examples=8, deadline=None)
@given(some_masks())
def test_masks_come_back_identical(found: np.ndarray) -> None:
    table = pd.read_csv(
        export_masks("csv", found)[0] / "objects.csv", dtype={"rle": str}, keep_default_na=False
    )
    assert len(table) == found.any(axis=(2, 3)).sum()
    for one in table.itertuples():
        mask = masks.decode(str(one.rle), one.height, one.width)
        expected = found[int(one.track_id[-1]), one.frame_index - 5]
        assert np.array_equal(mask, expected) and one.area == expected.sum()
        assert (one.x1, one.y1, one.x2, one.y2) == masks.bounding_box(expected)


def test_a_video_named_like_a_formula_is_only_a_text(
    local_storage: Storage, tmp_path: Path
) -> None:
    video_id = '=HYPERLINK("http://x")/ü, "y".mp4'
    write_masks(local_storage, video_id, "c1", np.ones((2, 3, 4, 4), bool))
    export(local_storage, "csv", {video_id: ["c1"]}, tmp_path / "csv")
    rows = list(csv.DictReader((tmp_path / "csv" / "objects.csv").read_text().splitlines()))
    tracks = list(csv.DictReader((tmp_path / "csv" / "tracks.csv").read_text().splitlines()))
    assert (
        {row["video_id"] for row in rows} == {f"'{video_id}"} == {row["video_id"] for row in tracks}
    )
    assert [
        (row["track_id"], row["rows"], row["start_index"], row["end_index"]) for row in tracks
    ] == [
        ("c1-0", "3", "5", "7"),
        ("c1-1", "3", "5", "7"),
    ]
    assert float(tracks[1]["mean_score"]) == np.float32(0.6)
