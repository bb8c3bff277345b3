"""The comparison job over evaluations written by hand; no Ray, no torch."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from figures import curve, metric
from rich.console import Console

from trawl import cli
from trawl.compare.job import Compared, run
from trawl.config.data import StorageConfig
from trawl.config.jobs import CompareConfig
from trawl.errors import ConfigError, RunError, UsageError
from trawl.evaluate.results import Evaluation, write_metrics
from trawl.storage import Storage

Compare = Callable[..., Compared]
TRUTH = {"format": "demo", "part": "test", "videos": 20}


def name_of(minute: int) -> str:
    return f"20261121T09{minute:02d}00Z-aaaaaa"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.open(StorageConfig(root=str(tmp_path / "root")))


def make_run(
    storage: Storage,
    minute: int,
    quality: float | None,
    cost: float,
    evaluated: bool = True,
    **more,
) -> str:
    """A run with its evaluation. more: chunk_s, truth, publication, texts, weights, settings."""
    run_id = name_of(minute)
    config = {
        "dataset": {"kind": "demo", "uri": "corpus"},
        "tracking": {"chunk_s": more.get("chunk_s", 8.0)},
        "run_id": run_id,
        "limit": more.get("limit"),
    }
    lineage = {"tracker": f"sam2/x@{more.get('weights', 'ab' * 32)}"}
    record = {
        "job": "track",
        "clips": {"failed": more.get("failed", 0)},
        "config": config,
        "texts": more.get("texts", ["a red star"]),
        "lineage": lineage,
    }
    storage.write_bytes(f"demo/runs/{run_id}/plan.json", b"{}")
    storage.write_bytes(f"demo/runs/{run_id}/run.json", json.dumps(record).encode())
    if evaluated:
        figures = [
            metric("j_and_f", quality, why="no object was seen"),
            metric("cpu_s_per_video_hour", cost, "cost", unit="s", better="lower"),
            metric("hota_masks", 0.5, "tracking"),
        ]
        settings = {"match_iou": 0.1, "worst": minute} | more.get("settings", {})
        found = Evaluation(
            "demo",
            run_id,
            "c0ffee",
            more.get("publication", 1),
            figures,
            [curve()],
            [],
            more.get("truth", TRUTH),
            settings,
        )
        write_metrics(storage, found)
    return run_id


@pytest.fixture
def compare(storage: Storage) -> Compare:
    """Run the job; overrides as on the command line."""

    def call(*overrides: str, console: Console | None = None) -> Compared:
        base = ["+dataset=demo", f"storage.root={storage.root}", "quality=j_and_f", *overrides]
        return run(cli.compose("compare", CompareConfig, base), console or Console(quiet=True))

    return call


def test_two_runs_side_by_side(storage: Storage, compare: Compare) -> None:
    a, b = make_run(storage, 1, 0.5, 100, chunk_s=4.0), make_run(storage, 2, 0.7, 300)
    console = Console(file=io.StringIO(), width=120)
    done = compare(f"runs=[{a},{b}]", console=console)
    assert done.comparison.differing == ("tracking.chunk_s",) and done.comparison.trade.front == (
        1,
        0,
    )
    assert done.comparison.warnings == ()
    folder = Path(done.folder)
    assert folder.parent == Path(storage.root, "demo", "comparisons") and folder.name.endswith(
        "-2-runs"
    )
    assert sorted(path.name for path in folder.iterdir()) == [
        "comparison.csv",
        "comparison.json",
        "index.html",
    ]
    content = json.loads((folder / "comparison.json").read_bytes())
    assert content["front"] == [2, 1] and [one["run_id"] for one in content["runs"]] == [a, b]
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert done.page in printed and "0.700" in printed and a in (folder / "index.html").read_text()


def test_the_table_has_a_row_for_each_run(storage: Storage, compare: Compare) -> None:
    a, b = make_run(storage, 1, None, 100, chunk_s=4.0), make_run(storage, 2, 0.7, 300)
    done = compare(f"runs=[{a},{b}]")
    frame = done.table.to_pandas().set_index("run_id")
    assert frame["tracking.chunk_s"].to_list() == ["4.0", "8.0"] and frame[
        "on_front"
    ].to_list() == [False, True]
    assert frame["masks.j_and_f"].isna().to_list() == [True, False]
    rows = list(csv.DictReader(io.StringIO(Path(done.folder, "comparison.csv").read_text())))
    assert [row["masks.j_and_f"] for row in rows] == ["", "0.7"] and rows[1][
        "cost.cpu_s_per_video_hour"
    ] == "300.0"


def test_latest_is_a_run_and_a_run_counts_once(storage: Storage, compare: Compare) -> None:
    a, b = make_run(storage, 1, 0.5, 100), make_run(storage, 2, 0.7, 300)
    assert [one.run_id for one in compare(f"runs=[{a},latest,{b}]").comparison.entrants] == [a, b]
    with pytest.raises(ConfigError, match="names one run"):
        compare(f"runs=[{b},latest]")


def test_a_run_that_was_not_evaluated_is_told_how_to(storage: Storage, compare: Compare) -> None:
    a, b = make_run(storage, 1, 0.5, 100), make_run(storage, 2, 0.7, 300, evaluated=False)
    with pytest.raises(
        UsageError, match=rf"run={b} was not evaluated: python -m jobs\.evaluate .*run={b}"
    ) as caught:
        compare(f"runs=[{a},{b}]")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ([], "either runs=.* or sweep="),
        (["runs=[a,b]", "sweep=latest"], "either runs=.* or sweep="),
        (["runs=[nothing,latest]"], "run=nothing does not exist"),
        (["sweep=latest"], "no sweep in .* jobs.evaluate"),
    ],
)
def test_mistakes_are_one_line(
    overrides: list[str], says: str, storage: Storage, compare: Compare
) -> None:
    make_run(storage, 1, 0.5, 100)
    with pytest.raises(UsageError, match=says) as caught:
        compare(*overrides)
    assert "\n" not in str(caught.value)


def test_a_metric_that_was_typed_must_be_there(storage: Storage, compare: Compare) -> None:
    runs = f"runs=[{make_run(storage, 1, 0.5, 100)},{make_run(storage, 2, 0.6, 100)}]"
    with pytest.raises(
        ConfigError, match=r"quality=hota_mask was not measured .*did you mean 'hota_masks'"
    ):
        compare(runs, "quality=hota_mask")
    with pytest.raises(ConfigError, match="no metric of these runs"):
        compare(runs, "metrics=[jj]")
    assert (
        compare(runs, "quality=tracking.hota_masks").comparison.trade.quality.name == "hota_masks"
    )  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"publication": 2}, "publication is not the same: 1 .run 1.; 2 .run 2."),
        ({"truth": TRUTH | {"part": "val"}}, "ground truth is not the same: .*part test"),
        ({"texts": ["a blue ring"]}, "list of texts is not the same"),
        ({"limit": 10}, "limit of clips is not the same: none .run 1.; 10 .run 2."),
        ({"failed": 2}, "clips that failed is not the same: 0 .run 1.; 2 .run 2."),
        ({"settings": {"match_iou": 0.3}}, "rule of what counts is not the same"),
    ],
)
def test_what_may_not_compare_is_a_warning(
    change: dict, says: str, storage: Storage, compare: Compare
) -> None:
    runs = f"runs=[{make_run(storage, 1, 0.5, 100)},{make_run(storage, 2, 0.6, 100, **change)}]"
    (warning,) = compare(runs).comparison.warnings
    assert re.search(says, warning)


def test_other_weights_are_a_difference_too(storage: Storage, compare: Compare) -> None:
    a, b = make_run(storage, 1, 0.5, 100), make_run(storage, 2, 0.6, 100, weights="cd" * 32)
    found = compare(f"runs=[{a},{b}]").comparison
    assert (
        found.differing == ("weights.tracker",)
        and found.entrants[1].settings["weights.tracker"] == "sam2/x@cdcdcdcd"
    )


def points(storage: Storage, sweep: str, *some: dict) -> None:
    storage.write_bytes(f"demo/sweeps/{sweep}/points.json", json.dumps(some).encode())


def test_a_sweep_shows_its_runs_and_what_failed(storage: Storage, compare: Compare) -> None:
    ids = [make_run(storage, k, 0.5 + k / 10, 100 * k, chunk_s=float(k)) for k in (1, 2)]
    bare = make_run(storage, 3, None, 1, evaluated=False)
    points(storage, "20261121T090000Z-old", {"overrides": [], "run_id": ids[0]})
    points(
        storage,
        "20261121T100000Z-new",
        *(
            {"overrides": [f"tracking.chunk_s={k}"], "run_id": run_id, "outcome": "done"}
            for k, run_id in enumerate(ids)
        ),
        {
            "overrides": ["tracking.chunk_s=0"],
            "run_id": None,
            "outcome": "failed",
            "message": "too small",
        },
        {"overrides": ["tracking.chunk_s=3"], "run_id": bare, "outcome": "running", "message": ""},
        {"overrides": ["tracking.chunk_s=1"], "run_id": ids[0], "outcome": "done"},
    )
    found = compare("sweep=latest").comparison
    assert [one.run_id for one in found.entrants] == ids
    assert [(one.what, one.why) for one in found.absent] == [
        ("tracking.chunk_s=0", "failed: too small"),
        ("tracking.chunk_s=3", f"interrupted; run {bare} was not evaluated"),
    ]
    assert len(compare("sweep=20261121T090000Z-old").comparison.entrants) == 1
    with pytest.raises(RunError, match="sweep=nope does not exist"):
        compare("sweep=nope")


def test_a_sweep_without_figures_says_how_to_get_them(storage: Storage, compare: Compare) -> None:
    run_id = make_run(storage, 1, None, 1, evaluated=False)
    points(storage, "s", {"overrides": ["a=1"], "run_id": run_id, "outcome": "done"})
    with pytest.raises(
        RunError, match=rf"no evaluated run .*jobs\.evaluate \+dataset=demo run={run_id}"
    ):
        compare("sweep=s")


def test_out_is_a_folder_of_the_users(storage: Storage, compare: Compare, tmp_path: Path) -> None:
    runs = f"runs=[{make_run(storage, 1, 0.5, 100)},{make_run(storage, 2, 0.6, 100)}]"
    done = compare(runs, f"out={tmp_path}/mine")
    assert done.page == f"{tmp_path}/mine/index.html" and Path(done.page).exists()
    assert not Path(storage.root, "demo", "comparisons").exists()


def test_texts_in_a_spreadsheet_do_not_run(storage: Storage, compare: Compare) -> None:
    runs = []
    for minute, text in ((1, "=1+1"), (2, "@x")):
        runs.append(make_run(storage, minute, 0.5, 100))
        path = Path(storage.root, "demo", "runs", runs[-1], "run.json")
        record = json.loads(path.read_text())
        path.write_text(json.dumps(record | {"config": record["config"] | {"text": text}}))
    rows = list(
        csv.DictReader(
            io.StringIO(
                Path(compare(f"runs=[{','.join(runs)}]").folder, "comparison.csv").read_text()
            )
        )
    )
    assert [row["text"] for row in rows] == ["'=1+1", "'@x"]


def test_the_job_imports_neither_ray_nor_torch() -> None:
    code = "import sys, trawl.compare.job; print([m for m in ('ray', 'torch', 'lance') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_line(storage: Storage) -> None:
    runs = f"runs=[{make_run(storage, 1, 0.5, 100)},{make_run(storage, 2, 0.6, 100)}]"
    words = [
        sys.executable,
        "-m",
        "jobs.compare",
        "+dataset=demo",
        f"storage.root={storage.root}",
        runs,
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "J&F ↑" in done.stdout
    done = subprocess.run([*words[:-1], "runs=[x,y]"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "run=x does not exist" in done.stderr
