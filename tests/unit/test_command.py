"""The command `trawl`: what its words become, its project file, help, completion and doctor.

Starts no Ray.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from trawl import __version__, command, project
from trawl import words as short
from trawl.config import choices


@pytest.mark.parametrize(
    ("job", "words", "full"),
    [
        ("index", ["demo", "limit=3"], ["+dataset=demo", "limit=3"]),
        ("index", ["s3://b/day=3"], ["+dataset=folder", "dataset.uri=s3://b/day=3"]),
        ("index", ["s3://b/m.csv"], ["+dataset=manifest", "dataset.uri=s3://b/m.csv"]),
        ("index", ["--cfg", "job", "demo"], ["+dataset=demo", "--cfg", "job"]),
        ("query", ["a dog", "-m"], ["text=a dog", "-m"]),
        ("track", ["limit=3", "a dog"], ["text=a dog", "limit=3"]),
        ("export", ["coco"], ["format=coco"]),
        ("compare", ["a", "b"], ["runs=[a,b]"]),
        ("report", [], []),
    ],
)
def test_words_become_hydras(job: str, words: list[str], full: list[str]) -> None:
    assert short.translate(job, words) == full


def test_a_project_file_serves_the_folders_below(tmp_path: Path) -> None:
    (tmp_path / "trawl.yaml").write_text("dataset: videos\nroot: store\n")
    (tmp_path / "videos").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    here = project.find(tmp_path / "a" / "b")
    assert here is not None
    words = project.words_of(here, "query", ["text=a dog"])
    assert f"dataset.uri={tmp_path}/videos" in words
    assert f"storage.root={tmp_path}/store" in words
    assert project.words_of(here, "query", ["+dataset=demo", "storage.root=x"]) == []


@pytest.mark.parametrize("content", ["datset: demo", "models: {trakcer: demo}"])
def test_unknown_keys_are_a_line(
    content: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "trawl.yaml").write_text(content)
    monkeypatch.chdir(tmp_path)
    assert command.run(["query", "a dog"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "did you mean" in error


def test_a_misspelt_folder_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "videos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert command.run(["index", "vidoes", f"storage.root={tmp_path}/store"]) == 2
    assert "did you mean 'videos'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["videos"]


@pytest.mark.parametrize("job", choices.JOBS)
def test_help_names_every_setting(job: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run([job, "--help"]) == 0
    text = capsys.readouterr().out
    assert [name for name in choices.settings_of(job) if f"  {name}=" not in text] == []


def test_version_and_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out
    assert command.run(["indx"]) == 2
    assert "did you mean 'index'" in capsys.readouterr().err


def test_bash_accepts_the_completion(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(["completion", "bash"]) == 0
    subprocess.run(["bash", "-n"], input=capsys.readouterr().out, text=True, check=True)


def test_doctor_looks_at_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command.run(["doctor", "index", "demo"]) == 0
    assert command.run(["doctor", "index", "embedder=openclip_b32", "embedder.weights=/no.pt"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_gets_no_traceback() -> None:
    """As in `trawl query ... | head -1`: a job prints more than anybody reads."""
    code = (
        "from trawl import command\n"
        "def endless(argv):\n    for n in range(200_000):\n        print('row', n)\n    return 0\n"
        "command._run = endless\ncommand.main()"
    )
    job = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert job.stdout and job.stderr
    job.stdout.readline()
    job.stdout.close()
    assert job.stderr.read() == b""
    assert job.wait(60) == 141
    job.stderr.close()
