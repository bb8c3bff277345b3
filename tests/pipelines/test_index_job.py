"""The index job on a real local Ray: what is embedded when, what a bad or dying part costs, and
what readers see.
"""

import json
import shutil
from collections import Counter
from pathlib import Path

import lance
import numpy as np
import pytest
import ray
from dying_actors import (
    BuggyDecodeActor,
    DyingDecodeActor,
    FullDiskWriterActor,
    RefusingDecodeActor,
    dying_embed_actor,
)
from small_videos import IndexJob, write_video

from trawl.config.data import StorageConfig
from trawl.errors import ConfigError, DatasetError, IndexMissingError, StorageError
from trawl.exits import EXIT_OK, EXIT_SOME_FAILED
from trawl.records.video import Reason
from trawl.storage import Storage
from trawl.table import publish


def rows(tmp_path: Path) -> list[tuple[str, int]]:
    """(video_id, frame_index) of every row that queries read, sorted."""
    storage = Storage.open(StorageConfig(root=str(tmp_path / "root")))
    frames, _ = publish.open_tables(storage, "test", publish.latest(storage, "test"))
    table = frames.to_table(columns=["video_id", "frame_index"])
    return sorted(zip(table["video_id"].to_pylist(), table["frame_index"].to_pylist()))


def ledger(tmp_path: Path) -> dict[str, dict]:
    storage = Storage.open(StorageConfig(root=str(tmp_path / "root")))
    _, videos = publish.open_tables(storage, "test", publish.latest(storage, "test"))
    return {row["video_id"]: row for row in videos.to_table().to_pylist()}


EVERY_FIFTH = {
    "a/green.mp4": range(0, 30, 2),
    "a/red.mp4": range(0, 20, 2),
    "b/blue.mp4": range(0, 10, 2),
}


def test_first_run_indexes_everything_and_says_what_it_did(index: IndexJob, tmp_path: Path) -> None:
    run = index()
    assert run.exit_code == EXIT_OK
    assert run.outcomes == {"indexed": 3}
    assert run.published == 1
    assert rows(tmp_path) == [(video, i) for video, frames in EVERY_FIFTH.items() for i in frames]
    row = ledger(tmp_path)["a/red.mp4"]
    assert (row["status"], row["codec"], row["width"], row["frames_embedded"], row["attempts"]) == (
        "indexed",
        "h264",
        64,
        10,
        0,
    )
    written = json.loads((tmp_path / "root/test/runs" / run.run_id / "run.json").read_text())
    assert written["outcomes"] == {"indexed": 3}
    assert written["frames"]["embedded"] == 30
    assert set(written["seconds"]) == {
        "prepare",
        "plan",
        "start_up",
        "work",
        "shut_down",
        "publish",
    }
    assert written["config"]["sampling"]["every_s"] == 0.2


def test_embeddings_are_of_the_pictures_and_times_are_true(index: IndexJob, tmp_path: Path) -> None:
    index()
    frames = lance.dataset(next((tmp_path / "root/test/index").glob("*/frames.lance")))
    table = frames.to_table(filter="video_id = 'a/red.mp4'").sort_by("frame_index")
    assert table["time_s"].to_pylist() == pytest.approx(np.arange(0, 2, 0.2))
    vectors = np.array(table["embedding"].to_pylist())
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-2)
    likeness = vectors @ vectors[0]
    assert likeness[:5].min() > 0.99 and likeness[5:].max() < 0.9  # red for a second, then gray


def test_second_run_embeds_nothing_and_starts_no_actor(index: IndexJob) -> None:
    index()
    # which sampling=interval does not read
    again = index("sampling.max_gap_s=3", "sampling.scene_threshold=9")
    assert (again.exit_code, again.published, again.frames) == (EXIT_OK, 1, {})
    assert again.plan["unchanged"] == 3
    assert "start_up" not in again.seconds


