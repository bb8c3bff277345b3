"""Draws plots as inline SVG in the page's colours, light and dark, with a description in words.

matplotlib draws with placeholder colours, which are then replaced by the page's custom properties,
so one drawing serves both schemes. Text stays text. Nothing in the SVG depends on the time or on
chance, so equal figures give equal bytes. The names of the lines are not in the drawing but beside
it, as `Key`s, where they can wrap and be escaped.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from trawl.draw.palette import Rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# (light, dark) of each line: Okabe and Ito's, shifted where they would not stand out from the page.
SHADES: tuple[tuple[Rgb, Rgb], ...] = (
    ((0, 114, 178), (86, 180, 233)),  # blue
    ((213, 94, 0), (255, 138, 61)),  # vermilion
    ((0, 128, 93), (47, 208, 160)),  # green
    ((176, 79, 135), (232, 160, 203)),  # purple
    ((160, 105, 0), (240, 228, 66)),  # ochre, yellow
    ((90, 100, 114), (162, 173, 186)),  # grey
)
# SVG's words; in turn with every round through the shades
DASHES = ("", "5 2", "1.5 1.8", "7 2 1.5 2")
MARKERS = ("o", "s", "^", "D")  # in the same turn

_WIDTH_IN, _HEIGHT_IN = 4.2, 2.9
_PT = 72
# Stand-ins: colours that occur in no drawing of their own accord.
INK, SOFT, GRID = "#fd0001", "#fd0002", "#fd0003"
_STYLE: Any = {
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.edgecolor": GRID,
    "axes.labelcolor": SOFT,
    "text.color": INK,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "svg.fonttype": "none",
    "path.simplify": False,
    "text.parse_math": False,
}


@dataclass(frozen=True, slots=True)
class Key:
    """Holds the look of one line.

    Args:
        shade: Index of `SHADES`.
        dash: SVG's dash pattern, "" for a solid line, None for points alone.
    """

    name: str
    shade: int
    dash: str | None
    marker: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Holds a drawing.

    Args:
        svg: Inline SVG with escaped texts.
        keys: The legend that stands beside it.
        note: What the drawing leaves out, or "".
    """

    title: str
    svg: str
    keys: tuple[Key, ...]
    note: str = ""


def key(number: int, name: str) -> Key:
    """Return the look of the line with this number, 0 or more; 24 looks differ."""
    turn = number // len(SHADES) % len(DASHES)
    return Key(name, number % len(SHADES), DASHES[turn], MARKERS[turn])


def stand_in(shade: int) -> str:
    """Return the placeholder colour that matplotlib draws a shade with."""
    return f"#fe00{shade:02x}"


def draw(
    paint: Callable[["Axes"], None],
    title: str,
    words: str,
    ident: str,
    height_in: float = _HEIGHT_IN,
) -> str:
    """Return the SVG of what `paint` draws on a pair of axes.

    Args:
        title: The drawing's accessible name.
        words: A description of what can be seen in it.
        ident: Letters, digits and dashes; unique among the drawings of a page.
        height_in: Height of the drawing, which is 4.2 inches wide.
    """
    import matplotlib
    from matplotlib.figure import Figure

    assert re.fullmatch(r"[a-z0-9-]+", ident), ident
    sink = io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a machine's own matplotlibrc changes nothing
        matplotlib.rcParams.update({**_STYLE, "svg.hashsalt": ident})
        figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
        paint(figure.subplots())
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(sink.getvalue(), title, words, ident, height_in)


def _inline(svg: bytes, title: str, words: str, ident: str, height_in: float) -> str:
    """Turn matplotlib's file into an element of a page.

    Namespaces, unused ids and typefaces are removed.
    """
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.partition("}")[2] or element.tag
        for name in [name for name in element.attrib if "}" in name]:
            element.attrib[name.partition("}")[2]] = element.attrib.pop(name)
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in ("metadata", "style")]:
            parent.remove(child)
    used = set(
        re.findall(
            r"#([\w-]+)", " ".join(value for e in root.iter() for value in e.attrib.values())
        )
    )
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        for name, value in element.attrib.items():
            themed = re.sub(r"#f[de]00[0-9a-f]{2}", lambda match: _property(match[0]), value)
            element.attrib[name] = (
                re.sub(r" ?font-family: [^;]*;", "", themed) if name == "style" else themed
            )
    width, height = round(_WIDTH_IN * _PT), round(height_in * _PT)
    root.attrib.clear()
    root.attrib |= {
        "class": "plot",
        "viewBox": f"0 0 {_WIDTH_IN * _PT:g} {height_in * _PT:g}",
        "role": "img",
    }
    root.attrib |= {"width": str(width), "height": str(height), "style": "stroke-linejoin: round"}
    root.attrib["aria-labelledby"] = f"{ident}-title {ident}-words"
    for name, text in (("desc", words), ("title", title)):
        text_element = ElementTree.Element(
            name, {"id": f"{ident}-{'words' if name == 'desc' else name}"}
        )
        text_element.text, text_element.tail = text, "\n"
        root.insert(0, text_element)
    return ElementTree.tostring(root, encoding="unicode")


def _property(color: str) -> str:
    names = {INK: "--ink", SOFT: "--soft", GRID: "--line"}
    return f"var({names.get(color) or f'--shade-{int(color[-2:], 16)}'})"


def properties(dark: bool) -> str:
    """Return the shades as declarations of custom properties for the page's style sheet."""
    return " ".join(
        "--shade-{}: #{:02x}{:02x}{:02x};".format(n, *pair[dark]) for n, pair in enumerate(SHADES)
    )
