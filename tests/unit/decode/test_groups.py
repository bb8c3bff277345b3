import numpy as np
import pytest

from trawl.decode.groups import Groups

# Decode order: I0 P3 B1 B2 | I6 B4 B5 P9 B7 B8 (4 and 5 lead: they are stored behind I6 and shown
# before it)
POSITION = np.array([0, 3, 1, 2, 6, 4, 5, 9, 7, 8])
KEYFRAME = np.isin(POSITION, [0, 6])


def groups() -> Groups:
    return Groups(pts=POSITION * 100, position=POSITION, keyframe=KEYFRAME)


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ([], []),
        ([0], [0]),
        ([3], [0, 1]),
        ([2], [0, 1, 2, 3]),
        ([6], [4]),
        ([9], [4, 7]),
        ([0, 9], [0, 4, 7]),
        ([4], [0, 1, 2, 3, 4, 5]),
        ([8], [4, 7, 8, 9]),
    ],
    ids=str,
)
def test_needed_is_the_group_up_to_the_picture(wanted, places):
    assert np.flatnonzero(groups().needed(np.array(wanted, np.int64))).tolist() == places


@pytest.mark.parametrize(
    ("bad", "spoilt"),
    [(0, [0, 1, 2, 3, 5, 6]), (1, [1, 2, 3, 5, 6]), (4, [4, 5, 6, 7, 8, 9]), (8, [8, 9])],
    ids=["keyframe", "middle", "second keyframe", "near the end"],
)
def test_a_bad_packet_spoils_the_rest_of_its_group_and_what_leads_the_next(bad, spoilt):
    both = groups()
    both.spoil(bad)
    assert [place for place in range(len(POSITION)) if both.is_spoilt(place)] == spoilt


def test_the_earliest_bad_packet_counts():
    both = groups()
    both.spoil(3)
    both.spoil(1)
    assert both.is_spoilt(1)


def test_a_picture_is_settled_by_the_latest_shown_before_it_in_decode_order():
    assert groups().settled_by.tolist() == [0, 3, 3, 3, 6, 6, 6, 9, 9, 9]


def test_a_stream_without_any_keyframe_is_one_group():
    one = Groups(POSITION, POSITION, np.zeros(10, bool))
    assert one.needed(np.array([8])).all()