def test_only_what_changed_is_embedded(index: IndexJob, corpus: Path, tmp_path: Path) -> None:
    index()
    write_video(corpus / "c" / "new.mp4", ["green"])
    write_video(corpus / "b" / "blue.mp4", ["blue", "red"])
    (corpus / "a" / "green.mp4").unlink()
    shutil.move(corpus / "a" / "red.mp4", corpus / "a" / "renamed.mp4")
    run = index()
    assert {k: v for k, v in run.plan.items() if v} == {"new": 2, "changed": 1, "removed": 2}
    assert run.published == 2
    counts = Counter(video for video, _ in rows(tmp_path))
    assert counts == {"a/renamed.mp4": 10, "b/blue.mp4": 10, "c/new.mp4": 5}
    assert ledger(tmp_path)["a/green.mp4"]["status"] == "removed"


def test_bad_files_cost_themselves_only(index: IndexJob, corpus: Path, tmp_path: Path) -> None:
    (corpus / "text.mp4").write_text("not a video")
    (corpus / "zero.mp4").touch()
    run = index()
    assert run.exit_code == EXIT_SOME_FAILED
    assert run.outcomes == {"indexed": 3, "failed": 2}
    assert run.failures == {"not_a_video": 1, "empty_file": 1}
    assert {video for video, _ in rows(tmp_path)} == set(EVERY_FIFTH)
    known = ledger(tmp_path)
    assert (known["text.mp4"]["status"], known["text.mp4"]["reason"]) == ("failed", "not_a_video")


def test_failed_videos_wait_for_retry_and_end_in_quarantine(
    index: IndexJob, corpus: Path, tmp_path: Path
) -> None:
    (corpus / "text.mp4").write_text("not a video")
    index()
    left_alone = index()
    assert (left_alone.exit_code, left_alone.plan["failed"]) == (EXIT_OK, 1)
    assert index("retry=failed").outcomes == {"failed": 1}
    assert index("retry=not_a_video").outcomes == {"failed": 1}
    assert ledger(tmp_path)["text.mp4"]["status"] == "quarantined"
    assert index("retry=failed").plan["quarantined"] == 1
    write_video(corpus / "text.mp4", ["red"])
    assert index().outcomes == {"indexed": 1}
    assert ledger(tmp_path)["text.mp4"]["attempts"] == 0


def test_spans_of_a_long_video_give_the_rows_of_the_whole(
    index: IndexJob, corpus: Path, tmp_path: Path
) -> None:
    shutil.rmtree(corpus)
    write_video(corpus / "long.mp4", ["red", "green", "blue", "gray", "red"], seconds_each=1.3)
    index("decode.span_s=1.5", "resources.decode_actors=2")
    assert rows(tmp_path) == [("long.mp4", i) for i in range(0, 65, 2)]
    assert ledger(tmp_path)["long.mp4"]["frames_embedded"] == 33


def test_another_recipe_builds_beside_the_old_one(index: IndexJob, tmp_path: Path) -> None:
    first = index()
    second = index("sampling.every_s=0.5")
    assert second.recipe != first.recipe
    assert second.plan["new"] == 3
    assert len(rows(tmp_path)) == 12
    assert index("rollback=1").published == 3
    assert len(rows(tmp_path)) == 30


def test_limit_takes_a_part_and_the_next_run_the_rest(index: IndexJob) -> None:
    assert index("limit=1").outcomes == {"indexed": 1}
    assert index().outcomes == {"indexed": 2}


def test_small_commits_give_the_same_rows(index: IndexJob, tmp_path: Path) -> None:
    index("table.commit_rows=1")
    assert rows(tmp_path) == [(video, i) for video, frames in EVERY_FIFTH.items() for i in frames]


