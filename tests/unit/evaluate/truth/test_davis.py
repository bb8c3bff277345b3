"""Indexed pictures: our export comes back, palettes do not matter, and names come from the files
that name objects.
"""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from annotated import index_of, masks_in, numbered, opened, same_masks, texts_of
from exported import export, export_masks, one_winner, some_masks, write_masks
from hypothesis import given, settings
from PIL import Image

from trawl.errors import TruthError
from trawl.export.davis import indexed_png
from trawl.storage import Storage

VIDEO = "cam 1/a.mp4"


def test_our_export_comes_back(tmp_path: Path, local_storage: Storage) -> None:
    @settings(max_examples=8, deadline=None)
    @given(some_masks())
    def comes_back(found: np.ndarray) -> None:
        folder, _ = export_masks("davis", found)
        (sequence,) = (folder / "Annotations" / "Full-Resolution").iterdir()
        # the export's clips have ids of 12 hex digits, those of the test have not
        sequence.rename(sequence.with_name(sequence.name.replace("-c1", "-0123456789ab")))
        truth = opened(folder, "davis", index_of(VIDEO, size=found.shape[2:]))
        assert truth.video_ids() == [VIDEO]
        assert same_masks(masks_in(truth, VIDEO), numbered(found, one_winner))
        frames = 5 + np.flatnonzero(found.any(axis=(0, 2, 3)))
        assert truth.video(VIDEO).frame_index.tolist() == frames.tolist()

    comes_back()


def test_clips_of_a_video_are_joined(local_storage: Storage, tmp_path: Path) -> None:
    for clip_id, first_index in (("000000000001", 0), ("000000000002", 50)):
        write_masks(
            local_storage, "a.mp4", clip_id, np.tril(np.ones((1, 2, 4, 4), bool)), first_index
        )
    export(local_storage, "davis", {"a.mp4": ["000000000001", "000000000002"]}, tmp_path)
    video = opened(tmp_path, "davis", index_of("a.mp4"), part="train").video("a.mp4")
    assert video.frame_index.tolist() == [0, 1, 50, 51]
    assert [(item.object_id, item.frame_index.tolist()) for item in video.objects] == [
        (1, [0, 1]),
        (1001, [50, 51]),
    ]


def written(folder: Path, name: str, pictures: dict[str, bytes], resolution: str = "480p") -> Path:
    place = folder / "Annotations" / resolution / name
    place.mkdir(parents=True)
    for file, data in pictures.items():
        (place / file).write_bytes(data)
    return folder


def png(labels: np.ndarray, mode: str) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(labels).convert(mode).save(sink, format="PNG")
    return sink.getvalue()


LABELS = np.zeros((30, 40), np.uint8)
LABELS[2:10, 3:20], LABELS[12:20, 5:9], LABELS[20:25] = 1, 2, 255


def test_every_fifth_frame_and_the_void(tmp_path: Path) -> None:
    truth = opened(
        written(tmp_path, "dog", {f"{n:05d}.png": indexed_png(LABELS) for n in (0, 5, 10)}),
        "davis",
        index_of("dog.mp4"),
    )
    expected = {(k, n): k == LABELS for k in (1, 2) for n in (0, 5, 10)}
    assert same_masks(masks_in(truth, "dog.mp4"), expected), "void is no object"
    assert truth.video("dog.mp4").time_s.tolist() == [0.0, 0.5, 1.0] and truth.queries() == []
    said = truth.stated("dog.mp4")
    assert (said.last_index, said.height, said.width, said.masks) == (10, 30, 40, True)


@pytest.mark.parametrize(
    ("labels", "mode", "objects"),
    [
        (np.where(LABELS == 1, 255, 0), "L", [1]),
        (LABELS == 1, "1", [1]),
        (LABELS, "L", [1, 2]),
        (LABELS * 0, "L", []),
    ],
    ids=["white on black", "bits", "grey", "empty"],
)
def test_pictures_without_a_palette(
    labels: np.ndarray, mode: str, objects: list[int], tmp_path: Path
) -> None:
    data = png(labels.astype(np.uint8) * (255 if mode == "1" else 1), mode)
    truth = opened(written(tmp_path, "dog", {"00000.png": data}), "davis", index_of("dog.mp4"))
    assert same_masks(masks_in(truth, "dog.mp4"), {(k, 0): k == LABELS for k in objects})


