"""benchmarks/tuning.py: rules for tracks and masks, on scenes small enough to count, and its places
in docs/tuning.md.
"""

import pytest
from beside_truth import STAR, paired, square, track, truth

from benchmarks import tuning
from trawl import cli
from trawl.config.jobs import EvaluateConfig
from trawl.evaluate.clip import ClipQuery
from trawl.records.tracking import Flag

LEFT, RIGHT, BELOW = ({n: square(*place) for n in range(10)} for place in ((5,), (50,), (5, 38)))


def run(
    *clips, new_score: float = 0.1, min_support: float = 0.25, **facts: tuple[float, float, float]
) -> tuning.Run:
    config = cli.compose(
        "evaluate",
        EvaluateConfig,
        ["+dataset=demo", f"tracking.new_score={new_score}", f"tracking.min_support={min_support}"],
    )
    return tuning.Run(
        config, list(clips), {name: tuning.Facts(*three) for name, three in facts.items()}
    )


def right_and_false() -> tuning.Run:
    """A star found at (5, 10), and a track of nothing whose detections are weak and few."""
    clip = paired([truth(1, LEFT)], [track("good", LEFT, 0.8), track("false", RIGHT, 0.12)])
    return run(clip, good=(0.8, 0.6, 0.9), false=(0.12, 0.012, 0.9))


def rows(lines) -> dict[str, list[str]]:
    """Cells after the first, by the first, or by the first two where these are numbers."""
    cells = [
        [cell.strip(" *") for cell in line.split("|")[1:-1]]
        for line in lines
        if line.startswith("|")
    ]
    return {" ".join(row[:2]) if row[0][:1] in "0123456789" else row[0]: row for row in cells}


def test_a_rule_leaves_out_what_it_does_not_believe() -> None:
    here = right_and_false()
    found = rows(tuning.believed(here))
    assert found["0 0"][2:5] == ["2", "1.000", "1.000"]  # tracks, found, false
    assert found["0.1 0"][2:5] == ["2", "1.000", "1.000"]
    assert found["0 0.25"][2:5] == found["0.2 0"][2:5] == ["1", "1.000", "0.000"]


def test_the_row_of_the_settings_is_bold() -> None:
    (bold,) = [line for line in tuning.believed(right_and_false()) if "**" in line]
    assert bold.startswith("| **0.1** | **0.25** |")


def test_a_track_is_wrong_that_is_a_second_one_or_overlaps_too_little_or_nothing() -> None:
    part = {n: square(5) for n in range(3)}  # 3 of 10 frames
    clip = paired(
        [truth(1, LEFT), truth(2, BELOW)],
        [
            track("good", LEFT),
            track("again", part),
            track("short", {n: square(5, 38) for n in range(4)}),
            track("x", RIGHT),
        ],
    )
    wrong = {one.track_id: wrong for one, wrong in tuning.wrong_tracks(clip.texts[0], 0.1)}
    assert wrong == {"good": False, "again": True, "short": True, "x": True}


def test_tracks_of_what_does_not_count_are_neither() -> None:
    clip = paired(
        [truth(1, LEFT), truth(2, RIGHT)],
        [track("x", RIGHT)],
        queries=[ClipQuery(STAR, (1,), (2,))],
    )
    assert not list(tuning.wrong_tracks(clip.texts[0], 0.1))


def test_doubts_name_wrong_tracks() -> None:
    clip = paired(
        [truth(1, LEFT)],
        [track("good", LEFT, flags={0: ("border",)}), track("x", RIGHT, flags={1: ("lost",)})],
    )
    here = run(clip, good=(0.8, 0.6, 0.9), x=(0.8, 0.28, 0.6))
    found = rows(tuning.doubted(here, here.clips))
    assert found["any flag but `border` and `overlap`"][1:] == ["50%", "1.00", "1.00"]
    assert found["`border` anywhere"][1:] == ["50%", "0.00", "0.00"]
    assert found["mean / best detection < 0.3"][1:] == ["0%", "–", "0.00"]
    assert found["mean mask score < 0.7, or mean / best detection < 0.4"][1:] == [
        "50%",
        "1.00",
        "1.00",
    ]


def test_low_score_is_drawn_anew_at_each_threshold() -> None:
    """The tracker's scores rise from 0.5 to 0.9 over ten rows; the mask of the first is wrong."""
    film = {n: square(50) if n == 0 else square(5) for n in range(10)}
    clip = paired([truth(1, LEFT)], [track("t", film, flags={9: ("low_score", "border")})])
    here = run(clip, t=(0.8, 0.6, 0.7))
    found = rows(tuning.flagged(here, here.clips))
    assert found["`low_score` at 0.5"][1:] == ["0.0%", "–", "0.000"]
    assert found["`low_score` at 0.6"][1:] == ["30.0%", "0.333", "1.000"]  # 0.5, 0.54, 0.59
    assert found["`border`"][1:] == ["10.0%", "0.000", "0.000"]
    again = tuning.with_low_score(clip, 0.6).texts[0].tracks[0]
    assert [Flag.LOW_SCORE in row for row in again.flags] == [True] * 3 + [False] * 7
    assert again.flags[9] == ("border",)


def test_a_track_without_detections_has_no_share() -> None:
    assert tuning.Facts(0.0, 0.0, 0.9).share == 0


@pytest.mark.parametrize("name", ["believed", "doubted", "flagged"])
def test_the_page_has_a_place_for_each_table(name: str) -> None:
    page = tuning.PAGE.read_text()
    changed = tuning.put(page, name, "| new |")
    assert "| new |" in changed
    assert tuning.put(changed, name, table_of(page, name)) == page


def table_of(page: str, name: str) -> str:
    inside = page.partition(tuning.START.format(name))[2].partition(tuning.END)[0]
    return inside.removeprefix("\n").removesuffix("\n\n")
