"""The pages name only files and modules that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOPS = "src|docs|conf|benchmarks|tests|cluster|training|jobs|notebooks"
PAGES = [
    page
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "cluster" / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
    if page.exists()
]


def missing(text: str) -> list[str]:
    """Lists the files and modules that a page names and the tree lacks."""
    named = re.findall(rf"`((?:{TOPS})/[\w./-]+)`", text)
    lost = [path for path in named if not (ROOT / path).exists()]
    for module in re.findall(r"python -m ((?:jobs|benchmarks|training|trawl)[\w.]*)", text):
        path = module.rstrip(".").replace(".", "/")
        places = [
            ROOT / path,
            ROOT / f"{path}.py",
            ROOT / "src" / path,
            ROOT / "src" / f"{path}.py",
        ]
        if not any(place.exists() for place in places):
            lost.append(f"python -m {module}")
    return lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_names_only_what_exists(page: Path) -> None:
    assert missing(page.read_text(encoding="utf-8")) == []


def test_a_missing_file_and_a_missing_module_are_noticed() -> None:
    assert missing("see `docs/nowhere.md`, run `python -m jobs.nothing`") == [
        "docs/nowhere.md",
        "python -m jobs.nothing",
    ]
