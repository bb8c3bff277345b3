"""Every notebook runs from top to bottom over a small demo index, and defines nothing of its own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from rich.console import Console

from trawl import cli
from trawl.config import IndexConfig
from trawl.pipelines import index

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def demo_index(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `make demo` has been run, but smaller."""
    folder = tmp_path_factory.mktemp("notebooks")
    small = [f"dataset.uri={folder}/corpus", "dataset.videos=6", f"storage.root={folder}/data"]
    config = cli.compose("index", IndexConfig, ["+dataset=demo", *small])
    index.run(config, Console(quiet=True))
    return folder


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path: Path, demo_index: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit notebooks without outputs"
    assert not any(
        "def " in cell.source or "class " in cell.source for cell in notebook.cells if cell.cell_type == "code"
    )

    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(demo_index)}})
    client.execute()
    tables = [out for cell in notebook.cells for out in cell.get("outputs", []) if "text/html" in out.get("data", {})]
    assert len(tables) == 3
