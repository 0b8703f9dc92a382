"""One phantom in every way to store it: what comes out on the display is what the formulas of PS3.3 say."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_gateway.decode import decode_pixels
from dicom_gateway.display import to_display
from tests.phantoms import COLUMNS, ROWS, Pixels, Stored, dataset, gradient

DEPTHS = (8, 10, 12, 14, 16)
PHANTOM = gradient()
#: Every value of 12 bits, scattered: no edge to crop, no chest to turn.
STORED: Stored = (np.arange(ROWS * COLUMNS) * 1021 % 4096).astype(np.uint16).reshape(ROWS, COLUMNS)
#: Black and white where the header names no window.
LOW, HIGH = np.percentile(STORED, (0.5, 99.5), method="inverted_cdf")


def stored_as(bits: int, *, is_signed: bool = False, is_inverted: bool = False) -> Stored:
    """Store the phantom over the whole range of the bits."""
    levels = np.rint((1 - PHANTOM if is_inverted else PHANTOM) * ((1 << bits) - 1)).astype(np.int64)
    if is_signed:
        return (levels - (1 << (bits - 1))).astype(np.int8 if bits == 8 else np.int16)
    return levels.astype(np.uint8 if bits == 8 else np.uint16)


def full_window(bits: int, *, is_signed: bool = False) -> dict[str, int]:
    """Give the window that shows the whole range."""
    return {"WindowCenter": 0 if is_signed else 1 << (bits - 1), "WindowWidth": 1 << bits}


def displayed(stored: Stored, bits: int, **attributes: object) -> Pixels:
    """Decode and display a data set of stored values."""
    ds = dataset(stored, bits, **attributes)
    return to_display(ds, decode_pixels(ds)).pixels


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("bits", DEPTHS)
def test_depth_sign_and_photometric(bits: int, is_signed: bool, photometric: str, syntax: str) -> None:
    """8 to 16 bits, signed or not, MONOCHROME1 or 2: the full window gives the phantom to within one level."""
    stored = stored_as(bits, is_signed=is_signed, is_inverted=photometric == "MONOCHROME1")
    attributes = {"PhotometricInterpretation": photometric, **full_window(bits, is_signed=is_signed)}
    pixels = displayed(stored, bits, TransferSyntaxUID=syntax, **attributes)
    np.testing.assert_allclose(pixels, PHANTOM, atol=1 / (1 << bits))


def test_big_endian_words_of_8_bits() -> None:
    """8-bit pixels under VR OW in big endian lie swapped in each word (PS3.5 A.3)."""
    ds = dataset(stored_as(8), 8, TransferSyntaxUID=uid.ExplicitVRBigEndian, **full_window(8))
    ds.PixelData = np.frombuffer(ds.PixelData, np.uint16).byteswap().tobytes()
    ds["PixelData"].VR = "OW"
    np.testing.assert_allclose(to_display(ds, decode_pixels(ds)).pixels, PHANTOM, atol=1 / 256)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_high_bit_at_the_top(bits: int, is_signed: bool) -> None:
    """Values at the top of 16 bits, with something else in the bits below them, are the same picture."""
    packed = (stored_as(bits, is_signed=is_signed).astype(np.int64) << (16 - bits)) | 1
    stored = packed.astype(np.int16 if is_signed else np.uint16)
    pixels = displayed(stored, bits, HighBit=15, **full_window(bits, is_signed=is_signed))
    np.testing.assert_allclose(pixels, PHANTOM, atol=1 / (1 << bits))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_an_overlay_in_the_high_bits(bits: int) -> None:
    """A picture in the unused bits, where retired overlays have it (PS3.5 8.1.2), is not seen."""
    drawn = np.where(np.indices(PHANTOM.shape).sum(axis=0) % 5 == 0, 1 << bits, 0).astype(np.uint16)
    ds = dataset(stored_as(bits) | drawn, bits, **full_window(bits))
    ds.add_new(0x60000100, "US", 16)
    ds.add_new(0x60000102, "US", bits)
    np.testing.assert_allclose(to_display(ds, decode_pixels(ds)).pixels, PHANTOM, atol=1 / (1 << bits))


def linear(value: float, center: float, width: float) -> float:
    """Give PS3.3 C.11.2.1.2.1, as it is written there."""
    if value <= center - 0.5 - (width - 1) / 2:
        return 0.0
    if value > center - 0.5 + (width - 1) / 2:
        return 1.0
    return (value - (center - 0.5)) / (width - 1) + 0.5


def linear_exact(value: float, center: float, width: float) -> float:
    """Give PS3.3 C.11.2.1.3.2, as it is written there."""
    if value <= center - width / 2:
        return 0.0
    if value > center + width / 2:
        return 1.0
    return (value - center) / width + 0.5


def sigmoid(value: float, center: float, width: float) -> float:
    """Give PS3.3 C.11.2.1.3.1, as it is written there."""
    return 1 / (1 + math.exp(-4 * (value - center) / width))


def table(entries: list[int], first: int, bits: int) -> Sequence:
    """Make a Modality or VOI LUT Sequence of one item."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "US", entries)
    return Sequence([item])


