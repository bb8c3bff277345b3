from hypothesis import given
from hypothesis import strategies as st

from trawl.records.search import Segment
from trawl.track.clips import plan_clips

WHERE = {video: (f"/corpus/{video}", f"print-{video}") for video in "ab"}


def segment(video, start_s, end_s, score=0.5):
    return Segment(video, start_s, end_s, score, 0, (start_s + end_s) / 2, 1)


def test_overlapping_texts_share_a_clip_and_neighbours_do_not():
    found = [
        ("a star", segment("a", 0, 4)),
        ("a ring", segment("a", 3, 6)),
        ("a ring", segment("a", 6, 8)),
        ("a star", segment("b", 0, 4, 0.9)),
    ]
    clips = plan_clips(found, WHERE)
    assert [(c.video_id, c.start_s, c.end_s, [t.phrase for t in c.targets]) for c in clips] == [
        ("b", 0, 4, ["a star"]),
        ("a", 0, 6, ["a star", "a ring"]),
        ("a", 6, 8, ["a ring"]),
    ]
    assert (clips[1].uri, clips[1].fingerprint) == WHERE["a"]


def test_an_id_belongs_to_what_is_done():
    (first,) = plan_clips([("a star", segment("a", 0, 4))], WHERE)
    (again,) = plan_clips([("a star", segment("a", 0, 4, 0.7))], WHERE)
    (other,) = plan_clips([("a ring", segment("a", 0, 4))], WHERE)
    (changed,) = plan_clips([("a star", segment("a", 0, 4))], {"a": ("/corpus/a", "new bytes")})
    assert first.clip_id == again.clip_id
    assert len({first.clip_id, other.clip_id, changed.clip_id}) == 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x", "y"]),
            st.sampled_from("ab"),
            st.integers(0, 50),
            st.integers(1, 20),
        ),
        max_size=20,
    )
)
def test_clips_are_disjoint_and_cover_every_segment_once(given_segments):
    found = [
        (phrase, segment(video, start, start + length))
        for phrase, video, start, length in given_segments
    ]
    clips = plan_clips(found, WHERE)
    for phrase, one in found:
        inside = [
            c
            for c in clips
            if c.video_id == one.video_id and c.start_s <= one.start_s and one.end_s <= c.end_s
        ]
        assert len(inside) == 1
        assert any(
            t.phrase == phrase and t.best_time_s == one.best_time_s for t in inside[0].targets
        )
    for a in clips:
        assert not any(
            b is not a and b.video_id == a.video_id and b.start_s < a.end_s and a.start_s < b.end_s
            for b in clips
        )
    assert sum(len(c.targets) for c in clips) == len(found)
