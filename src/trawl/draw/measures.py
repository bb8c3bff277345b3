"""Words metrics for people: names, values with units, and which metrics come first."""

import re
from collections.abc import Iterable, Mapping, Sequence

from trawl.records.truth import Metric

ALL = "all"  # the slice of everything
FAMILIES = {
    "end_to_end": "Text in, tracks out",
    "masks": "Masks",
    "tracking": "Tracking",
    "retrieval": "Retrieval",
    "robustness": "Robustness",
    "cost": "Speed and cost",
}
_ARROWS = {"higher": "↑", "lower": "↓"}
_UPPER_CASE = "hota mota motp idf1 cpu gpu j f f1 mrr rtf id ann"
_MIXED_CASE = "DetA AssA LocA DetRe DetPr AssRe AssPr mAP mIoU IoU dtSSD"
_SPELT = (
    {word: word.upper() for word in _UPPER_CASE.split()}
    | {word.lower(): word for word in _MIXED_CASE.split()}
    | {"mb": "memory"}
)
# Patterns of headline metrics, the most telling first; each gives at most `_OF_EACH`.
_HEADLINES = (
    r"j_and_f",
    r"hota.*",
    r"idf1.*",
    r"mota.*",
    r"false_tracks.*",
    r".*recall_at_1",
    r".*recall_at_1_iou_0_5",
    r".*map",
    r"cpu_s_per_video_hour",
    r"object_frames_per_s.*",
    r"peak_.*mb.*",
)
# Metrics that are counts or ranks, not shares, even where they are 0 or 1.
_COUNTS = re.compile(r"(texts|num|objects|tracks|id_switches|fragmentations)(_.*)?|.*_rank")
_HEADLINES_AT_MOST = 16
_OF_EACH = 2


def name_of(metric: str) -> str:
    """Return a metric's name in words.

    >>> name_of("j_and_f"), name_of("recall_at_5_iou_0_5"), name_of("cpu_s_per_video_hour")
    ('J&F', 'recall at 5 IoU 0.5', 'CPU s per video hour')
    """
    words = re.sub(
        r"(iou_\d)_(\d)", r"\1.\2", re.sub(r"(^|_)j_and_f(_|$)", r"\1J&F\2", metric)
    ).split("_")
    return " ".join(_SPELT.get(word, word) for word in words if word)


def family_name(family: str) -> str:
    return FAMILIES.get(family) or name_of(family).capitalize()


def arrow(better: str) -> str:
    """Return "↑" if higher is better, "↓" if lower is, else ""."""
    return _ARROWS.get(better, "")


def number(value: float, unit: str, name: str = "") -> str:
    """Format a value without its unit.

    Shares have three decimals, counts are whole, others have about three significant digits.

    Args:
        name: Name of the metric; some metrics are counts or ranks, never shares.

    >>> number(0.74256, ""), number(12.0, ""), number(0.0312, "s"), number(1234.56, "MB")
    ('0.743', '12', '0.031', '1,235')
    >>> number(1.0, ""), number(1.0, "", "frame_median_rank"), number(0.0, "", "id_switches_masks")
    ('1.000', '1', '0')
    """
    is_whole = value == round(value) and abs(value) < 1e9
    if not unit and abs(value) <= 1 and not (is_whole and _COUNTS.fullmatch(name)):
        return f"{value:.3f}"
    if is_whole:
        return f"{value:,.0f}"
    return (
        f"{value:,.3f}" if abs(value) < 1 else f"{value:,.2f}" if abs(value) < 10 else _large(value)
    )


def _large(value: float) -> str:
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"


def unit_of(name: str, unit: str) -> str:
    """Return the unit of a metric, or "" if its name already includes it.

    >>> unit_of("peak_mb", "MiB"), unit_of("frames_per_s", "1/s")
    ('MiB', '')
    """
    return "" if unit.lower().removeprefix("1/") in name.lower().split("_") else unit


def families(metrics: Iterable[Metric]) -> dict[str, list[Metric]]:
    """Group metrics by family, in the order of `FAMILIES` and then of appearance."""
    by_family: dict[str, list[Metric]] = {family: [] for family in FAMILIES}
    for metric in metrics:
        by_family.setdefault(metric.family, []).append(metric)
    return {family: group for family, group in by_family.items() if group}


def slices(metrics: Iterable[Metric]) -> list[str]:
    """Return the slices that occur, "all" first, then in order of appearance."""
    return sorted(dict.fromkeys(metric.slice for metric in metrics), key=lambda name: name != ALL)


def tables(metrics: Sequence[Metric]) -> list[tuple[list[str], list[str]]]:
    """Return (names, slices) of each table of one family.

    Metrics with the same slices share a table. A slice that equals "all" in every metric of its
    table is left out.
    """
    by_name: dict[str, dict[str, Metric]] = {}
    for metric in metrics:
        by_name.setdefault(metric.name, {})[metric.slice] = metric
    together: dict[frozenset[str], list[str]] = {}
    for name, by_slice in by_name.items():
        together.setdefault(frozenset(by_slice), []).append(name)
    grouped = []
    for names in together.values():
        columns = slices(metric for name in names for metric in by_name[name].values())
        telling = [
            column
            for column in columns
            if any(not _is_whole(by_name[name], column) for name in names)
        ]
        grouped.append((names, [ALL, *telling] if ALL in columns else telling))
    return grouped


def _is_whole(by_slice: Mapping[str, Metric], name: str) -> bool:
    """Return whether a slice holds everything that the metric was computed over."""
    all_metric, part = by_slice.get(ALL), by_slice.get(name)
    return (
        all_metric is not None
        and part is not None
        and (all_metric.value, all_metric.count) == (part.value, part.count)
    )


def headlines(metrics: Sequence[Metric], first: str = "") -> list[Metric]:
    """Return the few metrics that summarise an evaluation, over all queries and with a value.

    The metric named `first` leads. A family without a known headline is represented by its first
    metric.
    """
    of_all = [metric for metric in metrics if metric.slice == ALL and metric.value is not None]
    chosen = [
        metric for metric in of_all if first in (metric.name, f"{metric.family}.{metric.name}")
    ][:1]
    for pattern in _HEADLINES:
        chosen += [metric for metric in of_all if re.fullmatch(pattern, metric.name)][:_OF_EACH]
    chosen = list(dict.fromkeys(chosen))[:_HEADLINES_AT_MOST]
    unnamed = {metric.family for metric in of_all} - {metric.family for metric in chosen}
    return chosen + [group[0] for family, group in families(of_all).items() if family in unnamed]
