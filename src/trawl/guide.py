"""Help and shell completion, from the settings' types and the comments of their YAML; starts no
Hydra.

A setting's default and comment are those of `conf/<job>.yaml`, of the files that it extends, or of
its group's options.
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from trawl.config import choices
from trawl.config.values import conf_folder, read_yaml
from trawl.errors import ConfigError, did_you_mean

SHELLS = ("bash", "zsh", "fish")
_OTHERS = {
    "init": ("FOLDER", "write trawl.yaml here, so that no command repeats the dataset"),
    "doctor": ("[JOB] [SETTING=VALUE ...]", "show what is installed, and whose weights are here"),
    "completion": ("bash|zsh|fish", "print a script for the shell's completion"),
}
_JOBS = {
    "index": ("[FOLDER|URI|MANIFEST.csv|NAME]", "build or refresh the index of a dataset"),
    "query": ("TEXT", "answer a text from the index"),
    "track": ("TEXT", "follow what a text names"),
    "export": ("FORMAT", "write a run's tracks in another tool's format"),
    "report": ("[RUN]", "make a page of what a run did"),
    "evaluate": ("[RUN]", "measure a run by the dataset's ground truth"),
    "compare": ("[RUN ...]", "show evaluated runs side by side"),
    "nightly": (
        "[FOLDER|URI|MANIFEST.csv|NAME]",
        "index what changed, then ask the standing queries",
    ),
    "failures": ("[PATH]", "list what failed, why, and what to do about it"),
}
_EXAMPLES = {
    "index": ("~/videos", "demo sampling.every_s=2", "s3://bucket/videos storage.root=/data"),
    "query": ('"a dog"', '"a red star" +dataset=demo search.segments=5'),
    "track": ('"a dog"', '"a red star" +dataset=demo limit=3'),
    "export": ("coco", "mot +dataset=demo out=/tmp/mot"),
    "report": ("", "latest report.clips=5"),
    "evaluate": ("+dataset=demo", "latest +dataset=demo"),
    "compare": ("sweep=latest", "RUN1 RUN2"),
    "nightly": ("~/videos", "demo ask=[]"),
    "failures": ("", "retry=failed dry_run=true"),
}
_PARENTS = {"evaluate": ("track",), "nightly": ("index",)}


def overview() -> str:
    """Give the help of the command as a whole."""
    table = {**_JOBS, **_OTHERS}
    lines = [f"  {name:11} {what}" for name, (_, what) in table.items()]
    return "\n".join(
        [
            "usage: trawl COMMAND [WORD] [SETTING=VALUE ...]",
            "",
            "Find and follow anything you can name, across a corpus of videos.",
            "",
            *lines,
            "",
            "trawl COMMAND --help shows every setting; trawl --version the version.",
            "A trawl.yaml here or above gives root, dataset, models and storage: trawl init FOLDER",
            "writes it. Words on the command line win over it.",
        ]
    )


def help_of(name: str) -> str:
    """Give the help of one command: usage, examples, and a job's every setting."""
    if name not in choices.JOBS:
        words, what = _OTHERS.get(name, ("[COMMAND]", "show this help"))
        return f"usage: trawl {name} {words}\n\n{what[0].upper()}{what[1:]}."
    words, what = _JOBS[name]
    lines = [
        f"usage: trawl {name} {words} [SETTING=VALUE ...]",
        "",
        f"{what[0].upper()}{what[1:]}.",
    ]
    lines += ["", "Examples:"]
    lines += [f"  trawl {name} {example}".rstrip() for example in _EXAMPLES[name]]
    lines += ["", "Settings, with their defaults:"]
    files = _files(name)
    group = ""
    for setting in choices.settings_of(name):
        top = setting.partition(".")[0]
        if top != group and choices.options(top):
            lines += ["", f"  {_sign(top)}{top}=NAME, one of: {', '.join(choices.options(top))}"]
        elif top != group and (group == "" or "." in setting or choices.options(group)):
            lines.append("")
        group = top
        lines += _lines_of(setting, *_explained(name, setting, files))
    return "\n".join(lines)


def _sign(group: str) -> str:
    return "+" if group == "dataset" else ""


def _lines_of(setting: str, value: str, comment: str) -> list[str]:
    short = textwrap.shorten(value, 48, placeholder=" ...")
    return [
        f"  {setting}={short}",
        *textwrap.wrap(comment, 94, initial_indent=" " * 6, subsequent_indent=" " * 6),
    ]


