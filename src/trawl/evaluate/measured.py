"""Defines the result of a measurement, and means by slice that become metrics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trawl.records.truth import Case, Curve, Metric

ALL = "all"


@dataclass(frozen=True, slots=True)
class MeanSpec:
    """Describes how a mean is reported; `why` explains a mean over nothing."""

    name: str
    why: str
    better: str = "higher"
    unit: str = ""


class SliceMeans:
    """Adds up named values and counts in every slice."""

    def __init__(self, family: str, specs: Iterable[MeanSpec]) -> None:
        self._family = family
        self._specs = list(specs)
        self._sums: dict[str, dict[str, tuple[float, int]]] = {ALL: {}}

    def add(self, slices: Iterable[str], values: Mapping[str, float | None]) -> None:
        """Add the values of one item to "all" and to its slices; a value of None is left out."""
        for where in (ALL, *slices):
            held = self._sums.setdefault(where, {})
            for name, value in values.items():
                if value is not None:
                    total, count = held.get(name, (0.0, 0))
                    held[name] = total + value, count + 1

    def metrics(self) -> list[Metric]:
        """Return every mean in every slice, "all" first; null with a reason if it is empty."""
        slices = [ALL, *sorted(set(self._sums) - {ALL})]
        return [self._metric(spec, where) for where in slices for spec in self._specs]

    def _metric(self, spec: MeanSpec, where: str) -> Metric:
        total, count = self._sums[where].get(spec.name, (0.0, 0))
        value, why = (total / count, "") if count else (None, spec.why)
        return Metric(self._family, spec.name, value, where, why, spec.unit, spec.better, count)


@dataclass
class Measured:
    """Holds the result of one measurement, or the sum of several: metrics, curves and cases.

    >>> masks = Measured([Metric("masks", "j", 0.5)])
    >>> (masks + Measured([Metric("masks", "f", 0.25)])).metrics[1].name
    'f'
    """

    metrics: list[Metric] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)

    def __add__(self, other: "Measured") -> "Measured":
        return Measured(
            self.metrics + other.metrics, self.curves + other.curves, self.cases + other.cases
        )
