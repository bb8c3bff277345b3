"""Every reason is explained, in the terminal and in the docs alike."""

from pathlib import Path

import pytest

from trawl.failures.reasons import EXPLANATIONS, explain
from trawl.records.video import PASSING_REASONS, Reason

DOCS = (Path(__file__).parents[3] / "docs" / "failures.md").read_text()


def test_every_reason_has_its_own_explanation() -> None:
    assert list(EXPLANATIONS) == list(Reason)
    assert len({told.meaning for told in EXPLANATIONS.values()}) == len(Reason)


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_the_docs_say_the_same(reason: Reason) -> None:
    told = explain(reason.value)
    mark = " *" if reason in PASSING_REASONS else ""
    assert f"| `{reason}`{mark} | {told.meaning} | {told.remedy} |\n" in DOCS


@pytest.mark.parametrize("reason", sorted(PASSING_REASONS), ids=str)
def test_what_is_tried_again_by_itself_is_told_so(reason: Reason) -> None:
    assert "tried again by itself" in explain(reason).remedy


@pytest.mark.parametrize("reason", [None, "of_a_newer_version"])
def test_a_reason_that_this_version_does_not_know(reason: str | None) -> None:
    assert "does not know" in explain(reason).meaning
