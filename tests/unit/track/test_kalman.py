import numpy as np
import pytest
from drawn_rows import row
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl.track.kalman import ConstantVelocity, centre, object_size, of_rows

steps = st.lists(st.floats(0.02, 0.5), min_size=10, max_size=30)


@settings(max_examples=40, deadline=None)
@given(steps, st.tuples(st.floats(-200, 200), st.floats(-200, 200)), st.floats(0.1, 2))
def test_a_steady_mover_is_predicted_whatever_the_time_steps(gaps, velocity, ahead_s):
    times, velocity = np.cumsum(gaps), np.array(velocity)
    state = ConstantVelocity(0.0, np.zeros(2), noise=0.01, drift=500.0)
    for time_s in times:
        state.update(time_s, velocity * time_s)
    expected, _ = state.predict(times[-1] + ahead_s)
    assert expected == pytest.approx(velocity * (times[-1] + ahead_s), abs=2.0)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 2), st.floats(0.05, 2), st.floats(0.1, 5), st.floats(1, 100))
def test_two_predictions_in_a_row_are_one(first, second, noise, drift):
    """Uncertainty does not depend on how a wait is cut: the process noise is that of continuous
    time.
    """
    state = ConstantVelocity(0.0, np.zeros(2), noise, drift)
    state.update(0.1, np.array([1.0, 0.0]))
    at_once = state._spread(0.1 + first + second)
    state.covariance, state.time_s = state._spread(0.1 + first), 0.1 + first
    assert np.allclose(state._spread(0.1 + first + second), at_once)


def test_doubt_grows_with_time_and_shrinks_with_measurements():
    state = ConstantVelocity(0.0, np.zeros(2), noise=1.0, drift=10.0)
    soon, later = state.predict(0.1)[1], state.predict(1.0)[1]
    assert soon < later
    for n in range(1, 10):
        state.update(n / 10, np.zeros(2))
    assert state.predict(1.9)[1] < later


def test_surprise_is_in_standard_deviations():
    state = ConstantVelocity(0.0, np.zeros(2), noise=3.0, drift=1e-9)
    assert state.update(1.0, np.array([3 * 2**0.5, 0.0])) == pytest.approx(1.0)


def test_rows_give_motion_forward_and_backward():
    rows = [row(n, 2 * n) for n in range(15)]
    ahead, _ = of_rows(rows, 0.01, 3.0).predict(2.4)
    back, _ = of_rows(rows, 0.01, 3.0, backward=True).predict(1.0)
    assert ahead == pytest.approx(centre(rows[0]) + np.array([48, 0]), abs=0.5)
    assert back == pytest.approx(centre(rows[0]) - np.array([20, 0]), abs=0.5)


def test_noise_scales_with_the_object():
    small = of_rows([row(0, 5, w=4, h=4)], 0.1, 3.0).predict(1.0)[1]
    large = of_rows([row(0, 5, w=8, h=8)], 0.1, 3.0).predict(1.0)[1]
    assert large == pytest.approx(4 * small)
    assert object_size([row(0, 5, w=8, h=8), row(1, 5, w=8, h=8)]) == 8.0
