"""What a night hands to the runs of its standing queries."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from tests.unit.table.conftest import Index
from trawl import cli
from trawl.config import choices
from trawl.config.data import StorageConfig
from trawl.config.jobs import NightlyConfig, TrackConfig
from trawl.models.clip import embedders as registry
from trawl.nightly.standing_queries import ask, questions
from trawl.records.video import Recipe
from trawl.runtime.clock import Deadline
from trawl.storage import Storage
from trawl.table import publish
from trawl.track import job as track


def settings(place: Path, weights: Path) -> NightlyConfig:
    base = [
        "+dataset=folder",
        "dataset.uri=/nowhere",
        "dataset.name=cats",
        f"storage.root={place / 'root'}",
    ]
    return cli.compose(
        "nightly",
        NightlyConfig,
        [*base, "embedder=openclip_b32", "embedder.model=ViT-S-32", f"embedder.weights={weights}"],
    )


@pytest.mark.parametrize("same", [True, False])
def test_weights_that_were_moved_are_found_where_the_night_has_them(
    same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, now = tmp_path / "before.safetensors", tmp_path / "now.safetensors"
    before.write_bytes(b"weights")
    embedder = registry.resolve(settings(tmp_path, before).embedder).identity()
    index = Index(
        Storage.open(StorageConfig(root=str(tmp_path / "root"))),
        recipe=Recipe(embedder, {}, "auto"),
    )
    index.index({"a.mp4": 3})
    publish.publish(index.storage, "cats", index.recipe, None)
    before.rename(now)
    now.write_bytes(b"weights" if same else b"others: a new recipe, not published yet")
    (tmp_path / "red.yaml").write_text('overrides: ["text=red", grounder=fake, tracker=fake]\n')
    monkeypatch.setattr(choices, "standing_folder", lambda: tmp_path)
    runs: list[TrackConfig] = []

    def run(config: TrackConfig, *_: Any) -> SimpleNamespace:
        runs.append(config)
        return SimpleNamespace(stopped="no time")

    monkeypatch.setattr(track, "run", run)
    (question,) = questions(settings(tmp_path, now))
    ask(question, "tonight", Deadline(None), Console(quiet=True))
    assert [config.weights for config in runs] == [str(now) if same else None]
