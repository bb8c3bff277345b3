"""A folder that is this job's alone."""

from pathlib import Path

import pytest

from trawl.config.data import StorageConfig
from trawl.errors import ConfigError
from trawl.storage import Storage
from trawl.storage.target import own_folder

CLAIM = ("settings.json", b"{}")


def claimed(root: Path, out: str | None = None) -> Path:
    files = StorageConfig(root=str(root))
    target, folder = own_folder(out, files, Storage.open(files), "demo/things/now", CLAIM)
    made = Path(target.uri(folder))
    assert (made / "settings.json").read_bytes() == b"{}"
    return made


def test_each_call_has_a_folder_of_its_own(tmp_path: Path) -> None:
    names = [claimed(tmp_path).name for _ in range(3)]
    assert names == ["now", "now-2", "now-3"]


def test_out_is_taken_as_it_is_once(tmp_path: Path) -> None:
    out = tmp_path / "elsewhere" / "mine"
    assert claimed(tmp_path / "root", str(out)) == out
    with pytest.raises(ConfigError, match="holds files already"):
        claimed(tmp_path / "root", str(out))
    assert sorted(path.name for path in out.iterdir()) == ["settings.json"]


@pytest.mark.parametrize("out", ["s3://bucket", "s3://bucket/"])
def test_a_whole_bucket_is_refused(out: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder in a bucket"):
        claimed(tmp_path, out)
