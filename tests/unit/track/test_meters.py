"""Whose time it was, when one model asks another."""

import time

from trawl.track.meters import Meter


def test_the_inner_name_gets_the_time_on_both_clocks() -> None:
    meter = Meter()
    began = time.perf_counter(), time.process_time()
    with meter.of("ground"):
        time.sleep(0.02)
        with meter.of("track"):
            time.sleep(0.05)
            sum(range(200_000))
        time.sleep(0.01)
    passed = time.perf_counter() - began[0], time.process_time() - began[1]
    assert meter.wall_s["track"] >= 0.05 and meter.wall_s["ground"] >= 0.03
    assert 0.08 <= sum(meter.wall_s.values()) <= passed[0]
    assert 0 < meter.cpu_s["track"] <= sum(meter.cpu_s.values()) <= passed[1]
    assert meter.cpu_s["ground"] < meter.wall_s["ground"]  # it slept


def test_what_no_name_covers_is_nobody_s() -> None:
    meter = Meter()
    with meter.of("track"):
        pass
    time.sleep(0.05)
    with meter.of("track"):
        pass
    assert meter.wall_s["track"] < 0.05
