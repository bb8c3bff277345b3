"""The evaluation job on a real local Ray: what it follows and measures, that it says the same
twice, and what it refuses.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from moving_corpus import index_moving, where
from rich.console import Console
from small_videos import COLORS, moving_picture

from trawl import cli, masks
from trawl.config.jobs import EvaluateConfig
from trawl.errors import ConfigError, RunError, TruthError
from trawl.evaluate import job as evaluate
from trawl.evaluate.job import EvaluationOutcome

Evaluate = Callable[..., EvaluationOutcome]
VIDEOS = {"red.mp4": ["red"], "both.mp4": ["red", "blue"]}


@pytest.fixture(scope="module")
def folder(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of moving squares, their exact truth as YouTube-VIS, and their published index."""
    indexed = index_moving(tmp_path_factory.mktemp("judged"), VIDEOS)
    (indexed / "truth.json").write_text(json.dumps(truth()))
    return indexed


def truth() -> dict:
    """Category 1 is red and 2 is blue."""
    content: dict = {"videos": [], "annotations": [], "categories": []}
    content["categories"] = [
        {"id": number, "name": color} for number, color in ((1, "red"), (2, "blue"))
    ]
    for video, (name, colors) in enumerate(VIDEOS.items(), 1):
        names = [f"{Path(name).stem}/{n:05d}.jpg" for n in range(30)]
        content["videos"].append(
            {
                "id": video,
                "name": name,
                "width": 64,
                "height": 64,
                "length": 30,
                "file_names": names,
            }
        )
        for color in colors:
            truth_masks = [
                (moving_picture(colors, n) == COLORS[color]).all(axis=-1) for n in range(30)
            ]
            coded = [
                {"size": [64, 64], "counts": masks.encode(np.ascontiguousarray(mask))}
                for mask in truth_masks
            ]
            one = {
                "id": len(content["annotations"]) + 1,
                "video_id": video,
                "category_id": 1 + (color == "blue"),
            }
            one |= {
                "segmentations": coded,
                "areas": [196] * 30,
                "bboxes": [None] * 30,
                "iscrowd": 0,
            }
            content["annotations"].append(one)
    return content


@pytest.fixture
def judge(folder: Path) -> Evaluate:
    """Run the evaluation job with fake models; overrides as on the command line."""

    def call(*overrides: str, console: Console | None = None) -> EvaluationOutcome:
        base = [
            *where(folder),
            "dataset.truth.format=ytvis",
            f"dataset.truth.uri={folder / 'truth.json'}",
        ]
        base += ["grounder=fake", "tracker=fake", "resources.track_actors=1", "tracking.chunk_s=1"]
        config = cli.compose("evaluate", EvaluateConfig, [*base, *overrides])
        return evaluate.run(config, console or Console(quiet=True))

    return call


def figures(outcome: EvaluationOutcome, *but: str) -> dict[tuple[str, str], float | None]:
    wanted = (one for one in outcome.evaluation.metrics if one.family not in but)
    return {(one.name, one.slice): one.value for one in wanted}


def test_the_truths_own_texts_are_followed_and_judged(judge: Evaluate, folder: Path) -> None:
    outcome = judge()
    values = figures(outcome)
    assert values["found", "all"] == values["found_in_corpus", "all"] == 1
    assert values["frame_recall_at_1", "all"] == 1
    assert outcome.objective == values["hota_masks", "all"] > 0.8
    assert values["false_tracks_per_segment", "all"] == 0
    run = folder / "root/test/runs" / outcome.evaluation.run_id
    assert sorted(json.loads((run / "run.json").read_text())["texts"]) == ["blue", "red"]
    written = pq.read_table(run / "evaluation/metrics.parquet").to_pylist()
    assert {(row["metric"], row["slice"]): row["value"] for row in written} == values
    assert (run / "evaluation/index.html").exists()


def test_equal_runs_give_equal_figures(judge: Evaluate) -> None:
    first, second = judge(), judge()
    assert first.evaluation.run_id != second.evaluation.run_id
    assert figures(first, "cost") == figures(second, "cost")
    again = judge(f"run={first.evaluation.run_id}")
    assert figures(again) == figures(first)


def test_what_was_not_followed_is_missed(judge: Evaluate) -> None:
    values = figures(
        judge("grounder.min_score=1", "evaluation.measure=[masks,tracking,end_to_end]")
    )
    assert (values["found", "all"], values["j_and_f", "all"], values["hota_masks", "all"]) == (
        0,
        0,
        0,
    )
    assert values["identity_kept", "all"] is None


def test_retrieval_alone_follows_nothing(judge: Evaluate, folder: Path) -> None:
    outcome = judge("evaluation.measure=[retrieval]")
    assert {one.family for one in outcome.evaluation.metrics} == {"retrieval"}
    assert outcome.objective is None
    run = json.loads(
        (folder / "root/test/runs" / outcome.evaluation.run_id / "run.json").read_text()
    )
    assert run["clips"] == {"planned": 0, "finished_before": 0}


def test_a_wrong_setting_costs_no_tracking(judge: Evaluate, folder: Path) -> None:
    before = sorted((folder / "root/test/runs").iterdir())
    with pytest.raises(ConfigError, match=r"objective=hota is not a metric: did you mean 'hota_"):
        judge("evaluation.objective=hota")
    with pytest.raises(
        ConfigError, match=r"evaluation\.measure=mask is not known: did you mean 'masks'"
    ):
        judge("evaluation.measure=[mask]")
    with pytest.raises(TruthError):
        judge("dataset.truth.format=null")
    with pytest.raises(RunError, match="run=nosuch does not exist"):
        judge("run=nosuch")
    assert sorted((folder / "root/test/runs").iterdir()) == before


def test_a_truth_of_other_videos_is_refused(judge: Evaluate, folder: Path) -> None:
    other = truth()
    other["videos"][0] |= {"width": 32}
    for one in other["annotations"]:
        for coded in one["segmentations"]:
            coded["size"] = [64, other["videos"][one["video_id"] - 1]["width"]]
    (folder / "other.json").write_text(json.dumps(other))
    with pytest.raises(TruthError, match=r"red\.mp4"):
        judge(f"dataset.truth.uri={folder / 'other.json'}")
