"""Translates the short words of `trawl` into the Hydra words that `python -m jobs.X` takes."""

from collections.abc import Sequence

from trawl import project
from trawl.errors import ConfigError

# The setting that a job's first free word gives; datasets are no setting but a choice.
MAIN = {
    "query": "text",
    "track": "text",
    "export": "format",
    "report": "run",
    "evaluate": "run",
    "failures": "path",
}
READS_DATASET = ("index", "nightly")
_TAKES_A_VALUE: tuple[str, ...] = (
    "--cfg",
    "-c",
    "--info",
    "-i",
    "--package",
    "-p",
    "--config-path",
    "-cp",
)
_TAKES_A_VALUE += ("--config-name", "-cn", "--config-dir", "-cd", "--experimental-rerun")


def translate(job: str, words: Sequence[str]) -> list[str]:
    """Turn a command's words into those that `python -m jobs.X` takes.

    >>> translate("query", ["a dog", "search.segments=5"])
    ['text=a dog', 'search.segments=5']

    Raises:
        ConfigError: there are more free words than the job has a place for, or a value is given
            twice.
        DatasetError: the dataset is neither a name nor a place that exists.
    """
    place = _free_word(words)
    if place is None:
        return list(words)
    word, rest = words[place], [*words[:place], *words[place + 1 :]]
    again = _free_word(rest)
    if job == "compare":
        runs = [word]
        while again is not None:
            runs.append(rest.pop(again))
            again = _free_word(rest)
        return [f"runs=[{','.join(runs)}]", *rest]
    if again is not None:
        quoted = f'"{word} {rest[again]}"'
        hint = (
            f"as in: trawl {job} {quoted}"
            if MAIN.get(job) == "text"
            else "settings are typed as name=value"
        )
        raise ConfigError(f"{job} takes one free word, and {rest[again]} is a second: {hint}")
    key = "dataset" if job in READS_DATASET else MAIN[job]
    if any(project.key_of(other) == key for other in rest):
        raise ConfigError(f"{word} and {key}=... are the same setting: give one of them")
    if key == "dataset":
        return [*project.dataset_words(word), *rest]
    return [f"{key}='null'" if word == "null" else f"{key}={word}", *rest]


def _free_word(words: Sequence[str]) -> int | None:
    """The place of the first word that is neither a setting, a flag nor a flag's value."""
    for index, word in enumerate(words):
        is_value = index > 0 and words[index - 1] in _TAKES_A_VALUE
        deletes = word.startswith("~") and not word.startswith("~/")
        if not (is_value or deletes or word.startswith("-") or project.is_setting(word)):
            return index
    return None
