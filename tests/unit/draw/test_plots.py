"""Drawings as a page takes them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from trawl.draw import plots


def drawing(ident: str = "one", title: str = "A & <b>", words: str = "goes <up>") -> str:
    return plots.draw(
        lambda axes: axes.plot([0, 1], [0, 1], color=plots.stand_in(2)), title, words, ident
    )


def test_a_drawing_is_named_and_told_in_words() -> None:
    root = ElementTree.fromstring(drawing())
    by_id = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert root.get("role") == "img"
    assert [by_id[name] for name in root.attrib["aria-labelledby"].split()] == [
        "A & <b>",
        "goes <up>",
    ]
    assert root.find("title") is not None, "a pointer that rests on it sees its name"


def test_colours_are_the_pages_own() -> None:
    svg = drawing()
    assert "var(--shade-2)" in svg and "var(--line)" in svg and "var(--soft)" in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg), (
        "no colour that one of the two schemes does not know"
    )
    assert "font-family" not in svg and "<style" not in svg and "xmlns" not in svg


def test_every_reference_is_met_and_no_id_is_twice() -> None:
    page = drawing("one") + drawing("two")
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r"#([\w-]+)\)?\"", page)) <= set(ids)


def test_the_same_drawing_is_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    code = "import sys; sys.path[:0] = [sys.argv[1]]; from test_plots import drawing; print(drawing(), end='')"
    (tmp_path / "matplotlibrc").write_text("xtick.major.size: 11\naxes.xmargin: 0.4\n")
    environment = {
        **os.environ,
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "PYTHONHASHSEED": "7",
        "SOURCE_DATE_EPOCH": "1",
    }
    finished = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)],
        capture_output=True,
        env=environment,
        check=True,
    )
    assert finished.stdout.decode() == drawing()


@pytest.mark.parametrize("number", range(24))
def test_24_lines_look_different(number: int) -> None:
    others = [plots.key(k, "") for k in range(24) if k != number]
    assert plots.key(number, "") not in others