#: Output falls where input rises, and bends.
BENT = [4095 - (i * i) // 3000 for i in range(3000)]
#: Output rises.
STEEP = [min(1023, int(1023 * math.sqrt(i / 1999))) for i in range(2000)]
WINDOW = {"WindowCenter": 1500, "WindowWidth": 2000}


def looked_up(entries: list[int], first: int, value: float) -> int:
    """Give the entry of an input, or the nearest one."""
    return entries[min(max(int(value) - first, 0), len(entries) - 1)]


@pytest.mark.parametrize(
    ("attributes", "formula"),
    [
        (WINDOW, lambda x: linear(x, 1500, 2000)),
        ({**WINDOW, "VOILUTFunction": "LINEAR"}, lambda x: linear(x, 1500, 2000)),
        ({**WINDOW, "VOILUTFunction": "LINEAR_EXACT"}, lambda x: linear_exact(x, 1500, 2000)),
        ({**WINDOW, "VOILUTFunction": "SIGMOID"}, lambda x: sigmoid(x, 1500, 2000)),
        ({"WindowCenter": [900, 3000], "WindowWidth": [1200, 50]}, lambda x: linear(x, 900, 1200)),
        (
            {"WindowCenter": 400, "WindowWidth": 1000, "RescaleSlope": 0.5, "RescaleIntercept": -100},
            lambda x: linear(x * 0.5 - 100, 400, 1000),
        ),
        ({**WINDOW, "RescaleSlope": -1, "RescaleIntercept": 4095}, lambda x: linear(4095 - x, 1500, 2000)),
        (
            {**WINDOW, "RescaleSlope": -1, "RescaleIntercept": 4095, "PhotometricInterpretation": "MONOCHROME1"},
            lambda x: 1 - linear(4095 - x, 1500, 2000),
        ),
        (
            {**WINDOW, "ModalityLUTSequence": table(BENT, 200, 12)},
            lambda x: linear(looked_up(BENT, 200, x), 1500, 2000),
        ),
        ({"VOILUTSequence": table(STEEP, 500, 10)}, lambda x: looked_up(STEEP, 500, x) / 1023),
        ({**WINDOW, "VOILUTSequence": table(STEEP, 500, 10)}, lambda x: looked_up(STEEP, 500, x) / 1023),
        (
            {"ModalityLUTSequence": table(BENT, 200, 12), "VOILUTSequence": table(STEEP, 500, 10)},
            lambda x: looked_up(STEEP, 500, looked_up(BENT, 200, x)) / 1023,
        ),
        ({**WINDOW, "PresentationLUTShape": "IDENTITY"}, lambda x: linear(x, 1500, 2000)),
        ({**WINDOW, "PresentationLUTShape": "INVERSE"}, lambda x: 1 - linear(x, 1500, 2000)),
        (
            {**WINDOW, "PresentationLUTShape": "INVERSE", "PhotometricInterpretation": "MONOCHROME1"},
            lambda x: 1 - linear(x, 1500, 2000),
        ),
        ({**WINDOW, "PixelPaddingValue": 0}, lambda x: 0.0 if x == 0 else linear(x, 1500, 2000)),
        (
            {**WINDOW, "PixelPaddingValue": 3000, "PixelPaddingRangeLimit": 3500},
            lambda x: 0.0 if 3000 <= x <= 3500 else linear(x, 1500, 2000),
        ),
        ({"WindowCenter": "", "WindowWidth": ""}, lambda x: min(max((x - LOW) / (HIGH - LOW), 0.0), 1.0)),
        ({}, lambda x: min(max((x - LOW) / (HIGH - LOW), 0.0), 1.0)),
    ],
)
def test_each_step_against_its_formula(attributes: dict[str, object], formula: Callable[[float], float]) -> None:
    """Every stored value of 12 bits becomes the grey that the standard's formulas, worked out one by one, give."""
    expected = np.vectorize(formula, otypes=[float])(STORED.astype(float))
    np.testing.assert_allclose(displayed(STORED, 12, **attributes), expected, atol=1e-6)


def test_oblong_pixels_keep_the_picture() -> None:
    """A picture of which every second row was left out is what it was, when the spacing says so."""
    whole = gradient(400, 300)
    half = np.rint((whole[::2] + whole[1::2]) / 2 * 4095).astype(np.uint16)
    pixels = displayed(half, 12, ImagerPixelSpacing=[0.2, 0.1], **full_window(12))
    assert pixels.shape == whole.shape
    np.testing.assert_allclose(pixels, whole, atol=0.002)