def test_names_come_from_meta_files(tmp_path: Path) -> None:
    written(tmp_path, "dog", {"00000.png": indexed_png(LABELS)})
    about = {
        "1": {"category": "dog", "frames": ["00000"]},
        "2": {"category": "Person", "frames": ["00000"]},
    }
    (tmp_path / "meta.json").write_text(json.dumps({"videos": {"dog": {"objects": about}}}))
    truth = opened(tmp_path, "davis", index_of("dog.mp4"))
    assert texts_of(truth) == {"dog": {"dog.mp4": (1,)}, "Person": {"dog.mp4": (2,)}}
    assert [item.names for item in truth.video("dog.mp4").objects] == [("dog",), ("person",)]
    said = {
        "0": {"exp": "the dog", "obj_id": "1"},
        "1": {"exp": "a man", "obj_id": "2"},
        "2": {"exp": "a man", "obj_id": "1"},
    }
    (tmp_path / "meta_expressions.json").write_text(
        json.dumps({"videos": {"dog": {"expressions": said}}})
    )
    truth = opened(tmp_path, "davis", index_of("dog.mp4"))
    assert texts_of(truth) == {"the dog": {"dog.mp4": (1,)}, "a man": {"dog.mp4": (1, 2)}}
    assert {query.slices for query in truth.queries()} == {("kind=expression", "things=1")}


def test_parts_and_resolutions(tmp_path: Path) -> None:
    small = {"00000.png": indexed_png(LABELS[::2, ::2].copy())}
    for name in ("dog", "cat"):
        written(tmp_path, name, small)
        written(tmp_path, name, {"00000.png": indexed_png(LABELS)}, "Full-Resolution")
    (tmp_path / "ImageSets" / "2017").mkdir(parents=True)
    (tmp_path / "ImageSets" / "2017" / "val.txt").write_text("cat\n")
    indexed = index_of("dog.mp4", "cat.mp4")
    assert opened(tmp_path, "davis", indexed).video_ids() == ["cat.mp4", "dog.mp4"]
    truth = opened(tmp_path, "davis", indexed, part="val")
    assert truth.video_ids() == ["cat.mp4"] and truth.video("cat.mp4").height == 30, (
        "the full resolution is read"
    )
    assert opened(tmp_path / "Annotations" / "480p", "davis", indexed).video("cat.mp4").height == 15
    with pytest.raises(TruthError, match=r"no ImageSets/\*/test.txt"):
        opened(tmp_path, "davis", indexed, part="test")
    (tmp_path / "Annotations" / "Full-Resolution").rename(tmp_path / "Annotations" / "720p")
    with pytest.raises(TruthError, match=r"point dataset.truth.uri at one"):
        opened(tmp_path, "davis", indexed)


WRONG = {
    "colours": ({"00000.png": png(LABELS, "RGB")}, "picture of colours"),
    "no picture": ({"00000.png": b"none"}, "cannot be read as a picture"),
    "cut short": ({"00000.png": indexed_png(LABELS)[:100]}, "cannot be read as a picture"),
    "two sizes": (
        {"00000.png": indexed_png(LABELS), "00001.png": indexed_png(LABELS.T.copy())},
        "another size",
    ),
    "no number": ({"first.png": indexed_png(LABELS)}, "must end with its number"),
    "no png": ({"00000.jpg": b""}, r"holds no <sequence>/<frame>.png"),
}


@pytest.mark.parametrize(("pictures", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(pictures: dict[str, bytes], words: str, tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=words):
        opened(written(tmp_path, "dog", pictures), "davis", index_of("dog.mp4")).video("dog.mp4")
