"""Worse pictures: the same every time, worse with every severity, and as large as before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import peak_signal_noise_ratio

from trawl.errors import ConfigError
from trawl.evaluate.robustness.perturb import (
    NAMES,
    Perturbation,
    disk,
    line,
    parse,
    perturb,
    seed_of,
)

OF_PICTURES = ("noise", "blur", "motion", "dark")


def drawn(height: int = 96, width: int = 128) -> np.ndarray:
    """Edges, gradients and colours."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack(
        [x * 255 // width, y * 255 // height, (x // 8 + y // 8) % 2 * 160 + 40], -1
    ).astype(np.uint8)
    picture[height // 4 : height // 2, width // 4 : width // 2] = (230, 40, 40)
    return picture


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", [1, 2, 3])
def test_the_same_seed_and_frame_give_the_same_picture(name: str, severity: int) -> None:
    picture, what = drawn(), Perturbation(name, severity)
    stored = picture.copy()
    first = perturb(picture, what, 5, 3)
    assert first.shape == picture.shape and first.dtype == np.uint8
    assert np.array_equal(first, perturb(picture, what, 5, 3))
    assert np.array_equal(picture, stored), "the original was changed"


@pytest.mark.parametrize("name", OF_PICTURES)
def test_more_severe_is_further_from_the_clean_picture(name: str) -> None:
    picture = drawn()
    psnr = [
        peak_signal_noise_ratio(picture, perturb(picture, Perturbation(name, level), 1, 0))
        for level in (1, 2, 3)
    ]
    assert psnr[0] > psnr[1] + 0.5 > psnr[2] + 1.0


def test_a_lower_bitrate_is_the_encoder_s_business() -> None:
    for name in ("bitrate", "recoded"):
        assert np.array_equal(perturb(drawn(), Perturbation(name, 3), 1, 0), drawn())
    crfs = [Perturbation("bitrate", level).crf for level in (1, 2, 3)]
    assert crfs == sorted(set(crfs)) and crfs[0] > Perturbation("noise", 3).crf


@pytest.mark.parametrize("name", ["noise", "dark"])
def test_noise_differs_between_frames_and_videos(name: str) -> None:
    what = Perturbation(name, 2)
    shown = [perturb(drawn(), what, seed, index) for seed, index in ((1, 0), (1, 1), (2, 0))]
    assert not np.array_equal(shown[0], shown[1]) and not np.array_equal(shown[0], shown[2])


def test_noise_is_as_strong_as_it_says() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    for level, sigma in ((1, 0.08), (2, 0.12), (3, 0.18)):
        result = perturb(grey, Perturbation("noise", level), 1, 0).astype(float) - 128
        assert result.std() / 255 == pytest.approx(sigma, rel=0.03) and abs(result.mean()) < 1


def test_a_shaking_camera_shakes_one_way_through_a_video() -> None:
    point = np.zeros((65, 65, 3), np.uint8)
    point[32, 32] = 255
    what = Perturbation("motion", 3)
    assert np.array_equal(perturb(point, what, 1, 0), perturb(point, what, 1, 9))
    assert not np.array_equal(perturb(point, what, 1, 0), perturb(point, what, 2, 0))


@pytest.mark.parametrize(
    "kernel", [disk(3.0), disk(0.4), disk(7.3), line(10, 3, 0), line(4.4, 2, 37), line(0.9, 3, -45)]
)
def test_blur_moves_nothing(kernel: np.ndarray) -> None:
    """The centre of mass stays, or the ground truth would no longer lie on the objects."""
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]]
    middle = (kernel.shape[0] - 1) / 2
    assert [(kernel * x).sum(), (kernel * y).sum()] == pytest.approx([middle, middle], abs=1e-3)


def test_a_line_lies_where_its_angle_says() -> None:
    along_rows, along_columns = line(6, 3, 0), line(6, 3, 90)
    assert along_rows[along_rows.shape[0] // 2].sum() == pytest.approx(1, abs=1e-5)
    assert np.allclose(along_rows.T, along_columns, atol=1e-6)


def test_blur_grows_with_the_picture() -> None:
    """A picture of twice the size looks the same after the blur of twice the length."""
    small = drawn(112, 112)
    large = small.repeat(2, 0).repeat(2, 1)
    for name in ("blur", "motion"):
        what = Perturbation(name, 2)
        back = perturb(large, what, 1, 0).reshape(112, 2, 112, 2, 3).mean((1, 3))
        assert peak_signal_noise_ratio(perturb(small, what, 1, 0), back.astype(np.uint8)) > 30


@given(arrays(np.uint8, (12, 10, 3)), st.sampled_from([1, 2, 3]))
def test_the_dark_has_no_light_of_its_own(picture: np.ndarray, severity: int) -> None:
    """Nothing gets brighter but by its noise, six standard deviations of it at most."""
    darker = perturb(picture, Perturbation("dark", severity), 1, 0).astype(int)
    assert (darker - picture <= 6 * 0.098 * 255).all()
    assert darker.mean() <= max(picture.mean(), 30)


def test_light_pictures_get_dark() -> None:
    means = [perturb(drawn(), Perturbation("dark", level), 1, 0).mean() for level in (1, 2, 3)]
    assert drawn().mean() > means[0] > means[1] > means[2]


def test_words() -> None:
    assert parse("noise") == Perturbation("noise", 2)
    assert parse("bitrate-3") == Perturbation("bitrate", 3)
    assert str(parse("dark-1")) == "dark-1"


@pytest.mark.parametrize("word", ["nois", "noise-4", "noise-0", "noise-", "noise-x", "", "-2"])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(ConfigError, match=f"evaluation.robustness={word}"):
        parse(word)


def test_a_video_s_seed_is_its_name_s() -> None:
    assert seed_of("test/0001.mp4") == seed_of("test/0001.mp4") != seed_of("test/0002.mp4")
