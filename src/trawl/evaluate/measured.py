"""What a measurement hands on: numbers for the table, lines for the plots, and cases for people to
look at.
"""

from dataclasses import dataclass, field

from trawl.records.truth import Case, Curve, Metric


@dataclass
class Measured:
    """The result of one measurement, or of several added up.

    >>> (Measured([Metric("masks", "j", 0.5)]) + Measured([Metric("masks", "f", 0.25)])).metrics[1].name
    'f'
    """

    metrics: list[Metric] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)

    def __add__(self, other: "Measured") -> "Measured":
        return Measured(
            self.metrics + other.metrics, self.curves + other.curves, self.cases + other.cases
        )
