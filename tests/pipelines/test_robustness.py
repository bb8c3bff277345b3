"""Perturbed copies on a real local Ray: the same frames at the same times, made once, indexed by
the same recipe.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from small_videos import COLORS, moving_picture, write_moving

from trawl import cli
from trawl.config.data import DecodeConfig, StorageConfig
from trawl.config.jobs import EvaluateConfig, IndexConfig
from trawl.corpus.source import list_videos
from trawl.decode.sandbox import DecodeSandbox
from trawl.draw.video import write_mp4
from trawl.errors import ConfigError, DatasetError
from trawl.evaluate.robustness import measure as robustness
from trawl.index import job as index
from trawl.query.published import PublishedIndex
from trawl.records.tracking import ClipFrames
from trawl.records.truth import Metric
from trawl.storage import Storage
from trawl.table import publish

VIDEOS = ["late.mp4", "plain.mp4", "sub/turned.mp4"]
CLEAN = [
    Metric("masks", "j_and_f", 0.9),
    Metric("masks", "j_and_f", 0.8, slice="pair=unseen"),
    Metric("retrieval", "frame_recall_at_1", 0.7),
    Metric("retrieval", "frame_recall_at_5", 0.9),
    Metric("robustness", "frame_recall_at_1", 0.7, slice="clean"),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain video, one of a variable rate, one that is stored turned, and one that nothing is
    known of.
    """
    folder = tmp_path_factory.mktemp("robust") / "corpus"
    write_moving(folder / "plain.mp4", ["red"], frames=20)
    write_moving(folder / "unknown.mp4", ["blue"], frames=5)
    (folder / "sub").mkdir()
    pictures = [
        np.concatenate([moving_picture(["green"], k), moving_picture(["blue"], k)])
        for k in range(20)
    ]
    ticks = np.cumsum(np.random.default_rng(0).integers(10, 120, 20))
    write_mp4(
        folder / "late.mp4",
        [p[:64] for p in pictures],
        [int(t - ticks[0]) for t in ticks],
        Fraction(1, 1000),
    )
    write_mp4(
        folder / "sub" / "turned.mp4",
        pictures,
        range(20),
        Fraction(1, 10),
        rotation_deg=90,
    )
    return folder


@pytest.fixture(scope="module")
def config(local_ray: None, corpus: Path) -> EvaluateConfig:
    """Settings of an evaluation of the corpus, which is indexed."""
    where = [f"dataset.uri={corpus}", "dataset.name=test", f"storage.root={corpus.parent / 'root'}"]
    models = [
        "embedder=fake",
        "sampling.every_s=0.3",
        "resources.decode_actors=1",
        "resources.embed_actors=1",
    ]
    made = cli.compose(
        "index", IndexConfig, ["+dataset=folder", *where, *models, "table.dtype=float32"]
    )
    index.run(made, Console(quiet=True))
    overrides = [
        "grounder=fake",
        "tracker=fake",
        "resources.decode_actors=1",
        "resources.embed_actors=1",
    ]
    return cli.compose("evaluate", EvaluateConfig, ["+dataset=folder", *where, *overrides])


Measure = Callable[..., list[Metric]]


@pytest.fixture
def seen() -> list[EvaluateConfig]:
    """The settings that were evaluated."""
    return []


@pytest.fixture
def measure(config: EvaluateConfig, seen: list[EvaluateConfig]) -> Measure:
    """Robustness with an evaluation that only notes what it is asked."""

    def call(*words: str, videos: list[str] = VIDEOS, **changed: object) -> list[Metric]:
        def evaluate_one(settings: EvaluateConfig) -> list[Metric]:
            seen.append(settings)
            return [
                Metric("masks", "j_and_f", 0.5),
                Metric("masks", "j_and_f", 0.4, slice="pair=unseen"),
            ]

        settings = replace(
            config, evaluation=replace(config.evaluation, robustness=list(words)), **changed
        )
        return robustness.run(settings, videos, CLEAN, evaluate_one, Console(quiet=True))

    return call


def frames_of(path: str) -> tuple[np.ndarray, np.ndarray]:
    """(frames, times) of a file."""
    with DecodeSandbox(DecodeConfig()) as sandbox:
        batches = [
            item for item in sandbox.clip(path, (-np.inf, np.inf)) if isinstance(item, ClipFrames)
        ]
    return np.concatenate([b.frames for b in batches]), np.concatenate([b.time_s for b in batches])


def rows(settings: EvaluateConfig) -> dict[tuple[str, int], tuple[float, np.ndarray]]:
    """What the published index of a dataset holds: by video and frame its time and embedding."""
    storage, name = Storage.open(settings.storage), str(settings.dataset.name)
    frames, _ = publish.open_tables(storage, name, publish.latest(storage, name))
    table = frames.to_table(columns=["video_id", "frame_index", "time_s", "embedding"]).to_pylist()
    return {
        (r["video_id"], r["frame_index"]): (r["time_s"], np.array(r["embedding"])) for r in table
    }


