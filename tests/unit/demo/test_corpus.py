"""The corpus is made once, the same for the same seed, and never half."""

import subprocess
import sys
from pathlib import Path

import pytest

from trawl.demo import corpus
from trawl.errors import DatasetError


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def two_videos(tmp_path_factory):
    return corpus.ensure(tmp_path_factory.mktemp("one") / "corpus", seed=25, videos=2)


def test_same_seed_same_bytes_whatever_the_number_of_processes(two_videos, tmp_path):
    again = corpus.ensure(tmp_path / "again", seed=25, videos=2, processes=1)
    assert contents(again) == contents(two_videos)
    assert set(contents(again)) == {
        "corpus.json",
        "truth/objects.parquet",
        "truth/videos.parquet",
        "videos/train/0000.mp4",
        "videos/train/0001.mp4",
    }


def test_what_is_there_is_left_alone_and_another_seed_replaces_it(tmp_path):
    folder = corpus.ensure(tmp_path / "corpus", seed=25, videos=1)
    made = (folder / "corpus.json").stat().st_mtime_ns
    calls = []
    corpus.ensure(
        folder, seed=25, videos=1, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [] and (folder / "corpus.json").stat().st_mtime_ns == made
    before = contents(folder)
    corpus.ensure(
        folder, seed=31, videos=1, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(1, 1)]
    assert contents(folder)["videos/train/0000.mp4"] != before["videos/train/0000.mp4"]
    # nothing of the making is left
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["corpus"]


def test_an_unfinished_generation_is_made_anew(tmp_path, monkeypatch):
    folder = tmp_path / "corpus"

    def dies(partial, *_):
        (partial / "videos").mkdir()
        (partial / "videos" / "half.mp4").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(corpus, "_draw", dies)
        corpus.ensure(folder, seed=25, videos=1)
    assert not folder.exists()
    corpus.ensure(folder, seed=25, videos=1)
    assert "videos/half.mp4" not in contents(folder)


def test_a_worker_that_fails_is_no_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(
        corpus, "_command", lambda *_: [sys.executable, "-c", "raise SystemExit(3)"]
    )
    with pytest.raises(RuntimeError, match="ended with 3"):
        corpus.ensure(tmp_path / "corpus", seed=25, videos=2)
    assert not (tmp_path / "corpus").exists()


def test_two_processes_at_once_end_with_one_good_corpus(two_videos, tmp_path):
    script = f"from pathlib import Path; from trawl.demo import corpus; corpus.ensure(Path({str(tmp_path / 'c')!r}), 25, 2)"
    both = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert contents(tmp_path / "c") == contents(two_videos)


@pytest.mark.parametrize(
    ("seed", "videos", "says"),
    [(0, 0, "videos=0"), (-1, 4, "seed=-1")],
)
def test_numbers_that_make_no_sense(tmp_path, seed, videos, says):
    with pytest.raises(DatasetError, match=says):
        corpus.ensure(tmp_path / "corpus", seed=seed, videos=videos)


def test_a_folder_with_something_else_is_never_touched(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DatasetError, match="no demo corpus"):
        corpus.ensure(tmp_path / "mine", seed=0, videos=1)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        corpus.ensure(tmp_path / "file" / "corpus", seed=0, videos=1)


def test_importing_the_corpus_loads_nothing_heavy():
    script = "import sys, trawl.demo.corpus; print([m for m in ('torch', 'open_clip', 'cv2', 'av', 'ray') if m in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )
