"""What each kind of dataset lists."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trawl.config.data import DatasetConfig, StorageConfig
from trawl.corpus import source
from trawl.corpus.files import FileInfo
from trawl.corpus.source import dataset_name, list_videos, reopen
from trawl.errors import DatasetError
from trawl.records.video import VideoFile
from trawl.storage.veil import veil

Put = Callable[[str, bytes], str]
LOCAL = StorageConfig(root="unused")


def folder(uri: str, **settings: Any) -> DatasetConfig:
    return DatasetConfig(kind="folder", uri=uri, **settings)


def ids(config: DatasetConfig, storage: StorageConfig = LOCAL) -> list[str]:
    return [video.video_id for video in list_videos(config, storage)]


def refusal(config: DatasetConfig, storage: StorageConfig = LOCAL) -> str:
    with pytest.raises(DatasetError) as caught:
        list(list_videos(config, storage))
    assert "\n" not in str(caught.value)
    return str(caught.value)


FILES = [
    "a.mp4",
    "cam 1/b.MOV",
    "cam 1/day/c.mkv",
    "empty.webm",
    "notes.txt",
    "cam 1/thumb.jpg",
    "README",
    "d.bin",
]


@pytest.fixture
def corpus(put: Put) -> str:
    for name in FILES:
        put(name, b"" if name.startswith("empty") else name.encode())
    return put("", b"")


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("**/*", ["a.mp4", "cam 1/b.MOV", "cam 1/day/c.mkv", "empty.webm"]),
        ("*", ["a.mp4", "empty.webm"]),
        ("cam*/**/*", ["cam 1/b.MOV", "cam 1/day/c.mkv"]),
        ("**/*.mp4", ["a.mp4"]),
        ("**/*.bin", ["d.bin"]),
        ("cam 1/*.*", ["cam 1/b.MOV", "cam 1/thumb.jpg"]),
        ("[ab].mp4", ["a.mp4"]),
    ],
)
def test_globs(glob: str, expected: list[str], corpus: str, storage_config: StorageConfig) -> None:
    assert sorted(ids(folder(corpus, glob=glob), storage_config)) == expected


def test_a_folders_videos(corpus: str, storage_config: StorageConfig) -> None:
    listing = list_videos(folder(corpus), storage_config)
    videos = {video.video_id: video for video in listing}
    assert videos["cam 1/b.MOV"].uri == f"{corpus}/cam 1/b.MOV"
    assert videos["cam 1/b.MOV"].size_bytes == len("cam 1/b.MOV")
    assert videos["empty.webm"].size_bytes == 0, (
        "an empty file is a row of the ledger, not a file left out"
    )
    assert dict(listing.ignored) == {".txt": 1, ".jpg": 1, "without suffix": 1, ".bin": 1}
    assert {video.video_id: video for video in listing} == videos, "a listing can be read again"


def test_the_demo_lies_in_videos(put: Put, storage_config: StorageConfig) -> None:
    put("videos/train/a.mp4", b"")
    put("truth/a.mp4", b"")
    assert ids(DatasetConfig(kind="demo", uri=put("", b"")), storage_config) == ["train/a.mp4"]


def test_nothing_to_index(tmp_path: Path) -> None:
    assert "cannot be listed: " in refusal(folder(str(tmp_path / "nowhere")))
    assert "holds no video: it does not exist or is empty" in refusal(folder(str(tmp_path)))
    for n in range(3):
        (tmp_path / f"{n}.txt").write_bytes(b"")
    assert "besides, it holds: 3 .txt" in refusal(folder(str(tmp_path)))
    assert "dataset.glob='*.mp4'" in refusal(folder(str(tmp_path), glob="*.mp4"))


def test_an_unknown_kind() -> None:
    assert "did you mean 'folder'?" in refusal(DatasetConfig(kind="foldr", uri="x"))


# Manifests


def manifest(uri: str, **settings: Any) -> DatasetConfig:
    return DatasetConfig(kind="manifest", uri=uri, **settings)


def videos(config: DatasetConfig, storage: StorageConfig = LOCAL) -> dict[str, VideoFile]:
    return {video.video_id: video for video in list_videos(config, storage)}


def test_a_csv_with_metadata(put: Put, storage_config: StorageConfig) -> None:
    for name in ("v/a.mp4", "v/b c.mp4"):
        put(name, b"12")
    text = '\ufeffuri,camera,speed,night,zip,note\nv/a.mp4,front,12.5,true,01234,"two\nlines, ünï"\n./v/b c.mp4,back,-3,False,,\n'
    listed = videos(manifest(put("list.csv", text.encode())), storage_config)
    assert list(listed) == ["v/a.mp4", "v/b c.mp4"]
    assert listed["v/b c.mp4"].uri == put("", b"") + "/v/b c.mp4"
    assert listed["v/a.mp4"].size_bytes == 2
    assert dict(listed["v/a.mp4"].metadata) == {
        "camera": "front",
        "speed": 12.5,
        "night": True,
        "zip": "01234",
        "note": "two\nlines, ünï",
    }
    assert dict(listed["v/b c.mp4"].metadata) == {"camera": "back", "speed": -3, "night": False}


def test_a_parquet_keeps_its_types(put: Put, storage_config: StorageConfig, tmp_path: Path) -> None:
    put("a.mp4", b"")
    seen = datetime(2026, 1, 2, tzinfo=UTC)
    table = pa.table(
        {"file": ["a.mp4"], "id": ["007"], "at": [seen], "tags": [["x", "y"]], "none": [None]}
    )
    pq.write_table(table, tmp_path / "m.parquet")
    uri = put("m.parquet", (tmp_path / "m.parquet").read_bytes())
    listed = videos(manifest(uri, uri_column="file", id_column="id"), storage_config)
    assert dict(listed["007"].metadata) == {"at": seen, "tags": ["x", "y"]}


@pytest.mark.parametrize(
    ("written", "video_id"),
    [
        ("a.mp4", "a.mp4"),
        ("./sub/a.mp4", "sub/a.mp4"),
        ("{home}/a.mp4", "a.mp4"),
        ("file://{home}/a.mp4", "a.mp4"),
        ("/elsewhere/a.mp4", "elsewhere/a.mp4"),
        ("s3://bucket/key/a.mp4", "bucket/key/a.mp4"),
        ("https://host/a.mp4", "host/a.mp4"),
    ],
)
def test_ids_made_from_uris(
    written: str, video_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trawl.corpus import source

    # What lies there is not the question: no request leaves this machine.
    monkeypatch.setattr(
        source, "stat_file", lambda uri, path, _: source.FileInfo(path, uri, 1, "f")
    )
    (tmp_path / "m.csv").write_text("uri\n" + written.format(home=tmp_path) + "\n")
    assert ids(manifest(str(tmp_path / "m.csv"))) == [video_id]


def test_a_missing_file_is_listed_and_costs_only_itself(
    put: Put, storage_config: StorageConfig
) -> None:
    put("a.mp4", b"1")
    listed = videos(manifest(put("m.csv", b"uri,x\ngone.mp4,1\na.mp4,1\n")), storage_config)
    assert listed["gone.mp4"].fingerprint == "missing"
    assert listed["a.mp4"].fingerprint != "missing"


def test_an_edited_row_changes_the_fingerprint(put: Put, storage_config: StorageConfig) -> None:
    put("a.mp4", b"1")
    config = manifest(put("m.csv", b"uri,x\na.mp4,1\n"))
    before = videos(config, storage_config)["a.mp4"].fingerprint
    put("m.csv", b"uri,x\na.mp4,2\n")
    assert videos(config, storage_config)["a.mp4"].fingerprint != before
    put("m.csv", b"uri,x\na.mp4,1\n")
    assert videos(config, storage_config)["a.mp4"].fingerprint == before


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (
            b"url,x\na.mp4,1\n",
            {},
            "dataset.uri_column='uri' is no column of .*; did you mean 'url'",
        ),
        (b"uri,x\na.mp4,1\n", {"id_column": "id"}, "dataset.id_column='id' is no column"),
        (b"uri\na.mp4\nb.mp4\na.mp4\n", {}, "names 1 videos more than once"),
        (b"uri,id\na.mp4,1\nb.mp4,1\n", {"id_column": "id"}, "make its column 'id' unique"),
        (b"uri,x\na.mp4,1\n,2\n", {}, "row 2: uri is empty"),
        (b"uri,x\na.mp4,1,2\n", {}, "line 2: its number of fields"),
        (b"uri,x\na.mp4\n", {}, "line 2: its number of fields"),
        (b"uri\n", {}, "it has no rows"),
        (b"", {}, "dataset.uri_column='uri' is no column"),
        (b"\xff\xfe\x00uri", {}, "neither Parquet nor CSV in UTF-8"),
        (b"PAR1 and then nothing", {}, "is damaged"),
    ],
)
def test_manifests_that_are_refused(
    content: bytes, settings: dict[str, str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "m.csv").write_bytes(content)
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DatasetError, match=message) as caught:
        list(list_videos(manifest(str(tmp_path / "m.csv"), **settings), LOCAL))
    assert "\n" not in str(caught.value)


def test_a_manifest_that_is_not_there(storage_config: StorageConfig, put: Put) -> None:
    put("a.mp4", b"")
    assert "cannot be read as a manifest" in refusal(
        manifest(put("", b"") + "/gone.csv"), storage_config
    )


def test_an_unreachable_server_ends_the_job_where_one_lost_file_does_not(
    s3_endpoint: str, tmp_path: Path
) -> None:
    (tmp_path / "m.csv").write_text("uri\ns3://bucket/a.mp4\n")
    nowhere = StorageConfig(root="x", endpoint="http://127.0.0.1:9", retries=0)
    assert "cannot be reached" in refusal(manifest(str(tmp_path / "m.csv")), nowhere)


# Names


@pytest.mark.parametrize(
    ("uri", "start"),
    [
        ("s3://media/Dash Cam/2026 Spring!/", "2026-spring-"),
        ("/", "dataset-"),
        ("/data/日本/", "dataset-"),
        ("/x/list.csv", "list-"),
    ],
)
def test_names_made_from_uris(uri: str, start: str) -> None:
    name = dataset_name(folder(uri))
    assert name.startswith(start)
    assert len(name) == len(start) + 6
    assert dataset_name(folder(uri)) == name


def test_a_name_belongs_to_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        dataset_name(folder("v"))
        == dataset_name(folder(f"{tmp_path}/v"))
        == dataset_name(folder(f"file://{tmp_path}/v/"))
    )
    assert dataset_name(folder("s3://a/v")) != dataset_name(folder("s3://b/v"))


@pytest.mark.parametrize("name", ["", "..", "a/b", "ä", "-x", "x" * 65, "a b"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(DatasetError, match="cannot name a folder"):
        dataset_name(folder("x", name=name))
    assert dataset_name(folder("x", name="Cats_2.v1")) == "Cats_2.v1"


def test_a_signed_url_is_no_part_of_a_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id and metadata hold no credential, a new signature makes no new video, and the manifest
    opens what is stored.
    """
    found = {}

    def stat(config: DatasetConfig, uri: str, video_id: str, storage: StorageConfig) -> FileInfo:
        found[video_id] = uri
        return FileInfo(video_id, uri, 5, "etag")

    monkeypatch.setattr(source, "_stat", stat)

    def listed(signature: str) -> list[VideoFile]:
        rows = f"uri,thumb\nhttps://u:pw@h/a.mp4?X-Amz-Signature={signature},http://h/t.jpg?sig={signature}\n/b/c?d.mp4,\n"
        (tmp_path / "m.csv").write_text(rows)
        return list(list_videos(config, LOCAL))

    config = DatasetConfig(kind="manifest", uri=str(tmp_path / "m.csv"))
    monday, tuesday = listed("0123456789"), listed("9876543210")
    assert [video.video_id for video in tuesday] == ["h/a.mp4", "b/c?d.mp4"]
    assert [video.fingerprint for video in monday] == [video.fingerprint for video in tuesday]
    assert tuesday[0].metadata == {"thumb": "http://h/t.jpg?***"}
    stored = {video.video_id: veil(video.uri) for video in monday}
    assert stored == {"h/a.mp4": "https://***@h/a.mp4?***", "b/c?d.mp4": "/b/c?d.mp4"}
    assert reopen(config, LOCAL, stored | {"gone": "https://h/gone.mp4?***"}) == {
        "h/a.mp4": "https://u:pw@h/a.mp4?X-Amz-Signature=9876543210",
        "b/c?d.mp4": "/b/c?d.mp4",
        "gone": "https://h/gone.mp4?***",
    }


def test_what_lacks_nothing_is_opened_without_the_dataset() -> None:
    config = DatasetConfig(kind="manifest", uri="/nowhere.csv")
    assert reopen(config, LOCAL, {"a": "/b/a.mp4"}) == {"a": "/b/a.mp4"}


def test_a_folders_user_opens_its_videos() -> None:
    config = DatasetConfig(kind="folder", uri="https://u:pw@h/videos")
    stored = {"a.mp4": "https://***@h/videos/a.mp4"}
    assert reopen(config, LOCAL, stored) == {"a.mp4": "https://u:pw@h/videos/a.mp4"}
    assert dataset_name(config) == dataset_name(
        DatasetConfig(kind="folder", uri="https://h/videos")
    )


def test_urls_that_differ_in_their_query_alone_need_an_id(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("uri\nhttps://h/get?id=1\nhttps://h/get?id=2\n")
    config = DatasetConfig(kind="manifest", uri=str(tmp_path / "m.csv"))
    with pytest.raises(
        DatasetError, match=r"names 1 videos more than once.*dataset\.id_column may name"
    ):
        list(list_videos(config, LOCAL))
