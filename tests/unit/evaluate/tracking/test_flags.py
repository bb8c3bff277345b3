"""Flags as detectors of wrong masks."""

from beside_truth import STAR, paired, square, track, truth, values

from trawl.config.steps import EvaluationConfig
from trawl.evaluate.clip import ClipQuery
from trawl.evaluate.tracking.flags import Flags

LEFT, RIGHT = {n: square(5) for n in range(10)}, {n: square(50) for n in range(10)}


def found(*clips) -> dict[str, float | None]:
    flags = Flags(EvaluationConfig())
    for clip in clips:
        flags.add(clip)
    return values(flags.measured())


def test_precision_and_recall() -> None:
    """Rows 6-9 are wrong; 5-7 are flagged."""
    film = {n: square(5) if n < 6 else square(50) for n in range(10)}
    flags = {n: ("low_score", "border") if n == 5 else ("low_score",) for n in (5, 6, 7)}
    result = found(paired([truth(1, LEFT)], [track("c1-0", film, flags=flags)]))
    assert result["wrong_masks"] == 0.4
    assert (result["flag_low_score_precision"], result["flag_low_score_recall"]) == (2 / 3, 0.5)
    assert (result["flag_border_precision"], result["flag_border_recall"]) == (0, 0)
    assert result["flag_speed_precision"] is None


def test_every_mask_of_a_false_track_is_wrong_and_guesses_are_no_masks() -> None:
    film = {**RIGHT, 8: None, 9: None}
    result = found(
        paired([truth(1, LEFT)], [track("c1-0", film, flags={0: ("speed",), 9: ("speed",)})])
    )
    assert (result["wrong_masks"], result["flag_speed_precision"], result["flag_speed_recall"]) == (
        1,
        1,
        1 / 8,
    )


def test_a_second_track_is_judged_by_the_object_it_follows() -> None:
    result = found(
        paired(
            [truth(1, LEFT)], [track("c1-0", LEFT), track("c1-1", {n: square(5) for n in range(3)})]
        )
    )
    assert result["wrong_masks"] == 0


def test_tracks_of_what_does_not_count_are_left_out() -> None:
    queries = [ClipQuery(STAR, (1,), (2,))]
    result = found(
        paired([truth(1, LEFT), truth(2, RIGHT)], [track("c1-1", RIGHT)], queries=queries)
    )
    assert set(result.values()) == {None}
