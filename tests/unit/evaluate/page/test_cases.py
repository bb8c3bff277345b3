"""Which cases are looked at first."""

from hypothesis import given
from hypothesis import strategies as st

from trawl.evaluate.page.cases import by_kind, worst_first
from trawl.records.truth import Case


def case(kind: str, severity: float, text: str = "a red star") -> Case:
    return Case(kind, text, severity, "what happened")


def test_every_kind_has_its_turn() -> None:
    cases = [case("missed", s) for s in (9, 8, 7, 6)] + [
        case("false", 0.5),
        case("false", 0.4),
        case("ranked", 50),
    ]
    chosen = worst_first(cases, 5)
    assert [(item.kind, item.severity) for item in chosen] == [
        ("missed", 9), ("missed", 8), ("false", 0.5), ("false", 0.4), ("ranked", 50),
    ]  # fmt: skip


def test_ties_do_not_depend_on_the_order_they_come_in() -> None:
    cases = [case("poor", 1.0, text) for text in "dbca"]
    assert worst_first(cases, 2) == worst_first(cases[::-1], 2) and [
        c.text for c in worst_first(cases, 2)
    ] == [
        "a",
        "b",
    ]


KINDS = st.sampled_from(["missed", "poor", "false", "ranked", "unheard_of"])


@given(st.lists(st.builds(case, KINDS, st.floats(0, 100))), st.integers(0, 20))
def test_none_left_out_is_worse_than_one_of_its_kind_that_is_shown(
    cases: list[Case], most: int
) -> None:
    chosen = worst_first(cases, most)
    assert len(chosen) == min(most, len(cases))
    for kind, shown in by_kind(chosen).items():
        every = sorted((item.severity for item in cases if item.kind == kind), reverse=True)
        assert [item.severity for item in shown] == every[: len(shown)]
