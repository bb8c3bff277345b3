"""Retrieval measured over a real published index, against numpy on the same vectors.

No Ray, no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest
from little_truth import LittleTruth, thing, video

from trawl.config.data import StorageConfig
from trawl.config.steps import EvaluationConfig, SearchConfig
from trawl.errors import ConfigError, TruthError
from trawl.evaluate.measured import Measured
from trawl.evaluate.retrieval import measure
from trawl.evaluate.retrieval.measure import measure_retrieval
from trawl.index.embed import frames_batch
from trawl.query.published import PublishedIndex
from trawl.records.search import Answer
from trawl.records.truth import TruthQuery
from trawl.records.video import FrameBatch, Probe, Recipe, Status, VideoFile
from trawl.schemas import VIDEOS, frames_schema
from trawl.storage import Storage
from trawl.table import frames, publish
from trawl.table.ledger import open_ledger

DIM, FRAMES = 16, 12
WORDS = ["red", "green", "blue", "lime"]
IDS = [f"cam{n % 2}/{n}.mp4" for n in range(8)]
SEARCH = SearchConfig(templates="none", segments=8)


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def embed_texts(texts: Sequence[str]) -> np.ndarray:
    """A word's own direction; a word it does not know points where no picture does."""
    axes = [
        next((k for k, word in enumerate(WORDS) if word in text.split()), DIM - 1) for text in texts
    ]
    return np.eye(DIM, dtype=np.float32)[axes]


@dataclass
class Little:
    """A published index of eight little videos, and what is seen in them: (video, word) -> frames."""

    index: PublishedIndex
    vectors: np.ndarray  # (8, FRAMES, DIM), as stored
    seen: dict[tuple[int, int], list[int]]

    def truth(self, videos: Sequence[int] = range(8)) -> LittleTruth:
        queries = []
        for word, name in enumerate(WORDS):
            groups = {IDS[n]: ((word,),) for n in videos if self.seen.get((n, word))}
            queries.append(TruthQuery(f"a {name} thing", groups, (f"word={name}",)))
        indexed = [
            video(
                IDS[n],
                [k * 0.5 for k in range(FRAMES)],
                *(thing(w, dict.fromkeys(self.seen.get((n, w), []), 1.0)) for w in range(4)),
                step=5,
            )
            for n in videos
        ]
        return LittleTruth(indexed, queries)


def little(
    root: Path, order: Sequence[int] = range(8), vector_index: dict[str, object] | None = None
) -> Little:
    """Publish the videos in this order of rows; the same vectors for every order."""
    rng = np.random.default_rng(0)
    vectors = unit(rng.standard_normal((8, FRAMES, DIM)))
    vectors[..., DIM - 1] = 0
    visible = {}
    for n in range(8):
        word, first = n % 3, int(rng.integers(0, 6))  # nobody shows lime
        shown = list(range(first, first + 4))
        vectors[n, shown, word] += rng.uniform(0.2, 1.0)
        visible[n, word] = [k * 5 for k in shown]
    vectors = unit(vectors)
    storage = Storage.open(StorageConfig(root=str(root)))
    recipe = Recipe({"model": "x"}, {"policy": "interval"}, "auto")
    uris = {name: storage.table_uri("little", recipe.key, name) for name in ("frames", "videos")}
    schema = frames_schema(DIM)
    frames.create_if_missing(uris["frames"], {}, schema)
    for n in order:
        written = frames.write_fragments(uris["frames"], {}, schema, [rows(n, vectors[n])])
        frames.commit(uris["frames"], {}, written, [IDS[n]], f"k{n}")
    ledger = open_ledger(uris["videos"], {})
    ledger.upsert(pa.Table.from_pylist([ledger_row(n) for n in range(8)], schema=VIDEOS))
    published = publish.publish(storage, "little", recipe, vector_index)
    return Little(
        PublishedIndex(storage, "little", published),
        unit(vectors.astype(np.float16).astype(np.float32)),
        visible,
    )


