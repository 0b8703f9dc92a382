import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import NotAnalysable
from domain.finding import RefusalCode
from model.area import SIDE, area_average

Image = npt.NDArray[np.float32]


def _phantom(rows: int, columns: int) -> Image:
    """A smooth chest-like image: each pixel is the mean of the same scene over its own area, to second order."""
    y = (np.arange(rows) + 0.5)[:, np.newaxis] / rows
    x = (np.arange(columns) + 0.5)[np.newaxis, :] / columns
    lungs = sum(np.exp(-(((x - centre) / 0.15) ** 2) - ((y - 0.5) / 0.3) ** 2) for centre in (0.3, 0.7))
    return np.asarray(0.8 - 0.6 * lungs, np.float32)


def _area_matrix(size: int) -> npt.NDArray[np.float64]:
    """The definition: share of pixel k in band i, over the band's length."""
    lower = np.arange(SIDE)[:, np.newaxis] * size / SIDE
    pixel = np.arange(size)
    share = np.minimum(lower + size / SIDE, pixel + 1) - np.maximum(lower, pixel)
    return np.clip(share, 0, None) * SIDE / size


def _refusal(image: Image) -> RefusalCode:
    with pytest.raises(NotAnalysable) as refused:
        area_average(image)
    return refused.value.code


@settings(deadline=None, max_examples=25)
@given(rows=st.integers(128, 700), columns=st.integers(128, 700), seed=st.integers(0, 2**32 - 1))
def test_equals_exact_area_averaging(rows: int, columns: int, seed: int) -> None:
    """Whatever the size, each value is the exact fractional area average of its part of the image."""
    image = np.random.default_rng(seed).random((rows, columns), np.float32)
    expected = _area_matrix(rows) @ image.astype(np.float64) @ _area_matrix(columns).T
    np.testing.assert_allclose(area_average(image)[..., 0], expected, atol=2e-6)


def test_gives_one_tensor_in_range() -> None:
    """The answer is (150, 150, 1) float32, contiguous, in [0, 1], also when the image touches both ends."""
    image = np.zeros((333, 481), np.float32)
    image[:, 200:] = 1.0
    tensor = area_average(image)
    assert tensor.shape == (SIDE, SIDE, 1)
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    assert (tensor.min(), tensor.max()) == (0.0, 1.0)


def test_150_by_150_stays_as_it_is() -> None:
    """An image that already has the tensor's size is not touched."""
    image = _phantom(SIDE, SIDE)
    np.testing.assert_array_equal(area_average(image)[..., 0], image)


def test_gradient_is_preserved_and_not_turned() -> None:
    """A ramp from left to right stays that ramp: no flip, no transposition, no offset."""
    columns = 1200
    ramp = np.tile((np.arange(columns, dtype=np.float32) + 0.5) / columns, (900, 1))
    expected = np.tile((np.arange(SIDE) + 0.5) / SIDE, (SIDE, 1))
    np.testing.assert_allclose(area_average(ramp)[..., 0], expected, atol=1e-5)


def test_smooth_image_does_not_depend_on_resolution() -> None:
    """One scene sampled at 224 x 224 and at 2500 x 2048 gives nearly one tensor."""
    difference = np.abs(area_average(_phantom(224, 224)) - area_average(_phantom(2500, 2048)))
    assert difference.max() < 2e-3


def test_fine_pattern_does_not_alias(rng: np.random.Generator) -> None:
    """A one-pixel checkerboard over a ramp vanishes into its mean instead of making moire."""
    rows, columns = 1501, 1999
    board = np.indices((rows, columns)).sum(axis=0) % 2 * 0.5
    ramp = np.linspace(0.0, 0.5, columns)[np.newaxis, :]
    tensor = area_average((board + ramp).astype(np.float32))[..., 0]
    np.testing.assert_allclose(
        tensor, area_average(np.tile(ramp + 0.25, (rows, 1)).astype(np.float32))[..., 0], atol=0.01
    )


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_constant_image_is_refused(level: float) -> None:
    """One grey level cannot be read."""
    assert _refusal(np.full((300, 300), level, np.float32)) is RefusalCode.FLAT_IMAGE


def test_constant_image_with_dead_pixels_is_refused() -> None:
    """A few bright pixels do not make contrast."""
    image = np.full((1500, 1500), 0.4, np.float32)
    image[:15, :15] = 1.0
    assert _refusal(image) is RefusalCode.FLAT_IMAGE


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.5])
def test_values_that_are_no_grey_levels_are_refused(value: float) -> None:
    """NaN, infinity and anything outside [0, 1] is refused, even in one pixel."""
    image = _phantom(200, 200)
    image[3, 4] = value
    assert _refusal(image) is RefusalCode.UNDECODABLE


@pytest.mark.parametrize("shape", [(127, 500), (500, 1)])
def test_thumbnail_is_refused(shape: tuple[int, int]) -> None:
    """An image with a side below 128 is refused by size."""
    assert _refusal(np.zeros(shape, np.float32)) is RefusalCode.IMAGE_SIZE


def test_wrong_type_is_the_callers_mistake() -> None:
    """An array that is no (H, W) float32 is a ValueError that says what came."""
    with pytest.raises(ValueError, match=r"\(200, 200, 1\)"):
        area_average(_phantom(200, 200)[..., np.newaxis])
    with pytest.raises(ValueError, match="float64"):
        area_average(_phantom(200, 200).astype(np.float64))  # type: ignore[arg-type]


def test_argument_is_left_alone() -> None:
    """The image that was given is not changed."""
    image = _phantom(200, 300)
    before = image.copy()
    area_average(image)
    np.testing.assert_array_equal(image, before)
