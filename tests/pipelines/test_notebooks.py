"""Every notebook runs from top to bottom over a small demo index and two evaluated runs, and
defines nothing of its own.
"""

import json
from pathlib import Path

import followed
import nbformat
import pytest
from nbclient import NotebookClient
from rich.console import Console

from trawl import cli
from trawl.config.data import StorageConfig
from trawl.config.jobs import EvaluateConfig, IndexConfig
from trawl.evaluate import job as evaluate
from trawl.index import job as index
from trawl.records.tracking import Clip
from trawl.storage import Storage
from trawl.track.job import TrackPlan
from trawl.track.tables import write_clip

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
# Tables and pictures that each shows.
SHOWN = {"01_search": (3, 0), "02_inspect_tracks": (5, 2), "03_compare_runs": (4, 0)}
# run -> seconds of each video that are followed
RUNS = {"20261121T080000Z-bbbbbb": 1.0, followed.RUN: 1.6}


@pytest.fixture(scope="module")
def demo_folder(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `make demo` has been run, but smaller, and two runs have been evaluated."""
    folder = tmp_path_factory.mktemp("notebooks")
    small = [
        "+dataset=demo",
        f"dataset.uri={folder}/corpus",
        "dataset.videos=6",
        f"storage.root={folder}/data",
    ]
    index.run(cli.compose("index", IndexConfig, small), Console(quiet=True))
    storage = Storage.open(StorageConfig(root=f"{folder}/data"))
    for run_id, seconds in RUNS.items():
        clips = followed.follow(folder / "corpus", folder / "data", "demo", seconds, run_id)
        write_plan(storage, run_id, clips, seconds)
        # where nobody follows anything in one of the videos that are judged
        if run_id == followed.RUN:
            lost = next(clip for clip in clips if clip.video_id.startswith("test/"))
            write_clip(storage, "demo", run_id, lost, [], followed.LINEAGE)
        measured = "evaluation.measure=[masks,tracking,end_to_end,cost]"
        config = cli.compose("evaluate", EvaluateConfig, [*small, f"run={run_id}", measured])
        evaluate.run(config, Console(quiet=True))
    return folder


def write_plan(storage: Storage, run_id: str, clips: list[Clip], seconds: float) -> None:
    """What a run of the tracking job leaves beside its tables."""
    folder = f"demo/runs/{run_id}"
    plan = TrackPlan("c0ffee", 1, 0.3, tuple(clips))
    storage.write_bytes(f"{folder}/plan.json", plan.to_json())
    record = json.loads(storage.read_bytes(f"{folder}/run.json"))
    texts = sorted({target.phrase for clip in clips for target in clip.targets})
    spent = {
        "counts": {"frames": 100, "rows": 300},
        "cpu_s": {"track": 60 * seconds},
        "video_s": seconds * len(clips),
    }
    spent |= {
        "seconds": {"work": 50.0, "search": 0.4},
        "clips": {"done": len(clips)},
        "peak_mb": {"track_actor": 900.0},
    }
    made = {
        "published": 1,
        "texts": texts,
        "lineage": {"config_hash": "c0ffee"},
        "config": {"tracking": {"chunk_s": seconds}},
    }
    storage.write_bytes(f"{folder}/run.json", json.dumps(record | spent | made).encode())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path: Path, demo_folder: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), (
        "commit notebooks without outputs"
    )
    assert not any(
        "def " in cell.source or "class " in cell.source
        for cell in notebook.cells
        if cell.cell_type == "code"
    )

    client = NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(demo_folder)}}
    )
    client.execute()
    data = [out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", [])]
    assert (
        sum("text/html" in one for one in data),
        sum("image/png" in one for one in data),
    ) == SHOWN[path.stem]
    assert not any(
        "text/html" in one and "<tbody>\n  </tbody>" in one["text/html"] for one in data
    ), "an empty table"
