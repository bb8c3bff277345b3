"""Means by slice; nothing added is null with its reason, never zero."""

from trawl.evaluate.measured import MeanSpec, SliceMeans
from trawl.records.truth import Metric


def test_means_counts_and_reasons() -> None:
    tally = SliceMeans(
        "masks", [MeanSpec("j", "no object"), MeanSpec("decay", "too short", "lower", "s")]
    )
    tally.add(["pair=seen"], {"j": 1.0, "decay": None})
    tally.add([], {"j": 0.5, "decay": 0.25})
    assert tally.metrics() == [
        Metric("masks", "j", 0.75, "all", count=2),
        Metric("masks", "decay", 0.25, "all", unit="s", better="lower", count=1),
        Metric("masks", "j", 1.0, "pair=seen", count=1),
        Metric("masks", "decay", None, "pair=seen", "too short", "s", "lower", 0),
    ]


def test_nothing_added() -> None:
    (metric,) = SliceMeans("masks", [MeanSpec("j", "no object")]).metrics()
    assert (metric.value, metric.why, metric.count) == (None, "no object", 0)