def _files(job: str) -> list[tuple[str, Path]]:
    """The YAML files of a job with the prefix of their keys: the job's own first, then its groups'."""
    conf = conf_folder()
    files = [("", conf / f"{name}.yaml") for name in (job, *_PARENTS.get(job, ()))]
    chosen: dict[str, str] = {"dataset": "folder"}
    for _, path in files:
        for item in read_yaml(path).get("defaults", []):
            if isinstance(item, dict):
                chosen |= {str(key): str(value) for key, value in item.items()}
    for item in fields(choices.JOBS[job]):
        options = choices.options(item.name)
        first = chosen.get(item.name, "")
        ordered = sorted(options, key=lambda name: name != first)
        files += [(f"{item.name}.", conf / item.name / f"{name}.yaml") for name in ordered]
    return files


def _explained(job: str, setting: str, files: Sequence[tuple[str, Path]]) -> tuple[str, str]:
    """The default of a setting and what the YAML says of it."""
    value, comment = None, ""
    seen: set[str] = set()
    for prefix, path in files:
        if not setting.startswith(prefix):
            continue
        key = setting.removeprefix(prefix)
        content = _at(read_yaml(path), key)
        if value is None and prefix not in seen:
            value = content
        if prefix:
            seen.add(prefix)  # defaults are those of the chosen option alone
        text = _comments(path).get(key, "")
        if text and (not comment or comment.startswith("(")):
            comment = text
    default = value[0] if value else _type_default(choices.JOBS[job], setting)
    return _shown(default), comment


def _at(content: Any, key: str) -> tuple[Any] | None:
    for part in key.split("."):
        if not isinstance(content, dict) or part not in content:
            return None
        content = content[part]
    return (content,)


def _type_default(config_type: Any, setting: str) -> Any:
    from dataclasses import MISSING

    first, _, rest = setting.partition(".")
    item = next(item for item in fields(config_type) if item.name == first)
    if rest:
        return _type_default(item.type, rest)
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _comments(path: Path) -> dict[str, str]:
    """Read what a YAML file says of each key: the comment on its line, and on those below that are
    comments alone.
    """
    comments: dict[str, str] = {}
    parents: list[tuple[int, str]] = []
    name = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line[:1] == " " and line.lstrip().startswith("#") and name in comments:
            comments[name] += " " + line.lstrip(" #")
            continue
        match = re.match(r"( *)([A-Za-z_]\w*):(.*)", line)
        if not match:
            name = ""
            continue
        indent = len(match[1])
        parents = [parent for parent in parents if parent[0] < indent]
        name = ".".join([*(parent[1] for parent in parents), match[2]])
        parents.append((indent, match[2]))
        text = re.search(r"(?:^|\s)#\s*(.*)", match[3])
        if text:
            comments[name] = text[1]
    return comments


def completion(words: Sequence[str]) -> str:
    """Give a shell's script that completes commands and settings.

    Raises:
        ConfigError: not one shell, or none that there is a script for.
    """
    shell = words[0] if len(words) == 1 else ""
    if shell not in SHELLS:
        raise ConfigError(f"completion {' '.join(words)}: {did_you_mean(shell, SHELLS)}")
    commands = [*_JOBS, *_OTHERS]
    offers = {name: _offers(name) for name in commands}
    if shell == "fish":
        lines = ["complete -c trawl -n __fish_use_subcommand -f -a '" + " ".join(commands) + "'"]
        for name, offer in offers.items():
            seen = f"'__fish_seen_subcommand_from {name}'"
            lines.append(f"complete -c trawl -n {seen} -a '{' '.join(offer)}'")
        return "\n".join(lines)
    cases = [f"    {name}) words='{' '.join(offer)}' ;;" for name, offer in offers.items()]
    if shell == "zsh":
        return "\n".join(
            [
                "#compdef trawl",
                "_trawl() {",
                "  local words_all words",
                f"  if (( CURRENT == 2 )); then compadd {' '.join(commands)} --help --version; return; fi",
                "  local job=${(Q)${(z)BUFFER}[2]}",
                "  case $job in",
                *cases,
                "  esac",
                "  compadd -S '' -- ${=words}",
                "  _files",
                "}",
                "compdef _trawl trawl",
            ]
        )
    return "\n".join(
        [
            "_trawl() {",
            '  local words cur="${COMP_WORDS[COMP_CWORD]}"',
            f"  words='{' '.join(commands)} --help --version'",
            '  if [ "$COMP_CWORD" -gt 1 ]; then',
            "    words=''",
            '    case "${COMP_WORDS[1]}" in',
            *cases,
            "    esac",
            "    compopt -o nospace",
            "  fi",
            '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
            "}",
            "complete -o default -F _trawl trawl",
        ]
    )


def _offers(name: str) -> list[str]:
    if name not in choices.JOBS:
        return {"completion": list(SHELLS), "doctor": list(choices.JOBS)}.get(name, [])
    groups = [item.name for item in fields(choices.JOBS[name]) if choices.options(item.name)]
    settings = [
        f"{_sign(group)}{group}={option}" for group in groups for option in choices.options(group)
    ]
    return [*settings, *(f"{setting}=" for setting in choices.settings_of(name)), "--help"]
