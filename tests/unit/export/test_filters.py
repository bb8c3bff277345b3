"""`where` selects rows by their own columns and their track's, and nothing else can be done with
it.
"""

from pathlib import Path

import pytest
from tracked import LINEAGE, RUN, clip, row, square, track

from trawl.errors import ConfigError
from trawl.export import filters
from trawl.records.tracking import Flag
from trawl.storage import Storage
from trawl.track import tables as write

SIZE = (20, 20)


@pytest.fixture
def run(storage: Storage):
    """Two tracks of three frames: c1-0 scores 0.9, 0.4, 0.9 and is flagged on its last; c1-1 is
    lost and guessed once.
    """
    good = [
        row(n, square(SIZE, n, 2, 4), score, flags)
        for n, (score, flags) in enumerate([(0.9, ()), (0.4, ()), (0.9, (Flag.BORDER,))])
    ]
    lost = [
        row(0, square(SIZE, 9, 9, 5), 0.7),
        row(1, None, 0.0),
        row(2, square(SIZE, 9, 9, 5), 0.7),
    ]
    tracks = [track(0, good, SIZE), track(1, lost, SIZE, "a blue ring", flags=(Flag.LOST,))]
    write.write_clip(
        storage, "demo", RUN, clip("c1", texts=("a red star", "a blue ring")), tracks, LINEAGE
    )
    return write.read_run(storage, "demo", RUN)


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        (None, ["0:0", "0:1", "1:0", "1:1", "2:0", "2:1"]),
        ("score > 0.5", ["0:0", "0:1", "2:0", "2:1"]),
        ("score > 0.5 and len(flags) = 0", ["0:0", "0:1", "2:1"]),
        ("not list_contains(flags, 'border')", ["0:0", "0:1", "1:0", "1:1", "2:1"]),
        ("not list_contains(track_flags, 'lost')", ["0:0", "1:0", "2:0"]),
        ("text = 'a blue ring' and visibility = 'visible'", ["0:1", "2:1"]),
        ("num_inferred > 0 or mean_score > 0.8 -- a comment", ["0:1", "1:1", "2:1"]),
        ("(box[3] - box[1]) * 5 = area and time_s < 0.1", ["0:1"]),
        ("false", []),
    ],
)
def test_rows_that_meet_the_condition(run, where: str | None, kept: list[str]) -> None:
    table = filters.select(*run, where)
    got = zip(table["frame_index"].to_pylist(), table["track_id"].to_pylist())
    assert [f"{index}:{track_id[-1]}" for index, track_id in got] == kept


@pytest.mark.parametrize(
    "where",
    [
        "scor > 1",
        "score >",
        "score > 1; drop table m",
        "score) or (1=1",
        "score = 'high'",
        "",
        "flags > 3",
    ],
)
def test_a_bad_condition_is_one_line_before_any_work(where: str) -> None:
    with pytest.raises(ConfigError, match="where=") as caught:
        filters.check(where)
    assert "\n" not in str(caught.value) and "track_flags" in str(caught.value)


def test_a_condition_reads_no_files(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with pytest.raises(ConfigError, match="disabled"):
        filters.check(f"score > (select max(a) from '{tmp_path}/secret.csv')")


def test_a_good_condition_passes_without_rows() -> None:
    filters.check("score > 0.5 and len(flags) = 0 and text like '%star%'")
    filters.check(None)