def rows(n: int, vectors: np.ndarray) -> pa.RecordBatch:
    times = np.arange(FRAMES) * 0.5
    pictures = np.zeros((FRAMES, 2, 2, 3), np.uint8)
    batch = FrameBatch(
        pictures,
        np.arange(FRAMES) * 5,
        times,
        np.full(FRAMES, -1, np.int32),
        np.zeros(FRAMES, bool),
    )
    probe = Probe("mp4", "h264", 8, 8, 0, 10.0, FRAMES * 0.5, times, np.ones(FRAMES, bool))
    return frames_batch(VideoFile(IDS[n], IDS[n], 1, "x"), probe, batch, vectors)


def ledger_row(n: int) -> dict[str, object]:
    return dict.fromkeys(VIDEOS.names) | {
        "video_id": IDS[n],
        "uri": IDS[n],
        "fingerprint": "x",
        "size_bytes": 1,
        "status": Status.INDEXED.value,
        "attempts": 0,
        "duration_s": FRAMES * 0.5,
        "frames_embedded": FRAMES,
        "metadata": "{}",
        "run_id": "r",
        "updated_at": datetime.now(UTC),
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Little:
    return little(tmp_path_factory.mktemp("root"))


def value(
    measured: Measured, name: str, part: str = "all", family: str = "retrieval"
) -> float | None:
    return next(
        m.value for m in measured.metrics if (m.name, m.slice, m.family) == (name, part, family)
    )


def average_precision(scores: np.ndarray, right: np.ndarray) -> float:
    hits = right[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)).mean())


def plain(
    corpus: Little, videos: Sequence[int] = range(8), search: SearchConfig = SEARCH
) -> Measured:
    return measure_retrieval(
        corpus.index, corpus.truth(videos), embed_texts, search, EvaluationConfig()
    )


def test_frames_and_videos_are_ranked_as_numpy_ranks_them(corpus: Little) -> None:
    result = plain(corpus)
    aps: dict[str, list[float]] = {"frame_map": [], "video_max_map": [], "video_mean_map": []}
    firsts = []
    for word in range(3):
        right = np.array(
            [[k * 5 in corpus.seen.get((n, word), []) for k in range(FRAMES)] for n in range(8)]
        )
        scores = corpus.vectors[..., word]
        means = unit(corpus.vectors.mean(axis=1))[:, word]
        aps["frame_map"].append(average_precision(scores.ravel(), right.ravel()))
        aps["video_max_map"].append(average_precision(scores.max(axis=1), right.any(axis=1)))
        aps["video_mean_map"].append(average_precision(means, right.any(axis=1)))
        firsts.append(1 + int((scores > scores[right].max()).sum()))
        assert value(result, "frame_map", f"word={WORDS[word]}") == pytest.approx(
            aps["frame_map"][-1]
        )
    for name, values in aps.items():
        assert 0.2 < np.mean(values) < 1.0, "or it says nothing"
        assert value(result, name) == pytest.approx(np.mean(values))
    assert value(result, "frame_mean_rank") == pytest.approx(np.mean(firsts))
    assert value(result, "frame_recall_at_1") == pytest.approx(
        np.mean([first == 1 for first in firsts])
    )


def test_a_word_that_nothing_shows_is_counted_and_null(corpus: Little) -> None:
    result = plain(corpus)
    lime = [metric for metric in result.metrics if metric.slice == "word=lime"]
    assert lime and all(
        metric.value is None and "none of the 1 texts" in metric.why for metric in lime
    )
    assert value(result, "texts_without_right_frame") == 1
    assert next(metric.count for metric in result.metrics if metric.name == "frame_map") == 3


def test_only_the_annotated_videos_are_ranked(corpus: Little) -> None:
    """Alone with its own video, every thing is found in the first of one."""
    result = plain(corpus, videos=[0])
    assert value(result, "video_mean_recall_at_1") == 1.0
    assert value(result, "video_segment_recall_at_1") == 1.0
    assert (
        next(
            metric.count for metric in result.metrics if metric.name == "annotated_share_of_frames"
        )
        == FRAMES
    )


