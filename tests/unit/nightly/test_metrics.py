from nights import asked, failing, night
from prometheus_client.parser import text_string_to_metric_families

from trawl.nightly.metrics import exposition
from trawl.nightly.page import About, Cost

ABOUT = About(Cost(1.5, 0.25, {"CPU": 0.06, "GPU": 0.3}, "USD"), 2.0, {}, ())


def samples(text: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    """By (name, values of the labels but the dataset's)."""
    families = text_string_to_metric_families(text.decode())
    found = [sample for family in families for sample in family.samples]
    assert all(sample.labels["dataset"] == "cams" for sample in found)
    return {
        (s.name, tuple(v for k, v in s.labels.items() if k != "dataset")): s.value for s in found
    }


def test_what_prometheus_reads() -> None:
    tonight = night(
        index=failing(2, 0.1), exit_code=5, standing={"red": [asked(), asked()]}, refused={"b": "x"}
    )
    found = samples(exposition(tonight, ABOUT))
    assert found["trawl_night_videos", ("indexed",)] == 8
    assert found["trawl_night_failures", ("truncated",)] == 2
    assert found["trawl_night_exit_code", ()] == 5
    assert found["trawl_lag_videos", ()] == found["trawl_lag_unusable_videos", ()] == 2
    assert found["trawl_standing_tracks", ("red",)] == 6
    assert found["trawl_standing_refused", ()] == 1
    assert found["trawl_night_duration_seconds", ()] == 1800
    ended, published = (
        found["trawl_night_end_timestamp_seconds", ()],
        found["trawl_published_timestamp_seconds", ()],
    )
    assert ended == tonight.started_at.timestamp() + 1800
    assert ended - published == 7200
    assert round(found["trawl_night_money", ()], 6) == 0.36


def test_a_night_that_ended_before_it_indexed() -> None:
    about = About(Cost(0, 0, {}, "USD"), None, {}, ())
    found = samples(exposition(night(index=None, exit_code=2, ended_by="away"), about))
    assert found["trawl_night_exit_code", ()] == 2
    assert not {name for name, _ in found} & {
        "trawl_published_timestamp_seconds",
        "trawl_published_number",
    }


def test_names_are_escaped() -> None:
    found = samples(exposition(night(standing={'a "b"\n\\': [asked()]}), ABOUT))
    assert found["trawl_standing_masks", ('a "b"\n\\',)] == 420
