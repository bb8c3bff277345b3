"""Listing and fetching files at any URI."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from botocore.exceptions import ClientError

from trawl.config import StorageConfig
from trawl.errors import DatasetError, StorageError, VideoError
from trawl.records import Reason
from trawl.storage import list_files, localize, stat_file
from trawl.storage.faults import storage_error
from trawl.storage.s3 import S3Files

NAMES = ["a b.mp4", "deep/er/c.mp4", "hash#1.mp4", "per%20cent.mp4", "q?x=1.mp4", "ünï/ço 日本.mp4"]
LOCAL = StorageConfig(root="unused")
Put = Callable[[str, bytes], str]


def test_every_name_is_listed_and_fetched(storage_config: StorageConfig, put: Put, tmp_path: Path) -> None:
    # The test server has no keys with a newline in them.
    names = NAMES if put("", b"").startswith("s3://") else [*NAMES, "new\nline.mp4"]
    for name in names:
        put(name, name.encode())
    for name in (".hidden.mp4", ".git/x.mp4", "deep/.cache/y.mp4"):
        put(name, b"")
    found = {info.path: info for info in list_files(put("", b""), storage_config)}
    assert sorted(found) == sorted(names)
    for name, info in found.items():
        assert info.size_bytes == len(name.encode())
        with localize(info.uri, storage_config, tmp_path, 100) as path:
            assert path.is_absolute()
            assert path.read_bytes() == name.encode()
        assert stat_file(info.uri, name, storage_config) == info


def test_a_neighbour_with_the_same_beginning_is_not_inside(storage_config: StorageConfig, put: Put) -> None:
    put("in/a.mp4", b"")
    put("in-not/b.mp4", b"")
    assert [info.path for info in list_files(put("", b"") + "/in", storage_config)] == ["a.mp4"]
    assert [info.path for info in list_files(put("", b"") + "/in/", storage_config)] == ["a.mp4"]


def test_a_uri_of_one_file_lists_that_file(storage_config: StorageConfig, put: Put) -> None:
    uri = put("x/only.mp4", b"1")
    assert [(info.path, info.uri) for info in list_files(uri, storage_config)] == [("only.mp4", uri)]


def test_the_fingerprint_changes_with_the_bytes(storage_config: StorageConfig, put: Put) -> None:
    def fingerprint() -> str:
        return next(list_files(put("", b""), storage_config)).fingerprint

    put("a.mp4", b"one")
    before = fingerprint()
    assert fingerprint() == before
    put("a.mp4", b"two")
    assert fingerprint() != before


def test_other_file_systems(tmp_path: Path) -> None:
    with fsspec.open("memory://films/sub/a.mp4", "wb") as file:
        file.write(b"12345")
    try:
        (info,) = list_files("memory://films", LOCAL)
        assert (info.path, info.uri, info.size_bytes) == ("sub/a.mp4", "memory:///films/sub/a.mp4", 5)
        with localize(info.uri, LOCAL, tmp_path, 5) as path:
            assert path.read_bytes() == b"12345"
        assert list(tmp_path.iterdir()) == []
    finally:
        fsspec.filesystem("memory").rm("/films", recursive=True)


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.mp4").write_bytes(b"")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    found = {info.path: info.fingerprint for info in list_files(str(tmp_path), LOCAL)}
    assert {"a/x.mp4", "b/x.mp4", "gone.mp4"} <= set(found)
    assert len(found) == 4, "the link to itself is a broken file"
    assert found["gone.mp4"] == "missing"


@pytest.mark.skipif(os.sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\xfe.mp4")).write_bytes(b"x")
    (info,) = list_files(str(tmp_path), LOCAL)
    assert info.path == "\\xff\\xfe.mp4"
    assert info.uri.encode().endswith(b"/%FF%FE.mp4")
    with localize(info.uri, LOCAL, tmp_path, 1) as path:
        assert path.read_bytes() == b"x"


def test_a_folder_that_is_not_there(storage_config: StorageConfig, put: Put) -> None:
    if put("", b"").startswith("s3://"):
        assert list(list_files(put("", b""), storage_config)) == [], "S3 knows no folders"
    else:
        with pytest.raises(DatasetError, match=r"cannot be listed: .*No such file"):
            list(list_files(put("", b""), storage_config))


@pytest.mark.parametrize("uri", ["s3://no-such-bucket-here/x", "nosuch://x", "memory://nowhere"])
def test_places_that_cannot_be_listed(uri: str, s3_endpoint: str) -> None:
    with pytest.raises(DatasetError, match=f"dataset.uri {uri} cannot be listed: ") as caught:
        list(list_files(uri, StorageConfig(root="x", endpoint=s3_endpoint, retries=0)))
    assert "\n" not in str(caught.value)


def test_a_subfolder_that_denies_is_an_error_not_a_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DatasetError, match="Permission denied"):
        list(list_files(str(tmp_path), LOCAL))


def test_a_local_file_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    for uri in ("a.mp4", str(tmp_path / "a.mp4"), f"file://{tmp_path}/a.mp4"):
        with localize(uri, LOCAL, tmp_path / "unused", 1) as path:
            assert path == tmp_path / "a.mp4"


def test_the_copy_is_gone_afterwards_even_after_an_error(s3_endpoint: str, put: Put, tmp_path: Path) -> None:
    config = StorageConfig(root="x", endpoint=s3_endpoint)
    uri = put("a.tar.mp4", b"1")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(KeyError), localize(uri, config, scratch, 1) as path:
        assert path.suffix == ".mp4"
        raise KeyError
    assert list(scratch.iterdir()) == []


def test_a_file_over_the_limit(storage_config: StorageConfig, put: Put, tmp_path: Path) -> None:
    uri = put("big.mp4", bytes(1001))
    with pytest.raises(VideoError) as caught, localize(uri, storage_config, tmp_path, 1000):
        pass
    assert caught.value.reason is Reason.TOO_LARGE
    assert "1,001 bytes; the limit is 1,000" in caught.value.message


def test_a_file_that_is_not_there(storage_config: StorageConfig, put: Put, tmp_path: Path) -> None:
    uri = put("a.mp4", b"") + ".gone"
    assert stat_file(uri, "x", storage_config).fingerprint == "missing"
    with pytest.raises(VideoError) as caught, localize(uri, storage_config, tmp_path, 1):
        pass
    assert caught.value.reason is Reason.UNREADABLE
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_regular_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(VideoError, match="not a regular file"), localize(str(path), LOCAL, tmp_path, 1):
        pass


def test_uses_of_one_video_share_a_download(
    storage_config: StorageConfig, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.mp4", b"bytes")
    (info,) = list_files(put("", b""), storage_config)
    asked, download = [], S3Files.download

    def counted(*args: object) -> Iterator[int]:
        asked.append(args)
        return download(*args)

    monkeypatch.setattr(S3Files, "download", counted)
    for fingerprint in (info.fingerprint, f"{info.fingerprint}+row"):
        with localize(info.uri, storage_config, tmp_path, 100, fingerprint) as path:
            assert path.read_bytes() == b"bytes"
    assert len(asked) == info.uri.startswith("s3://")
    uncached = replace(storage_config, cache_mb=0)
    with localize(info.uri, uncached, tmp_path, 100, info.fingerprint) as path:
        assert path.read_bytes() == b"bytes"
    assert path.exists() == (not info.uri.startswith("s3://"))


def test_an_object_that_changed_since_it_was_listed_is_refused(
    storage_config: StorageConfig, put: Put, tmp_path: Path
) -> None:
    put("a.mp4", b"old")
    (info,) = list_files(put("", b""), storage_config)
    put("a.mp4", b"newer")
    if info.uri.startswith("s3://"):
        with (
            pytest.raises(VideoError, match="has changed since it was listed") as caught,
            localize(info.uri, storage_config, tmp_path, 100, info.fingerprint),
        ):
            pass
        assert caught.value.reason is Reason.UNREADABLE and "\n" not in caught.value.message
    (info,) = list_files(put("", b""), storage_config)
    with localize(info.uri, storage_config, tmp_path, 100, info.fingerprint) as path:
        assert path.read_bytes() == b"newer"


@pytest.mark.parametrize("fingerprint", [None, "f"])
def test_no_space_for_a_copy(fingerprint: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Iterator[int]:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield

    monkeypatch.setattr(S3Files, "download", full)
    with (
        pytest.raises(VideoError, match=r"no space for a copy in .*resources\.scratch") as caught,
        localize("s3://b/a.mp4", LOCAL, tmp_path, 1, fingerprint),
    ):
        pass
    assert caught.value.reason is Reason.UNREADABLE
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_scratch_folder_that_is_not_there(tmp_path: Path) -> None:
    for fingerprint in (None, "f"):
        with (
            pytest.raises(StorageError, match="nowhere"),
            localize("s3://b/a", LOCAL, tmp_path / "nowhere", 1, fingerprint),
        ):
            pass


def test_credentials_that_expire_are_no_videos_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def expired(*_: object) -> Iterator[int]:
        error = ClientError(
            {"Error": {"Code": "ExpiredToken", "Message": "The provided token has expired."}}, "GetObject"
        )
        raise storage_error(error, "s3://b/a.mp4") from error
        yield

    monkeypatch.setattr(S3Files, "download", expired)
    with pytest.raises(StorageError, match=r"expired .*renew them"), localize("s3://b/a.mp4", LOCAL, tmp_path, 1, "f"):
        pass