def test_neither_the_order_of_rows_nor_the_blocks_change_a_figure(
    corpus: Little, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = plain(corpus)
    other = little(tmp_path, order=[5, 1, 7, 0, 2, 6, 3, 4])
    monkeypatch.setattr(measure, "_BLOCK_SCORES", 1)  # a text at a time
    after = plain(other)
    assert after.metrics == before.metrics and after.cases == before.cases
    for metric, two in zip(before.curves, after.curves, strict=True):
        np.testing.assert_array_equal(metric.y, two.y)


def test_search_where_narrows_what_is_evaluated(corpus: Little) -> None:
    result = plain(
        corpus, search=SearchConfig(templates="none", where="array_has(path_parts, 'cam1')")
    )
    assert (
        next(
            metric.count for metric in result.metrics if metric.name == "annotated_share_of_frames"
        )
        == 4 * FRAMES
    )
    assert result.metrics == plain(corpus, videos=[1, 3, 5, 7]).metrics
    with pytest.raises(ConfigError, match="leaves none of the 8 annotated videos"):
        plain(corpus, search=SearchConfig(templates="none", where="duration_s > 100"))
    with pytest.raises(ConfigError, match=r"search\.where"):
        plain(corpus, search=SearchConfig(templates="none", where="duration_s >"))


def test_an_annotated_video_that_is_not_indexed_is_an_error(corpus: Little) -> None:
    truth = corpus.truth()
    more = LittleTruth([*truth.videos(), video("gone.mp4", [0.0])], truth.queries())
    with pytest.raises(TruthError, match=r"gone\.mp4 is in the ground truth and not in the index"):
        measure_retrieval(corpus.index, more, embed_texts, SEARCH, EvaluationConfig())


def test_a_second_look_changes_what_it_finds_and_nothing_else(corpus: Little) -> None:
    """A reranker that likes least what the vectors like best, in answers of one segment from a pool
    of all.
    """

    class Contrary:
        def rerank(self, answer: Answer) -> Answer:
            assert len(answer.segments) > 1, "the pool"
            worst = answer.segments[-1]
            return replace(answer, segments=[replace(worst, rerank_score=0.5)])

    search = replace(SEARCH, segments=1)
    before = measure_retrieval(
        corpus.index, corpus.truth(), embed_texts, search, EvaluationConfig()
    )
    requests = EvaluationConfig(rerank=8)
    after = measure_retrieval(
        corpus.index, corpus.truth(), embed_texts, search, requests, Contrary()
    )  # type: ignore[arg-type]
    assert (
        value(before, "video_segment_recall_at_1") == 1.0
        and value(after, "video_segment_recall_at_1") == 0.0
    )
    assert value(after, "frame_map") == value(before, "frame_map")


def test_misspelt_texts_are_measured_beside_the_others(corpus: Little) -> None:
    result = measure_retrieval(
        corpus.index, corpus.truth(), embed_texts, SEARCH, EvaluationConfig(robustness=["spelling"])
    )
    assert value(result, "frame_map", "clean", "robustness") == value(result, "frame_map")
    misspelt = value(result, "frame_map", "spelling", "robustness")
    assert misspelt is not None and misspelt < value(result, "frame_map"), (
        "this embedder knows no misspelt word"
    )
    assert {metric.family for metric in plain(corpus).metrics} == {"retrieval"}
    assert len(result.cases) == len(plain(corpus).cases)


def test_what_the_vector_index_loses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {
        metric.value
        for metric in plain(little(tmp_path / "a")).metrics
        if metric.name.startswith("ann_recall")
    } == {None}
    corpus = little(tmp_path / "b", vector_index={"type": "IVF_FLAT"})
    assert value(plain(corpus), "ann_recall_at_10") == 1.0, (
        "every frame is read while Lance has no index"
    )
    lance.dataset(corpus.index._frames.uri).create_index(
        "embedding", "IVF_FLAT", num_partitions=8, metric="cosine"
    )
    monkeypatch.setattr(corpus.index, "_frames", lance.dataset(corpus.index._frames.uri))
    few = value(plain(corpus, search=SearchConfig(templates="none", nprobes=1)), "ann_recall_at_10")
    all_of_them = value(
        plain(corpus, search=SearchConfig(templates="none", nprobes=8)), "ann_recall_at_10"
    )
    assert few is not None and few < 1.0 == all_of_them


@pytest.mark.parametrize("texts", [[], ["a red thing"]])
def test_few_texts(corpus: Little, texts: list[str]) -> None:
    truth = corpus.truth()
    few = LittleTruth([*truth.videos()], [item for item in truth.queries() if item.text in texts])
    result = measure_retrieval(corpus.index, few, embed_texts, SEARCH, EvaluationConfig())
    assert (value(result, "frame_map") is None) == (not texts)