def test_copies_are_the_videos_but_for_what_was_done_to_them(
    measure: Measure, seen: list[EvaluateConfig], config: EvaluateConfig, corpus: Path
) -> None:
    metrics = measure("noise", "dark-3", "spelling")
    assert [(m.family, m.name, m.slice, m.value) for m in metrics] == [
        ("robustness", "j_and_f", "clean", 0.9),
        ("robustness", "j_and_f", "noise", 0.5),
        ("robustness", "j_and_f", "dark-3", 0.5),
    ]
    assert [s.dataset.name for s in seen] == ["test-noise-2", "test-dark-3"]
    assert all(s.evaluation.robustness == [] and s.grounder == config.grounder for s in seen)
    for settings in seen:
        copies = {
            video.video_id: video.uri for video in list_videos(settings.dataset, settings.storage)
        }
        assert sorted(copies) == VIDEOS
        for video_id, uri in copies.items():
            (clean, times_s), (worse, copied_s) = frames_of(str(corpus / video_id)), frames_of(uri)
            assert worse.shape == clean.shape
            assert np.abs(copied_s - times_s).max() < 1e-5
            assert np.abs(worse.astype(int) - clean).mean() > 3
            if settings is seen[1]:
                assert np.percentile(worse, 99.5) < np.percentile(clean, 99.5) - 20


def test_copies_are_indexed_as_their_originals_were(
    measure: Measure, seen: list[EvaluateConfig], config: EvaluateConfig
) -> None:
    measure("recoded")
    clean = {key: value for key, value in rows(config).items() if key[0] in VIDEOS}
    copied = rows(seen[0])
    assert copied.keys() == clean.keys()
    for key, (time_s, embedding) in copied.items():
        assert time_s == pytest.approx(clean[key][0], abs=1e-5)
        assert embedding @ clean[key][1] > 0.99
    storage = Storage.open(config.storage)
    made, of = (publish.latest(storage, name) for name in ("test-recoded-2", "test"))
    assert made.recipe_key == of.recipe_key
    schemas = [
        publish.open_tables(storage, name, one)[0].schema
        for name, one in (("test-recoded-2", made), ("test", of))
    ]
    assert schemas[0].field("embedding") == schemas[1].field("embedding")


def test_copies_are_made_and_indexed_once(
    measure: Measure, seen: list[EvaluateConfig], config: EvaluateConfig
) -> None:
    measure("recoded")
    folder = Path(config.storage.root) / "test" / "perturbed" / "recoded-2"
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mp4")}
    assert len(before) == 3
    measure("recoded")
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mp4")} == before
    storage = Storage.open(config.storage)
    published = publish.latest(storage, "test-recoded-2")
    assert {
        source.fingerprint
        for source in PublishedIndex(storage, "test-recoded-2", published).sources(VIDEOS).values()
    } == {video.fingerprint for video in list_videos(seen[1].dataset, config.storage)}
    runs = [
        path.read_text()
        for path in (Path(config.storage.root) / "test-recoded-2" / "runs").glob("*/run.json")
    ]
    assert sum('"new": 3' in text for text in runs) == 1, "indexed a second time"


def test_a_video_that_changed_is_copied_anew(
    measure: Measure, seen: list[EvaluateConfig], corpus: Path, config: EvaluateConfig
) -> None:
    path = corpus / "plain.mp4"
    kept = path.read_bytes()
    measure("motion", videos=["plain.mp4"])
    write_moving(path, ["green"], frames=12)
    measure("motion", videos=["plain.mp4"])
    (copy,) = list_videos(seen[1].dataset, config.storage)
    shown, _ = frames_of(copy.uri)
    path.write_bytes(kept)
    assert len(shown) == 12 and shown[5, :16].max(axis=(0, 1))[1] > 120 > COLORS["green"][0]


def test_a_video_whose_pictures_do_not_all_decode_is_refused(
    measure: Measure, corpus: Path
) -> None:
    path = corpus / "plain.mp4"
    kept = path.read_bytes()
    path.write_bytes(kept[: len(kept) // 2] + bytes(200) + kept[len(kept) // 2 + 200 :])
    try:
        with pytest.raises(DatasetError, match=r"plain\.mp4 \(.*leave such videos out"):
            measure("noise-1", videos=["plain.mp4"])
    finally:
        path.write_bytes(kept)


def test_a_video_that_is_not_there_is_named(measure: Measure) -> None:
    with pytest.raises(
        DatasetError, match=r"lacks gone1\.mp4 and 1 more, which the ground truth knows"
    ):
        measure("noise", videos=["gone2.mp4", "plain.mp4", "gone1.mp4"])


def test_no_words_no_work(measure: Measure, seen: list[EvaluateConfig]) -> None:
    assert measure("spelling") == [] and seen == []


def test_a_named_run_has_settings_of_its_own(measure: Measure) -> None:
    with pytest.raises(ConfigError, match=r"robustness=\[blur\] tracks texts .* leave run out"):
        measure("blur", run="latest")


def test_columns_of_a_manifest_go_with_the_copies(
    local_ray: None, config: EvaluateConfig, corpus: Path, tmp_path: Path
) -> None:
    from trawl.config.data import DatasetConfig
    from trawl.evaluate.robustness.copies import copies
    from trawl.evaluate.robustness.perturb import Perturbation

    (tmp_path / "list.csv").write_text(
        f"uri,camera,night\n{corpus}/plain.mp4,7,true\n{corpus}/unknown.mp4,front,\n"
    )
    storage = StorageConfig(root=str(tmp_path / "root"))
    listed = DatasetConfig(kind="manifest", uri=str(tmp_path / "list.csv"))
    ids = [video.video_id for video in list_videos(listed, storage)]
    made = copies(
        listed, "cams", ids, Perturbation("blur", 1), storage, DecodeConfig(), config.resources
    )
    metrics = {video.video_id: dict(video.metadata) for video in list_videos(made, storage)}
    assert metrics == {ids[0]: {"camera": "7", "night": True}, ids[1]: {"camera": "front"}}
