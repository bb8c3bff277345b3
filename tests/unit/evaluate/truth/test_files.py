"""Ground truth on a disk and on S3 is the same, and a place that holds none is told in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from annotated import index_of, opened

from trawl.config.data import DatasetConfig, StorageConfig, TruthConfig
from trawl.demo import corpus
from trawl.errors import TruthError
from trawl.evaluate.truth import open_truth
from trawl.export.davis import indexed_png

Put = Callable[[str, bytes], str]


def test_a_folder_and_a_file(put: Put, storage_config: StorageConfig) -> None:
    image = {"id": 1, "file_name": "a/00003.jpg", "height": 30, "width": 40}
    item = {"id": 1, "image_id": 1, "category_id": 1, "track_id": 1, "bbox": [1, 2, 3, 4]}
    content = {"images": [image], "annotations": [item], "categories": [{"id": 1, "name": "dog"}]}
    uri = put("truth/val.json", json.dumps(content).encode())
    indexed = index_of("x/a.mp4")
    for place, part in (
        (uri, None),
        (uri, "val"),
        (uri.rpartition("/")[0], "val"),
        (uri.rpartition("/")[0], None),
    ):
        truth = opened(place, "coco", indexed, storage_config, part=part)
        assert truth.video("x/a.mp4").objects[0].boxes.tolist() == [[1, 2, 4, 6]]
    uri = put("davis/Annotations/480p/a/00007.png", indexed_png(np.ones((30, 40), np.uint8)))
    truth = opened(uri.partition("/Annotations")[0], "davis", indexed, storage_config)
    assert truth.video("x/a.mp4").frame_index.tolist() == [7]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus.ensure(tmp_path_factory.mktemp("demo") / "made", seed=43, videos=1)


def test_the_demos_own_files(put: Put, storage_config: StorageConfig, made: Path) -> None:
    for name in ("objects", "videos"):
        uri = put(f"truth/{name}.parquet", (made / "truth" / f"{name}.parquet").read_bytes())
    config = DatasetConfig(
        kind="demo", uri=uri.partition("/truth")[0], truth=TruthConfig(format="demo")
    )
    truth = open_truth(config, storage_config)
    assert truth.video_ids() == ["train/0000.mp4"] and truth.video("train/0000.mp4").objects


@pytest.mark.parametrize("form", ["coco", "ytvis", "mot", "davis"])
def test_nothing_there(form: str, put: Put, storage_config: StorageConfig) -> None:
    where = put("other/x.txt", b"").replace("other/x.txt", "nowhere")
    with pytest.raises(TruthError) as raised:
        opened(where, form, index_of("a.mp4"), storage_config)
    assert (
        "dataset.truth.uri" in str(raised.value)
        and "nowhere" in str(raised.value)
        and "\n" not in str(raised.value)
    )


def test_what_is_no_truth(tmp_path: Path) -> None:
    indexed = index_of("a.mp4")
    (tmp_path / "a.json").write_text("{no json")
    with pytest.raises(TruthError, match=r"a.json is not JSON \(Expecting property name"):
        opened(tmp_path / "a.json", "coco", indexed)
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "gt.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TruthError, match="not text in UTF-8"):
        opened(tmp_path, "mot", index_of(f"{tmp_path.name}.mp4")).queries()
    with pytest.raises(TruthError, match=r"say which with dataset.truth.uri"):
        config = DatasetConfig(kind="folder", uri="/videos", truth=TruthConfig(format="coco"))
        open_truth(config, StorageConfig(root="unused"), indexed)
