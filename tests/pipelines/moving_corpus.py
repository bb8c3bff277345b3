"""A folder with videos of moving squares and their published index, by fake models."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from small_videos import write_moving

from trawl import cli
from trawl.config.jobs import IndexConfig
from trawl.index import job as index


def where(folder: Path) -> list[str]:
    """The overrides that any job over it takes; the last one names the storage."""
    named = ["+dataset=folder", f"dataset.uri={folder / 'corpus'}", "dataset.name=test"]
    return [*named, f"storage.root={folder / 'root'}"]


def index_moving(folder: Path, videos: Mapping[str, list[str]]) -> Path:
    """Write and index them.

    Args:
        videos: the colours of the squares of each.
    """
    for name, colors in videos.items():
        write_moving(folder / "corpus" / name, colors)
    overrides = [
        "embedder=fake",
        "sampling.every_s=0.5",
        "resources.decode_actors=1",
        "resources.embed_actors=1",
    ]
    index.run(cli.compose("index", IndexConfig, [*where(folder), *overrides]), Console(quiet=True))
    return folder
