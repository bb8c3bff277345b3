"""Failed videos in the terminal."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from trawl.failures.terminal import group_table, groups, plain, row_lines


def row(
    video_id: str, reason: str | None, status: str = "failed", message: str = "as it was"
) -> dict[str, Any]:
    seen = {
        "attempts": 2,
        "size_bytes": 2_500_000,
        "updated_at": datetime(2026, 3, 1, 4, 5, tzinfo=UTC),
        "run_id": "run-7",
    }
    return {"video_id": video_id, "reason": reason, "status": status, "message": message, **seen}


ROWS = [
    row("a.mp4", "corrupt"),
    row("b.mp4", "corrupt", "quarantined"),
    row("c.mp4", "corrupt", "retry"),
    row("[/red]d\x1b[2J.mp4", "truncated", message="[link=x] moov"),
]


def shown(what: RenderableType) -> str:
    sink = io.StringIO()
    Console(file=sink, width=200).print(what)
    return sink.getvalue()


def test_groups_are_counted_by_status_and_the_largest_comes_first() -> None:
    first, second = groups(list(reversed(ROWS)))
    assert (first.reason, dict(first.counts)) == (
        "corrupt",
        {"failed": 1, "quarantined": 1, "retry": 1},
    )
    assert (second.reason, dict(second.counts)) == ("truncated", {"failed": 1})
    assert first.example == "c.mp4: as it was"
    assert groups([]) == []


def test_a_group_says_what_it_means_what_to_do_and_an_example() -> None:
    text = shown(group_table(groups(ROWS)))
    assert (
        "contradict themselves" in text
        and "Get another copy" in text
        and "a.mp4: as it was" in text
    )


def test_names_and_messages_are_neither_markup_nor_commands_to_the_terminal() -> None:
    for text in (shown(group_table(groups(ROWS))), shown(row_lines(ROWS))):
        assert "[/red]d\\x1b[2J.mp4" in text and "[link=x] moov" in text
        assert "\x1b" not in text


@pytest.mark.parametrize(
    ("size_bytes", "told"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1246, "1 kB"),
        (999_400, "999 kB"),
        (2_500_000, "2.5 MB"),
    ],
)
def test_a_size_is_told_in_a_unit_that_shows_it(size_bytes: int, told: str) -> None:
    assert f", {told}, " in shown(row_lines([row("a.mp4", "corrupt") | {"size_bytes": size_bytes}]))


def test_a_row_tells_all_of_a_video() -> None:
    lines = shown(row_lines(ROWS)).splitlines()
    assert lines[3:6] == [
        "b.mp4  corrupt",
        "  quarantined, 2 attempts, 2.5 MB, 2026-03-01 04:05, run run-7",
        "  as it was",
    ]
    assert len(lines) == 3 * len(ROWS)


def test_a_reason_of_a_newer_version_is_shown_all_the_same() -> None:
    text = shown(group_table(groups([row("a.mp4", "melted"), row("b.mp4", None)])))
    assert "melted" in text and "unknown" in text and "does not know" in text


def test_long_messages_are_cut() -> None:
    assert len(plain("x" * 5000)) == 300
