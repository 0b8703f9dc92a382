"""From stored values to what a reader sees: the phantom that went in comes out, however it was stored."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_gateway.decode import StoredValues, decode_pixels
from dicom_gateway.display import DisplayImage, image_from_file, to_display
from dicom_gateway.wrap import StoredScale, wrap_jpeg
from domain.errors import NotAnalysable
from domain.finding import RefusalCode
from tests.phantoms import Pixels, bordered, chest, dataset, gradient, saved, step_wedge

SAMPLES = sorted((Path(__file__).parents[3] / "samples" / "xrays").glob("*.jpeg"))
TWELVE = {"WindowCenter": 2048, "WindowWidth": 4096}


def shown(stored: np.ndarray, bits: int = 12, **attributes: object) -> DisplayImage:
    """Decode and display a data set of stored values."""
    ds = dataset(stored, bits, **attributes)
    return to_display(ds, decode_pixels(ds))


def stored(pixels: Pixels, bits: int = 12) -> StoredValues:
    """Give pixels in [0, 1] as unsigned values that fill the bits."""
    values: StoredValues = np.rint(pixels * ((1 << bits) - 1)).astype(np.uint16)
    return values


def assert_same(image: DisplayImage, expected: Pixels, tolerance: float = 1 / 4095) -> None:
    """Compare an image with the phantom that it was made from."""
    assert image.pixels.dtype == np.float32
    assert image.pixels.flags.c_contiguous
    np.testing.assert_allclose(image.pixels, expected, atol=tolerance)


@pytest.mark.parametrize("phantom", [chest(), gradient(), step_wedge(32, step_columns=6)])
def test_a_full_window(phantom: Pixels) -> None:
    """A window over the whole range gives the phantom back."""
    image = shown(stored(phantom), **TWELVE)
    assert_same(image, phantom)
    assert image.notes == ("window 1",)


def test_monochrome1() -> None:
    """MONOCHROME1 is turned once, so that bone is bright."""
    image = shown(4095 - stored(chest()), PhotometricInterpretation="MONOCHROME1", **TWELVE)
    assert_same(image, chest())
    assert image.notes == ("window 1", "polarity inverted")


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_presentation_lut_shape_inverse(photometric: str) -> None:
    """INVERSE turns the image, and together with MONOCHROME1 still turns it once."""
    attributes = {"PhotometricInterpretation": photometric, "PresentationLUTShape": "INVERSE", **TWELVE}
    image = shown(4095 - stored(gradient()), **attributes)
    assert_same(image, gradient())
    assert image.notes == ("window 1", "polarity inverted")


def test_rescale_slope_minus_one() -> None:
    """A slope of -1 turns the values, and the window applies to what comes of it."""
    image = shown(4095 - stored(gradient()), RescaleSlope=-1, RescaleIntercept=4095, **TWELVE)
    assert_same(image, gradient())
    assert image.notes == ("rescale", "window 1")


def test_rescale_slope_minus_one_in_monochrome1() -> None:
    """A slope of -1 and MONOCHROME1 cancel out."""
    attributes = {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": -1, "RescaleIntercept": 4095, **TWELVE}
    assert_same(shown(stored(gradient()), **attributes), gradient())


def test_signed_values_with_a_window_below_zero() -> None:
    """Signed stored values are windowed as signed values."""
    image = shown(stored(gradient()).astype(np.int16) - 2048, WindowCenter=0, WindowWidth=4096)
    assert_same(image, gradient())


def test_the_window_applies_after_the_modality_lut() -> None:
    """A Modality LUT that inverts, and a window over its output."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 16])
    item.add_new("LUTData", "US", [4095 - i for i in range(4096)])
    image = shown(4095 - stored(gradient()), ModalityLUTSequence=Sequence([item]), **TWELVE)
    assert_same(image, gradient())
    assert image.notes == ("modality LUT", "window 1")


def test_percentiles_without_a_window() -> None:
    """Without a window the middle 99 % of the pixels fill the grey scale."""
    image = shown(stored(gradient(400, 400) * 0.2 + 0.3))
    assert image.notes == ("percentiles",)
    low, high = np.percentile(gradient(400, 400), (0.5, 99.5))
    assert_same(image, np.clip((gradient(400, 400) - low) / (high - low), 0, 1), tolerance=0.01)


@pytest.mark.parametrize("padding", [0, 4095])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_not_counted(padding: int, photometric: str) -> None:
    """Pixel padding is shown black under either polarity, and does not enter the percentiles."""
    phantom = gradient(320, 320) * 0.2 + 0.4
    values = stored(phantom if photometric == "MONOCHROME2" else 1 - phantom)
    values[40:90, 40:90] = padding
    image = shown(values, PhotometricInterpretation=photometric, PixelPaddingValue=padding)
    assert image.notes[0] == "pixel padding masked"
    assert (image.pixels[40:90, 40:90] == 0).all()
    ramp = image.pixels[100:, 100:]
    assert ramp.min() < 0.45
    assert ramp.max() == 1


def test_padding_on_stored_values() -> None:
    """Padding is compared with stored values, before the rescale moves them."""
    values = stored(gradient())
    values[70:80, 70:80] = 4000
    image = shown(values, PixelPaddingValue=4000, RescaleSlope=-1, RescaleIntercept=4095, **TWELVE)
    assert (image.pixels[70:80, 70:80] == 0).all()


