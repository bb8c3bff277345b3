"""Every way to mistype a command is one line that names the value, and exit code 2."""

from pathlib import Path

import pytest

from trawl import cli, exits
from trawl.config.jobs import EvaluateConfig, IndexConfig, QueryConfig, TrackConfig
from trawl.errors import ConfigError

WRONG = {
    "no dataset": ([], ["no dataset", "+dataset=demo"]),
    "unknown dataset": (["+dataset=dmo"], ["dataset=dmo", "did you mean 'demo'"]),
    "unknown group option": (
        ["+dataset=demo", "embedder=openclip_b23"],
        ["embedder=openclip_b23", "openclip_b32"],
    ),
    "misspelt setting": (
        ["+dataset=demo", "sampling.evry_s=1"],
        ["sampling.evry_s", "sampling.every_s"],
    ),
    "misspelt top setting": (["+dataset=demo", "lmit=1"], ["lmit", "limit"]),
    "wrong type": (["+dataset=demo", "sampling.every_s=often"], ["sampling.every_s", "often"]),
    "out of range": (["+dataset=demo", "sampling.every_s=0"], ["sampling.every_s=0", "above 0"]),
    "not a choice": (
        ["+dataset=demo", "embedder.aspect=sqash"],
        ["embedder.aspect=sqash", "squash"],
    ),
    "broken grammar": (["+dataset=demo", "sampling.every_s=[1"], ["sampling.every_s=[1"]),
    "no value": (["+dataset=folder"], ["dataset.uri"]),
    "no equals sign": (["+dataset=demo", "limit"], ["limit"]),
}


@pytest.mark.parametrize(("argv", "words"), WRONG.values(), ids=WRONG)
def test_mistakes_are_one_line(
    argv: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.run("index", IndexConfig, lambda config: pytest.fail("work started"), argv)
    error = capsys.readouterr().err
    assert code == exits.EXIT_USAGE
    assert error.count("\n") == 1, error
    for word in words:
        assert word in error


def test_values_arrive_typed() -> None:
    config = cli.compose(
        "index",
        IndexConfig,
        ["+dataset=folder", "dataset.uri=/videos", "sampling.every_s=2", "limit=3"],
    )
    assert isinstance(config, IndexConfig)
    assert (config.dataset.uri, config.sampling.every_s, config.limit) == ("/videos", 2.0, 3)


@pytest.mark.parametrize(
    ("argv", "model"),
    [
        (["+dataset=demo"], "trawl"),
        (["dataset=demo"], "trawl"),
        (["+dataset=demo", "embedder=openclip_b32"], "ViT-B-32"),
        (["+dataset=folder", "dataset.uri=/v"], "PE-Core-B-16"),
        (["+dataset=folder", "dataset.uri=/v", "embedder=demo"], "trawl"),
    ],
)
def test_dataset_chooses_the_embedder_unless_told(argv: list[str], model: str) -> None:
    assert cli.compose("index", IndexConfig, argv).embedder.model.startswith(model)


@pytest.mark.parametrize(
    "text",
    [
        "a red star",
        "it's a star",
        "a dog, running",
        "50% = half",
        "a: b {c} [d]",
        "back\\slash",
        "ein Hund läuft",
        "(x)",
        "null?",
        "it\\'s",
        "end\\",
    ],
)
def test_sentences_need_no_quotes_of_hydras(text: str) -> None:
    assert cli.compose("query", QueryConfig, ["+dataset=demo", f"text={text}"]).text == text


def test_exit_code_comes_from_the_job_and_a_bug_keeps_its_traceback() -> None:
    assert (
        cli.run("query", QueryConfig, lambda config: exits.EXIT_SOME_FAILED, ["+dataset=demo"]) == 3
    )

    def buggy(config: QueryConfig) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cli.run("query", QueryConfig, buggy, ["+dataset=demo"])


def test_errors_of_the_job_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(config: QueryConfig) -> int:
        raise ConfigError("first\n  second")

    assert cli.run("query", QueryConfig, refuse, ["+dataset=demo"]) == exits.EXIT_USAGE
    assert capsys.readouterr().err == "trawl: first second\n"


def test_interrupt_says_that_work_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(config: QueryConfig) -> int:
        raise KeyboardInterrupt

    assert cli.run("query", QueryConfig, interrupted, ["+dataset=demo"]) == exits.EXIT_INTERRUPTED
    assert "stays" in capsys.readouterr().err


def test_a_library_that_has_taken_hydra_does_not_matter() -> None:
    """As sam2 does when it is imported."""
    from hydra import initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    initialize_config_module("sam2", version_base="1.2")
    theirs = GlobalHydra.instance().hydra
    assert cli.compose("index", IndexConfig, ["+dataset=demo"]).dataset.kind == "demo"
    assert GlobalHydra.instance().hydra is theirs
    GlobalHydra.instance().hydra = before


def test_flags_may_follow_settings_when_the_dataset_adds_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = cli.run(
        "track", TrackConfig, lambda config: 1, ["+dataset=demo", "text=x", "--cfg", "job"]
    )
    assert code == exits.EXIT_OK
    assert "trawl-demo-sam2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "texts"),
    [
        ("text=a red star,a blue ring", ["a red star", "a blue ring"]),
        ("text=it's a star, that's blue", ["it's a star", "that's blue"]),
        ("text='a dog, running',a cat", ["a dog, running", "a cat"]),
        ("text=(a, b),c [d, e]", ["(a, b)", "c [d, e]"]),
        ("text=choice(red,blue)", ["red", "blue"]),
        ("text=only one", ["only one"]),
    ],
)
def test_a_sweep_splits_sentences_at_commas(word: str, texts: list[str], tmp_path: Path) -> None:
    seen = []
    argv = ["+dataset=demo", f"storage.root={tmp_path}", "-m", word, "search.segments=3"]
    assert (
        cli.run("query", QueryConfig, lambda config: seen.append(config) or 0, argv)
        == exits.EXIT_OK
    )
    assert [config.text for config in seen] == texts
    assert {config.search.segments for config in seen} == {3}


@pytest.mark.parametrize("at", [0, 1, 3])
def test_settings_may_stand_on_both_sides_of_m(at: int, tmp_path: Path) -> None:
    # and those that the dataset chooses
    argv = ["+dataset=demo", f"storage.root={tmp_path}", "limit=1,2"]
    argv.insert(at, "-m")
    seen = []
    assert (
        cli.run("track", TrackConfig, lambda config: seen.append(config.limit) or 0, argv)
        == exits.EXIT_OK
    )
    assert seen == [1, 2]


def test_evaluation_has_the_settings_of_tracking() -> None:
    config = cli.compose(
        "evaluate", EvaluateConfig, ["+dataset=demo", "tracking.chunk_s=4", "run=latest"]
    )
    tracking = cli.compose("track", TrackConfig, ["+dataset=demo", "tracking.chunk_s=4"])
    assert {name: getattr(config, name) for name in vars(tracking)} == vars(tracking)
    assert config.run == "latest"


def test_a_job_with_an_objective_ends_with_its_exit_code() -> None:
    answer = exits.Outcome(exits.EXIT_SOME_FAILED, objective=0.5)
    assert (
        cli.run("query", QueryConfig, lambda config: answer, ["+dataset=demo"])
        == exits.EXIT_SOME_FAILED
    )
