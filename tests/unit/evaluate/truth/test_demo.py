"""The demo's ground truth is what the generator drew, read from its Parquet files alone."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trawl import cli, masks
from trawl.config.data import DatasetConfig, StorageConfig, TruthConfig
from trawl.config.jobs import IndexConfig
from trawl.demo import corpus, words
from trawl.demo.plan import plan_video
from trawl.errors import TruthError
from trawl.evaluate.truth import Truth, open_truth, trackable

VIDEOS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus.ensure(tmp_path_factory.mktemp("demo") / "corpus", seed=43, videos=VIDEOS)


def opened(folder: Path, part: str | None = None, unseen: tuple[str, ...] = ()) -> Truth:
    truth = TruthConfig(format="demo", part=part, unseen=list(unseen))
    return open_truth(
        DatasetConfig(kind="demo", uri=str(folder), truth=truth), StorageConfig(root="unused")
    )


def test_every_frame_has_its_true_time_and_size(folder: Path) -> None:
    truth = opened(folder)
    assert truth.whole and len(truth.video_ids()) == VIDEOS
    for index in range(VIDEOS):
        plan = plan_video(43, index)
        video = truth.video(plan.video_id)
        assert (video.height, video.width) == plan.size
        assert video.frame_index.tolist() == list(range(len(plan.ticks)))
        assert np.allclose(video.time_s, plan.times_s, rtol=0, atol=1e-9)
        said = truth.stated(plan.video_id)
        assert (said.num_frames, said.width, said.height) == (
            len(plan.ticks),
            video.width,
            video.height,
        )
        assert said.fps == pytest.approx(plan.fps) and said.masks and said.identities


def test_objects_are_the_rows_of_the_table(folder: Path) -> None:
    truth = opened(folder)
    rows = pq.read_table(folder / "truth" / "objects.parquet").to_pylist()
    read = {
        (video.video_id, item.object_id, int(frame)): (
            item.boxes[k].tolist(),
            item.rles[k],
            float(item.visibility[k]),
        )
        for video in truth.videos()
        for item in video.objects
        for k, frame in enumerate(item.frame_index)
    }
    expected = {
        (row["video_id"], row["object_id"], row["frame_index"]): (
            row["box"],
            row["rle"],
            row["visibility"],
        )
        for row in rows
    }
    assert read == expected
    video = truth.video(rows[0]["video_id"])
    for item in video.objects:
        assert item.names[1] in item.names[2] and item.names[0] in item.names[1]
        assert masks.bounding_box(
            masks.decode(str(item.rles[0]), video.height, video.width)
        ) == tuple(item.boxes[0])


def test_frames_without_an_object_are_annotated_too(folder: Path, tmp_path: Path) -> None:
    """Rows are taken away, so that a stretch of a variable-rate video and its end have none."""
    video_id = "test/0007.mp4"
    assert plan_video(43, 7).variable_rate
    (tmp_path / "truth").mkdir()
    for name in ("objects", "videos"):
        table = pq.read_table(folder / "truth" / f"{name}.parquet")
        if name == "objects":
            frame = table["frame_index"].to_numpy()
            table = table.filter(~(((frame > 20) & (frame < 24)) | (frame > 100)))
        pq.write_table(table, tmp_path / "truth" / f"{name}.parquet")
    video, times = opened(tmp_path).video(video_id), np.array(plan_video(43, 7).times_s)
    assert len(video.time_s) == len(times) and np.all(np.diff(video.time_s) > 0)
    indexed = np.r_[0:21, 24:101, len(times) - 1]
    assert np.allclose(video.time_s[indexed], times[indexed], rtol=0, atol=1e-9)
    assert np.all((video.time_s[21:24] > times[20]) & (video.time_s[21:24] < times[24]))


def test_a_part_is_all_there_is(folder: Path) -> None:
    truth = opened(folder, "test")
    assert (
        truth.video_ids() == ["test/0005.mp4", "test/0006.mp4", "test/0007.mp4"] and not truth.whole
    )
    with pytest.raises(KeyError):
        truth.video("train/0000.mp4")
    assert all(
        video_id in truth.video_ids() for query in truth.queries() for video_id in query.groups
    )


def test_queries_are_right_by_a_plain_look_at_the_rows(folder: Path) -> None:
    queries = {query.text: query for query in opened(folder).queries()}
    assert list(queries) == sorted(queries)
    rows = [
        row
        for row in pq.read_table(folder / "truth" / "objects.parquet").to_pylist()
        if row["area"]
    ]
    nouns = {
        "pair": "{color} {shape}",
        "size": "{size} {color} {shape}",
        "colour": "{color} thing",
        "shape": "{shape}",
    }
    visible: dict[str, dict[str, set[int]]] = {}
    for row in rows:
        for kind, noun in nouns.items():
            text = words.describe([noun.format(**row)]).replace("a hourglass", "an hourglass")
            visible.setdefault(f"{kind}:{text}", {}).setdefault(row["video_id"], set()).add(
                row["object_id"]
            )
    single = {
        f"{query.slices[0].removeprefix('kind=')}:{text}": {
            v: set(groups[0]) for v, groups in query.groups.items()
        }
        for text, query in queries.items()
        if "things=1" in query.slices
    }
    assert single == visible
    assert {query.text for query in trackable(list(queries.values()))} == {
        key.removeprefix("pair:") for key in visible if key.startswith("pair:")
    }


def test_what_is_never_seen_is_not_asked_for(folder: Path, tmp_path: Path) -> None:
    """Every frame of one video hides one of its objects: its rows stay, and no query names it
    there.
    """
    table = pq.read_table(folder / "truth" / "objects.parquet")
    rows = table.to_pylist()
    hidden = rows[0]["video_id"], rows[0]["object_id"]
    for row in rows:
        if (row["video_id"], row["object_id"]) == hidden:
            row.update(area=0, visibility=0.0, box=[0, 0, 0, 0])
    (tmp_path / "truth").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, table.schema), tmp_path / "truth" / "objects.parquet")
    pq.write_table(
        pq.read_table(folder / "truth" / "videos.parquet"), tmp_path / "truth" / "videos.parquet"
    )
    truth = opened(tmp_path)
    assert hidden[1] in {item.object_id for item in truth.video(hidden[0]).objects}
    named = {
        (v, number)
        for q in truth.queries()
        for v, groups in q.groups.items()
        for group in groups
        for number in group
    }
    assert hidden not in named and named


def test_two_things_are_asked_for_where_they_are_seen_together(folder: Path) -> None:
    rows = pq.read_table(folder / "truth" / "objects.parquet").to_pylist()
    frames: dict[tuple[str, int], dict[int, dict]] = {}
    for row in rows:
        if row["area"]:
            frames.setdefault((row["video_id"], row["frame_index"]), {})[row["object_id"]] = row
    twos = {query.text: query for query in opened(folder).queries() if "things=2" in query.slices}
    assert twos
    clear, together = set(), set()
    for (video_id, _), present in frames.items():
        for a in present.values():
            for b in present.values():
                names = [f"{row['color']} {row['shape']}" for row in (a, b)]
                if names == sorted(names) and names[0] != names[1]:
                    text = words.describe(names)
                    together.add((text, video_id))
                    if min(a["visibility"], b["visibility"]) >= 0.6:
                        clear.add(text)
    assert set(twos) == clear
    assert {(text, v) for text, q in twos.items() for v in q.groups} == {
        pair for pair in together if pair[0] in clear
    }
    assert all(
        len(groups) == 2 and all(groups) for q in twos.values() for groups in q.groups.values()
    )


def test_the_settings_name_the_pairs_that_training_left_out(folder: Path) -> None:
    config = cli.compose("index", IndexConfig, ["+dataset=demo"]).dataset
    assert config.truth.part == "test"
    assert set(config.truth.unseen) == {words.name(*pair) for pair in words.UNSEEN}
    novel = {"kind=pair", "pair=unseen"}
    result = {
        q.text
        for q in opened(folder, None, tuple(config.truth.unseen)).queries()
        if novel <= set(q.slices)
    }
    drawn = {
        words.name(t.color, t.shape) for k in range(VIDEOS) for t in plan_video(43, k).scene.things
    }
    assert (
        result == {words.describe([name]) for name in drawn & set(config.truth.unseen)} and result
    )
    twos = [
        q
        for q in opened(folder, None, tuple(config.truth.unseen)).queries()
        if "kind=two" in q.slices
    ]
    for query in twos:
        one_new = any(text in result for text in query.text.split(" and "))
        assert ("pair=unseen" in query.slices) == one_new and (
            "pair=seen" in query.slices
        ) != one_new
    assert {q.slices[-1] for q in twos} == {"pair=seen", "pair=unseen"}
    assert not any(s.startswith("pair=") for q in opened(folder).queries() for s in q.slices), (
        "unknown is not seen"
    )


def test_what_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=r"videos.parquet|objects.parquet"):
        opened(tmp_path)
    with pytest.raises(TruthError, match=r"part=tets.*did you mean 'test'"):
        opened(folder, "tets")
    with pytest.raises(TruthError, match="no ground truth"):
        open_truth(DatasetConfig(kind="demo", uri=str(folder)), StorageConfig(root="unused"))