def test_an_overlay_in_the_high_bits_is_not_seen() -> None:
    """Bits above Bits Stored change nothing on the display."""
    values = stored(gradient())
    values[50:60, 50:60] |= 0xF000
    assert_same(shown(values, **TWELVE), gradient())


def test_wrong_polarity_in_the_header() -> None:
    """An inverted chest that the file calls MONOCHROME2 is turned, and the note says why."""
    image = shown(4095 - stored(chest()), **TWELVE)
    assert_same(image, chest())
    assert image.notes == ("window 1", "polarity inverted on pixels")


def test_wrong_monochrome1_in_the_header() -> None:
    """A true chest that the file calls MONOCHROME1 is turned back."""
    image = shown(stored(chest()), PhotometricInterpretation="MONOCHROME1", **TWELVE)
    assert_same(image, chest())
    assert image.notes == ("window 1", "polarity inverted", "polarity inverted on pixels")


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (320, 144)),
        ({"ImagerPixelSpacing": [0.1, 0.2]}, (160, 288)),
        ({"PixelSpacing": [0.3, 0.15]}, (320, 144)),
        ({"PixelAspectRatio": [2, 1]}, (320, 144)),
        ({"PixelAspectRatio": [2, 1], "ImagerPixelSpacing": [0.1, 0.1]}, (160, 144)),
        ({"PixelAspectRatio": [1000, 1]}, (160, 144)),
        ({"ImagerPixelSpacing": [0.1, 0]}, (160, 144)),
        ({"ImagerPixelSpacing": [0.1001, 0.1]}, (160, 144)),
    ],
)
def test_pixels_become_square(attributes: dict[str, object], shape: tuple[int, int]) -> None:
    """Unequal spacings stretch the longer side, spacing before aspect ratio; absurd ones are ignored."""
    image = shown(stored(gradient()), **TWELVE, **attributes)
    assert image.pixels.shape == shape
    assert any(note.startswith("pixel aspect") for note in image.notes) == (shape != (160, 144))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_collimated_borders_are_cropped(level: float) -> None:
    """Black or white blades are cut off, and the note says where."""
    phantom = bordered(chest() * 0.9 + 0.05, level, top=60, bottom=50, left=40, right=45)
    image = shown(stored(phantom), **TWELVE)
    assert_same(image, phantom[60:462, 40:403])
    assert image.notes[-1] == "cropped to rows 60:462, columns 40:403"


@pytest.mark.parametrize("levels", [1, 2, 7])
def test_flat_images(levels: int) -> None:
    """An image of hardly any grey levels is refused as flat."""
    values = np.tile(np.arange(160, dtype=np.uint16) % levels + 1000, (160, 1))
    with pytest.raises(NotAnalysable) as refusal:
        shown(values)
    assert refusal.value.code is RefusalCode.FLAT_IMAGE


def test_an_image_of_padding() -> None:
    """An image that is all padding is flat."""
    with pytest.raises(NotAnalysable) as refusal:
        shown(np.full((160, 160), 7, np.uint16), PixelPaddingValue=7)
    assert refusal.value.code is RefusalCode.FLAT_IMAGE


def test_from_a_file(tmp_path: Path) -> None:
    """A stored file gives the same image as its data set."""
    path = saved(dataset(stored(chest()), **TWELVE), tmp_path / "image.dcm")
    assert_same(image_from_file(path), chest())


def test_from_a_broken_file(tmp_path: Path) -> None:
    """A file that is not DICOM is refused as undecodable, not raised as a transport fault."""
    path = tmp_path / "image.dcm"
    path.write_bytes(b"nothing")
    with pytest.raises(NotAnalysable) as refusal:
        image_from_file(path)
    assert refusal.value.code is RefusalCode.UNDECODABLE


@pytest.mark.parametrize("size", [0.3, 0.9, 0.999])
def test_from_a_cut_file(tmp_path: Path, size: float) -> None:
    """A file that ends too early is refused, wherever it is cut."""
    path = saved(dataset(stored(chest()), **TWELVE), tmp_path / "image.dcm")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * size)])
    with pytest.raises(NotAnalysable) as refusal:
        image_from_file(path)
    assert refusal.value.code is RefusalCode.UNDECODABLE


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_real_radiographs(path: Path, photometric: str) -> None:
    """A real radiograph is neither cropped nor turned, and turned back when the header has its polarity wrong."""
    ds = wrap_jpeg(path)
    true = to_display(ds, decode_pixels(ds))
    assert true.notes == ("window 1",)
    assert true.pixels.shape == (ds.Rows, ds.Columns)
    StoredScale(photometric, bits=8).describe(ds)
    ds.PhotometricInterpretation, ds.PresentationLUTShape = photometric, "IDENTITY"
    values = decode_pixels(ds)
    wrong = to_display(ds, values if photometric == "MONOCHROME1" else 255 - values)
    assert wrong.notes[-1] == "polarity inverted on pixels"
    np.testing.assert_allclose(wrong.pixels, true.pixels, atol=1e-6)


def test_samples_are_there() -> None:
    """The real radiographs that the test above needs are shipped."""
    assert len(SAMPLES) >= 10
