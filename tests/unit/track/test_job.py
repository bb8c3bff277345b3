"""Precision "auto" on two kinds of hardware: what tells their tracks apart, and what must not."""

import json
from dataclasses import asdict, replace

import pytest

from trawl import cli
from trawl.config.jobs import TrackConfig
from trawl.config.models import EmbedderConfig
from trawl.models import precision
from trawl.models.clip import embedders as registry
from trawl.records.video import Recipe
from trawl.table.publish import Published
from trawl.track import job as track
from trawl.track.job import TrackPlan, settings_hash
from trawl.track.task import TrackJob


@pytest.fixture
def config() -> TrackConfig:
    own = ["grounder.model=trawl-demo-clip", "grounder.weights=builtin", "grounder.precision=auto"]
    return cli.compose(
        "track",
        TrackConfig,
        ["+dataset=demo", "text=star", "tracker.precision=auto", "reuse=true", *own],
    )


def job_on(has_bf16: bool, config: TrackConfig, monkeypatch: pytest.MonkeyPatch) -> TrackJob:
    monkeypatch.setattr(precision, "cpu_has", lambda word: has_bf16)
    monkeypatch.setattr(precision, "gpu_major", lambda: None)
    embedder = EmbedderConfig(kind="openclip", model="trawl-demo-clip", weights="builtin")
    recipe = Recipe(registry.resolve(embedder).identity(), {}, "auto")
    published = Published(1, recipe.key, recipe, 1, 1, 1, 1, "2026-01-01T00:00:00+00:00", None, "")
    return track._job(config, published, "demo", ["star"], "run")


def test_two_kinds_of_hardware_share_nothing_that_they_compute(
    config: TrackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, old = (job_on(has, config, monkeypatch) for has in (True, False))
    assert new.reuse and old.reuse
    for stage in ("detected", "propagated", "followed"):
        assert getattr(new.reuse, stage) != getattr(old.reuse, stage), stage
    assert new.reuse.seen == old.reuse.seen, "crops are embedded as the index was, wherever"
    assert (new.lineage.tracker.split()[1], old.lineage.tracker.split()[1]) == ("bf16", "fp32")
    assert (new.lineage.grounder.split()[1], old.lineage.grounder.split()[1]) == ("bf16", "fp32")
    assert new.lineage.embedder == old.lineage.embedder
    assert new.lineage.config_hash != old.lineage.config_hash
    typed = track._with_precisions(config, "bf16", "bf16")
    assert job_on(False, typed, monkeypatch).reuse == new.reuse, (
        "auto and the word that it came to are one"
    )


def test_a_run_goes_on_in_the_precision_that_it_began_with(
    config: TrackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = job_on(True, config, monkeypatch)
    plan = TrackPlan(settings_hash(config, ["star"]), 1, None, (), track._precisions(begun))
    plan = TrackPlan.from_json(plan.to_json())
    elsewhere = job_on(False, track._as_begun(config, plan), monkeypatch)
    assert elsewhere.lineage == begun.lineage
    assert elsewhere.reuse == begun.reuse
    asked = replace(config, tracker=replace(config.tracker, precision="fp32"))
    assert track._as_begun(asked, plan).tracker.precision == "fp32", "a word is a word"
    earlier = {name: value for name, value in asdict(plan).items() if name != "precisions"}
    old = TrackPlan.from_json(json.dumps(earlier).encode())
    assert track._as_begun(config, old) == track._as_begun(config, None) == config


def test_hardware_makes_no_other_query_of_a_standing_one(
    config: TrackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = set()
    for has in (True, False):
        job_on(has, config, monkeypatch)
        hashes.add(settings_hash(config, ["star"]))
    assert len(hashes) == 1
