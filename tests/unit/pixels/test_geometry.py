"""Square pixels and the crop of collimated borders."""

import numpy as np
import pytest

from dicom_gateway.geometry import field_box, with_square_pixels
from dicom_gateway.polarity import looks_inverted
from tests.phantoms import COLUMNS, ROWS, bordered, chest, gradient, step_wedge

FIELD = chest(400, 400) * 0.9 + 0.05


def box(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Give the field as (top, bottom, left, right)."""
    rows, columns = field_box(pixels)
    return (rows.start, rows.stop, columns.start, columns.stop)


@pytest.mark.parametrize("level", [0.0, 0.01, 0.99, 1.0])
@pytest.mark.parametrize(
    ("blades", "expected"),
    [
        ({}, (0, 400, 0, 400)),
        ({"top": 50}, (50, 400, 0, 400)),
        ({"left": 30, "right": 60}, (0, 400, 30, 340)),
        ({"top": 40, "bottom": 80, "left": 30, "right": 60}, (40, 320, 30, 340)),
        ({"top": 20}, (0, 400, 0, 400)),
        ({"top": 150, "bottom": 100}, (0, 400, 0, 400)),
    ],
)
def test_the_field(level: float, blades: dict[str, int], expected: tuple[int, int, int, int]) -> None:
    """Blades of at least a sixteenth are outside the field, unless they would leave less than half."""
    assert box(bordered(FIELD, level, **blades)) == expected


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_grey_borders_stay(level: float) -> None:
    """A uniform border that is neither black nor white is kept."""
    assert box(bordered(FIELD, level, top=60, left=60)) == (0, 400, 0, 400)


def test_a_marker_on_the_blade() -> None:
    """A bright side marker on a black blade stops the crop there: nothing written on the image is lost."""
    marked = bordered(FIELD, 0, top=80)
    marked[30:50, 20:60] = 1
    assert box(marked) == (30, 400, 0, 400)


def test_dead_pixels_on_the_blade() -> None:
    """One dead pixel in a thousand on a black blade does not stop the crop."""
    speckled = bordered(chest(400, 1000) * 0.9 + 0.05, 0, top=80)
    speckled[40, 100] = 1
    assert box(speckled) == (80, 400, 0, 1000)


def test_black_and_white_images() -> None:
    """An image that is all border is kept whole."""
    assert box(np.zeros((300, 200), np.float32)) == (0, 300, 0, 200)
    assert box(np.ones((300, 200), np.float32)) == (0, 300, 0, 200)


@pytest.mark.parametrize(("aspect", "shape"), [(1.0, (160, 144)), (1.5, (240, 144)), (0.5, (160, 288))])
def test_stretching(aspect: float, shape: tuple[int, int]) -> None:
    """Stretching changes one side and keeps the picture: between pixel centres a ramp stays linear."""
    stretched = with_square_pixels(gradient(), aspect)
    assert stretched.shape == shape
    assert stretched.dtype == np.float32
    y, x = np.indices(shape) + 0.5
    rows = np.clip(y * ROWS / shape[0] - 0.5, 0, ROWS - 1)
    columns = np.clip(x * COLUMNS / shape[1] - 0.5, 0, COLUMNS - 1)
    np.testing.assert_allclose(stretched, (rows + columns) / (ROWS + COLUMNS - 2), atol=1e-5)


def test_stretching_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a side nor the whole grows beyond the largest that is allowed."""
    monkeypatch.setattr("dicom_gateway.geometry.MAXIMUM_SIDE", 200)
    assert with_square_pixels(gradient(), 2.0).shape == (200, 90)
    monkeypatch.setattr("dicom_gateway.geometry.MAXIMUM_PIXELS", 11520)
    assert with_square_pixels(gradient(), 2.0).shape == (160, 72)


@pytest.mark.parametrize(("rows", "columns"), [(512, 448), (300, 400), (128, 128)])
def test_polarity_of_a_chest(rows: int, columns: int) -> None:
    """A chest phantom is not inverted, and its negative is."""
    assert not looks_inverted(chest(rows, columns))
    assert looks_inverted(1 - chest(rows, columns))


@pytest.mark.parametrize("blade", [0.0, 1.0])
def test_polarity_of_a_chest_between_blades(blade: float) -> None:
    """Blades of either colour beside it do not make a true chest look inverted."""
    assert not looks_inverted(bordered(chest(), blade, left=40, right=40, top=30))


@pytest.mark.parametrize("other", [gradient(), 1 - gradient(), step_wedge(), np.full((200, 200), 0.5, np.float32)])
def test_polarity_of_what_is_no_chest(other: np.ndarray) -> None:
    """Nothing is said of images that are no chest."""
    assert not looks_inverted(other)
