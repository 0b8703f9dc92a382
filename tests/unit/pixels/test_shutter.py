"""Display Shutters: what the maker hides is neither shown nor counted."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_gateway.decode import decode_pixels
from dicom_gateway.display import DisplayImage, to_display
from dicom_gateway.shutter import read_shutter
from tests.phantoms import Pixels, chest, dataset

SHAPE = (400, 300)
RECTANGLE = {
    "ShutterShape": "RECTANGULAR",
    "ShutterLeftVerticalEdge": 31,
    "ShutterRightVerticalEdge": 250,
    "ShutterUpperHorizontalEdge": 21,
    "ShutterLowerHorizontalEdge": 360,
}
CIRCLE = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [201, 151], "RadiusOfCircularShutter": 120}
#: A diamond.
POLYGON = {
    "ShutterShape": "POLYGONAL",
    "VerticesOfThePolygonalShutter": [1, 151, 201, 300, 400, 151, 201, 1],
}
WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}


def shown(phantom: Pixels, **attributes: object) -> DisplayImage:
    """Store a phantom in 12 bits, and display it."""
    ds = dataset(np.rint(phantom * 4095).astype(np.uint16), 12, **attributes)
    return to_display(ds, decode_pixels(ds))


def header(**attributes: object) -> Dataset:
    """Make a data set of shutter attributes."""
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def disc(rows: int, columns: int, center: tuple[float, float], radius: float) -> np.ndarray:
    """Draw a disc around a centre that counts from 1."""
    row, column = np.mgrid[1 : rows + 1, 1 : columns + 1]
    return (row - center[0]) ** 2 + (column - center[1]) ** 2 <= radius**2


def test_a_rectangular_shutter() -> None:
    """Rows 21 to 360 and columns 31 to 250, counted from 1 and with both edges, are all that is left."""
    phantom = chest(*SHAPE) * 0.9 + 0.05
    image = shown(phantom, **RECTANGLE, **WINDOW)
    np.testing.assert_allclose(image.pixels, phantom[20:360, 30:250], atol=1 / 4095)
    assert image.notes == ("shutter rectangular", "window 1")


def test_a_circular_shutter() -> None:
    """Outside the disc it is black, and the image ends where the disc ends."""
    phantom = chest(*SHAPE) * 0.9 + 0.05
    image = shown(phantom, **CIRCLE, **WINDOW)
    expected = np.where(disc(*SHAPE, (201, 151), 120), phantom, 0)[80:321, 30:271]
    np.testing.assert_allclose(image.pixels, expected, atol=1 / 4095)


def test_a_circular_shutter_on_oblong_pixels() -> None:
    """The radius counts pixels along a row: where these are 1.5 times as high as wide, the disc is 80 rows high."""
    shutter = read_shutter(header(**CIRCLE, ImagerPixelSpacing=[0.15, 0.1]), SHAPE)
    assert (shutter.rows, shutter.columns) == (slice(120, 281), slice(30, 271))


def test_a_polygonal_shutter() -> None:
    """The polygon closes itself; its vertices are visible, the corners outside it are black."""
    image = shown(np.full(SHAPE, 0.5) + 0.3 * chest(*SHAPE), **POLYGON, **WINDOW)
    assert image.pixels.shape == SHAPE
    row, column = np.mgrid[1:401, 1:301]
    distance = np.abs(row - 200.5) / 200 + np.abs(column - 150.5) / 150
    assert (image.pixels[distance > 1.02] == 0).all()
    assert (image.pixels[distance < 0.98] > 0.4).all()


def test_two_shapes_leave_what_both_leave() -> None:
    """A disc and a rectangle: a pixel is visible when it is in both."""
    shutter = read_shutter(header(**{**CIRCLE, **RECTANGLE, "ShutterShape": ["RECTANGULAR", "CIRCULAR"]}), SHAPE)
    assert (shutter.rows, shutter.columns) == (slice(80, 321), slice(30, 250))
    assert shutter.hidden is not None
    np.testing.assert_array_equal(~shutter.hidden, disc(*SHAPE, (201, 151), 120)[80:321, 30:250])


@pytest.mark.parametrize("shape", [RECTANGLE, CIRCLE])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("glare", [0.0, 1.0])
def test_what_is_hidden_is_not_counted(shape: dict[str, object], photometric: str, glare: float) -> None:
    """Whatever lies behind the shutter, percentiles come from the visible pixels, and hidden ones are black."""
    row, column = np.mgrid[0:400, 0:300]
    ramp = 0.4 + 0.2 * (row + column) / 700
    box = read_shutter(header(**shape), SHAPE)
    visible = np.zeros(SHAPE, dtype=np.bool_)
    visible[box.rows, box.columns] = True if box.hidden is None else ~box.hidden
    phantom = np.where(visible, ramp, glare)
    image = shown(
        phantom if photometric == "MONOCHROME2" else 1 - phantom, PhotometricInterpretation=photometric, **shape
    )
    low, high = np.percentile(ramp[visible], (0.5, 99.5))
    expected = np.where(visible, np.clip((ramp - low) / (high - low), 0, 1), 0)[box.rows, box.columns]
    np.testing.assert_allclose(image.pixels, expected, atol=0.01)


@pytest.mark.parametrize(
    ("attributes", "notes"),
    [
        ({}, ()),
        ({"ShutterShape": ""}, ()),
        ({"ShutterShape": "BITMAP"}, ("shutter bitmap unusable",)),
        ({"ShutterShape": "RECTANGULAR"}, ("shutter rectangular unusable",)),
        ({**RECTANGLE, "ShutterLeftVerticalEdge": None}, ("shutter rectangular unusable",)),
        ({"ShutterShape": "CIRCULAR", "RadiusOfCircularShutter": 99}, ("shutter circular unusable",)),
        ({**CIRCLE, "RadiusOfCircularShutter": 0}, ("shutter circular unusable",)),
        ({**POLYGON, "VerticesOfThePolygonalShutter": [1, 2, 3, 4]}, ("shutter polygonal unusable",)),
        ({**POLYGON, "VerticesOfThePolygonalShutter": [1, 2, 3, 4, 5]}, ("shutter polygonal unusable",)),
        (
            {**POLYGON, "VerticesOfThePolygonalShutter": [1, 2, 2_000_000_000, 4, 5, 6]},
            ("shutter polygonal unusable",),
        ),
    ],
)
def test_a_shutter_that_cannot_be_read(attributes: dict[str, object], notes: tuple[str, ...]) -> None:
    """Without usable numbers nothing is hidden, and a note says so."""
    shutter = read_shutter(header(**attributes), SHAPE)
    assert (shutter.rows, shutter.columns, shutter.hidden) == (slice(0, 400), slice(0, 300), None)
    assert shutter.notes == notes


@pytest.mark.parametrize(
    "attributes",
    [
        {**RECTANGLE, "ShutterRightVerticalEdge": 100},
        {**RECTANGLE, "ShutterRightVerticalEdge": 10},
        {**RECTANGLE, "ShutterUpperHorizontalEdge": 5000},
        {**CIRCLE, "RadiusOfCircularShutter": 60},
        {**CIRCLE, "CenterOfCircularShutter": [-900, -900]},
    ],
)
def test_a_shutter_that_leaves_too_little(attributes: dict[str, object]) -> None:
    """A shutter that leaves less than an image was misunderstood: the whole image is kept, with a note."""
    shutter = read_shutter(header(**attributes), SHAPE)
    assert (shutter.rows, shutter.columns, shutter.hidden) == (slice(0, 400), slice(0, 300), None)
    assert shutter.notes[-1] == "shutter ignored: it leaves too little"


def test_a_shutter_that_hides_nothing() -> None:
    """Edges at the image's own edges change nothing."""
    edges = {"ShutterLeftVerticalEdge": 1, "ShutterRightVerticalEdge": 300}
    edges |= {"ShutterUpperHorizontalEdge": 1, "ShutterLowerHorizontalEdge": 400}
    shutter = read_shutter(header(**{**RECTANGLE, **edges}), SHAPE)
    assert (shutter.rows, shutter.columns, shutter.hidden) == (slice(0, 400), slice(0, 300), None)