def test_a_dead_decode_actor_is_replaced_and_the_video_repeated(
    index: IndexJob, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trawl.index.fleet.DecodeActor", DyingDecodeActor)
    (corpus / "a" / "red.kill").write_text("1")
    run = index()
    assert run.outcomes == {"indexed": 3}
    assert rows(tmp_path) == [(video, i) for video, frames in EVERY_FIFTH.items() for i in frames]


def test_a_video_that_kills_three_actors_is_a_row_and_costs_no_other(
    index: IndexJob, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trawl.index.fleet.DecodeActor", DyingDecodeActor)
    (corpus / "a" / "red.kill").write_text("99")
    run = index()
    assert run.outcomes == {"indexed": 2, "failed": 1}
    assert ledger(tmp_path)["a/red.mp4"]["reason"] == Reason.WORKER_DIED
    (corpus / "a" / "red.kill").unlink()
    # a reason that passes is tried again without being asked
    assert index().outcomes == {"indexed": 1}


def test_a_dead_embedder_is_replaced_and_no_video_is_blamed(
    index: IndexJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "die"
    marker.touch()
    monkeypatch.setattr("trawl.index.fleet.EmbedActor", dying_embed_actor(marker))
    run = index()
    assert run.outcomes == {"indexed": 3}
    assert not marker.exists()
    assert rows(tmp_path) == [(video, i) for video, frames in EVERY_FIFTH.items() for i in frames]


def test_a_crash_between_rows_and_ledger_doubles_nothing(
    index: IndexJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("trawl.table.ledger.Ledger.upsert", crash)
        with pytest.raises(KeyboardInterrupt):
            index()
    storage = Storage.open(StorageConfig(root=str(tmp_path / "root")))
    with pytest.raises(IndexMissingError):
        publish.latest(storage, "test")  # half a night is never shown
    assert index().outcomes == {"indexed": 3}
    assert rows(tmp_path) == [(video, i) for video, frames in EVERY_FIFTH.items() for i in frames]


def test_a_bug_in_a_worker_ends_the_job_with_its_traceback(
    index: IndexJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trawl.index.fleet.DecodeActor", BuggyDecodeActor)
    with pytest.raises(ray.exceptions.RayTaskError, match="ours"):
        index()


def test_a_full_disk_is_one_line(index: IndexJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trawl.index.fleet.WriterActor", FullDiskWriterActor)
    with pytest.raises(StorageError, match="no space is left") as caught:
        index()
    assert "\n" not in str(caught.value)


def test_a_video_error_keeps_its_reason_across_processes(
    index: IndexJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trawl.index.fleet.DecodeActor", RefusingDecodeActor)
    run = index()
    assert run.failures == {"unreadable": 3}
    assert ledger(tmp_path)["b/blue.mp4"]["message"] == "the bucket said no"


@pytest.mark.parametrize(
    ("overrides", "error", "words"),
    [
        (["retry=corupt"], ConfigError, "corrupt"),
        (["dataset.uri=/no/such/folder"], DatasetError, "/no/such/folder"),
        (["resources.embed_gpus=1"], ConfigError, "GPU"),
        (["resources.decode_actors=9"], ConfigError, "resources.decode_actors"),
        (["rollback=7"], IndexMissingError, "7"),
    ],
)
def test_wrong_settings_end_before_work(
    index: IndexJob, tmp_path: Path, overrides: list[str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        index(*overrides)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "root").glob("*/index/published/*"))


def test_a_dataset_that_is_not_there_leaves_nothing_behind(index: IndexJob, tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        index("dataset.uri=/no/such/folder")
    assert not list((tmp_path / "root").glob("*/index"))


def test_a_new_recipe_is_not_shown_half_built(
    index: IndexJob, corpus: Path, tmp_path: Path
) -> None:
    """Queries read the old one night after night, until the new one is whole; then it is shown, and
    can be taken back.
    """
    index()
    before = rows(tmp_path)
    part = index("sampling.every_s=0.5", "limit=1")
    assert (part.outcomes, part.published, part.awaited) == ({"indexed": 1}, 1, 2)
    assert rows(tmp_path) == before
    part = index("sampling.every_s=0.5", "limit=1")
    assert (part.plan["unchanged"], part.published, part.awaited) == (1, 1, 1)
    assert rows(tmp_path) == before
    whole = index("sampling.every_s=0.5")
    assert (whole.outcomes, whole.published, whole.awaited) == ({"indexed": 1}, 2, 0)
    assert len(rows(tmp_path)) == 12
    assert index("rollback=1").published == 3
    assert rows(tmp_path) == before
