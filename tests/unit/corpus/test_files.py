"""Listing and fetching files at any URI."""

import os
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from trawl.config.data import StorageConfig
from trawl.corpus.fetch import localize
from trawl.corpus.files import list_files, stat_file
from trawl.errors import DatasetError

NAMES = ["a b.mp4", "deep/er/c.mp4", "hash#1.mp4", "per%20cent.mp4", "q?x=1.mp4", "ünï/ço 日本.mp4"]
LOCAL = StorageConfig(root="unused")
Put = Callable[[str, bytes], str]


def test_every_name_is_listed_and_fetched(
    storage_config: StorageConfig, put: Put, tmp_path: Path
) -> None:
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


def test_a_neighbour_with_the_same_beginning_is_not_inside(
    storage_config: StorageConfig, put: Put
) -> None:
    put("in/a.mp4", b"")
    put("in-not/b.mp4", b"")
    assert [info.path for info in list_files(put("", b"") + "/in", storage_config)] == ["a.mp4"]
    assert [info.path for info in list_files(put("", b"") + "/in/", storage_config)] == ["a.mp4"]


def test_a_uri_of_one_file_lists_that_file(storage_config: StorageConfig, put: Put) -> None:
    uri = put("x/only.mp4", b"1")
    assert [(info.path, info.uri) for info in list_files(uri, storage_config)] == [
        ("only.mp4", uri)
    ]


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
        assert (info.path, info.uri, info.size_bytes) == (
            "sub/a.mp4",
            "memory:///films/sub/a.mp4",
            5,
        )
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


def test_a_subfolder_that_denies_is_an_error_not_a_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DatasetError, match="Permission denied"):
        list(list_files(str(tmp_path), LOCAL))
