"""Stored value to grey: the formulas of PS3.3 C.11, and what happens when the header does not keep to them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_voi_lut, apply_windowing
from pydicom.sequence import Sequence

from dicom_gateway.grey_tables import (
    apply_window,
    grey_values,
    modality_values,
    padding_codes,
    percentiles,
    stored_value_of_code,
)
from tests.phantoms import dataset, waves

UNSIGNED = stored_value_of_code(False)
SIGNED = stored_value_of_code(True)


def counts_of(stored: NDArray[Any]) -> NDArray[np.int64]:
    """Count the codes of an image."""
    return np.bincount(stored.astype(stored.dtype).view(np.uint16).ravel(), minlength=1 << 16)


RAMP_COUNTS = counts_of(np.arange(4096, dtype=np.uint16))


def lut_item(data: object, first: int = 0, bits: int = 12, entries: int | None = None, vr: str = "US") -> Dataset:
    """Make an item of a Modality or VOI LUT Sequence."""
    ds = Dataset()
    size = entries if entries is not None else len(data) if isinstance(data, list) else 0
    ds.add_new("LUTDescriptor", "US", [size % 65536, first % 65536, bits])
    ds.add_new("LUTData", vr, data)
    return ds


def header(**attributes: object) -> Dataset:
    """Make a data set of some display attributes."""
    ds = dataset(waves(12))
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def test_codes_stand_for_stored_values() -> None:
    """The 65,536 codes are the unsigned values, or two's complement."""
    assert UNSIGNED[[0, 1, 0x7FFF, 0x8000, 0xFFFF]].tolist() == [0, 1, 32767, 32768, 65535]
    assert SIGNED[[0, 1, 0x7FFF, 0x8000, 0xFFFF]].tolist() == [0, 1, 32767, -32768, -1]


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        # C.11.2.1.2.1: c=2048, w=4096 and c=2048, w=1 are the examples of the standard.
        ("LINEAR", 0, 0.0),
        ("LINEAR", 2047.5, 0.5),
        ("LINEAR", 4095, 1.0),
        ("LINEAR", -1, 0.0),
        ("LINEAR", 5000, 1.0),
        ("LINEAR_EXACT", 0, 0.0),
        ("LINEAR_EXACT", 2048, 0.5),
        ("LINEAR_EXACT", 4096, 1.0),
        ("SIGMOID", 2048, 0.5),
        ("SIGMOID", 2048 + 1024, 1 / (1 + np.exp(-1))),
        ("SIGMOID", 1e9, 1.0),
        ("SIGMOID", -1e9, 0.0),
    ],
)
def test_windows_by_hand(function: str, value: float, expected: float) -> None:
    """Each function gives what its formula gives, and saturates at both ends."""
    assert apply_window(np.array([value]), 2048, 4096, function)[0] == pytest.approx(expected, abs=1e-12)


def test_the_narrowest_window() -> None:
    """LINEAR of width 1 is a threshold at center - 0.5."""
    assert apply_window(np.array([2047.0, 2047.5, 2048.0]), 2048, 1).tolist() == [0, 0, 1]


@given(
    center=st.floats(-3000, 3000),
    width=st.floats(1, 6000),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
@settings(max_examples=150, deadline=None)
def test_windows_agree_with_pydicom(center: float, width: float, function: str) -> None:
    """Any legal window gives pydicom's own values, divided by its output range."""
    values = np.arange(-2048, 2048, 13, dtype=np.int16)
    ds = dataset(np.zeros((1, len(values)), dtype=np.int16), 12)
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = center, width, function
    # pydicom's output range is that of the stored values: -2048 to 2047.
    expected = (apply_windowing(values, ds) + 2048) / 4095
    stated_center, stated_width = float(ds.WindowCenter), float(ds.WindowWidth)
    assume(stated_width >= 1)
    grey = apply_window(values.astype(np.float64), stated_center, stated_width, function)
    np.testing.assert_allclose(grey, expected, atol=1e-9)


@given(center=st.floats(-1e6, 1e6), width=st.floats(1, 1e6), function=st.sampled_from(["LINEAR", "SIGMOID"]))
@settings(max_examples=100, deadline=None)
def test_windows_never_fall(center: float, width: float, function: str) -> None:
    """A larger value is never darker, and grey stays in [0, 1]."""
    grey = apply_window(SIGNED, center, width, function)[np.argsort(SIGNED)]
    assert grey.min() >= 0
    assert grey.max() <= 1
    assert (np.diff(grey) >= 0).all()


def test_a_voi_lut_goes_before_a_window() -> None:
    """With both, the first VOI LUT is used."""
    square = [(i * i) // 4095 for i in range(4096)]
    ds = header(VOILUTSequence=Sequence([lut_item(square)]), WindowCenter=100, WindowWidth=50)
    grey, notes = grey_values(ds, UNSIGNED, RAMP_COUNTS)
    assert notes == ("VOI LUT 1",)
    np.testing.assert_allclose(grey[:4096], np.array(square) / 4095)


def test_a_voi_lut_agrees_with_pydicom() -> None:
    """A VOI LUT that starts below zero gives pydicom's own values."""
    curve = [int(4095 * (i / 2999) ** 0.5) for i in range(3000)]
    ds = header(VOILUTSequence=Sequence([lut_item(curve, first=-1000)]), PixelRepresentation=1)
    grey, _ = grey_values(ds, SIGNED, counts_of(np.arange(-2048, 2048, dtype=np.int16)))
    ds.VOILUTSequence[0]["LUTDescriptor"].value = [3000, -1000, 12]
    expected = apply_voi_lut(SIGNED.astype(np.int16), ds)
    np.testing.assert_allclose(grey, expected / 4095)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_lut_data_as_bytes(syntax: str) -> None:
    """LUT Data of VR OW is read in the byte order of the data set."""
    table = np.arange(4096, dtype=">u2" if syntax == uid.ExplicitVRBigEndian else "<u2")
    ds = dataset(waves(12), TransferSyntaxUID=syntax)
    ds.VOILUTSequence = Sequence([lut_item(table.tobytes(), entries=4096, vr="OW")])
    ds.set_original_encoding(False, syntax != uid.ExplicitVRBigEndian)
    grey, notes = grey_values(ds, UNSIGNED, RAMP_COUNTS)
    assert notes == ("VOI LUT 1",)
    np.testing.assert_allclose(grey[:4096], np.arange(4096) / 4095)


def test_a_lut_that_overstates_its_bits() -> None:
    """A 12-bit table that says 16 bits still reaches white."""
    grey, _ = grey_values(
        header(VOILUTSequence=Sequence([lut_item(list(range(4096)), bits=16)])), UNSIGNED, RAMP_COUNTS
    )
    assert grey[4095] == 1


def test_a_lut_of_65536_entries() -> None:
    """Zero entries in the descriptor mean 65,536."""
    item = lut_item(list(range(65536)), bits=16)
    grey, _ = grey_values(
        header(VOILUTSequence=Sequence([item])), UNSIGNED, counts_of(np.arange(65536, dtype=np.uint16))
    )
    np.testing.assert_allclose(grey, UNSIGNED / 65535)


@pytest.mark.parametrize(
    ("attributes", "note"),
    [
        ({}, ()),
        ({"WindowCenter": None, "WindowWidth": None}, ("window 1 empty",)),
        ({"WindowCenter": 2048, "WindowWidth": None}, ("window 1 empty",)),
        ({"WindowCenter": 2048}, ("window 1 empty",)),
        ({"WindowCenter": 2048, "WindowWidth": 0.5}, ("window 1 too narrow",)),
        ({"WindowCenter": 2048, "WindowWidth": 0}, ("window 1 too narrow",)),
        ({"WindowCenter": 2048, "WindowWidth": -5, "VOILUTFunction": "LINEAR_EXACT"}, ("window 1 too narrow",)),
        ({"WindowCenter": 2048, "WindowWidth": 4096, "VOILUTFunction": "CUBIC"}, ("window 1 of unknown function",)),
        ({"WindowCenter": 90000, "WindowWidth": 100}, ("window 1 clips the image",)),
        ({"WindowCenter": -90000, "WindowWidth": 100}, ("window 1 clips the image",)),
        ({"WindowCenter": 2048, "WindowWidth": 1}, ("window 1 clips the image",)),
        ({"WindowCenter": 0, "WindowWidth": 1_000_000}, ("window 1 clips the image",)),
        ({"VOILUTSequence": Sequence([])}, ()),
        ({"VOILUTSequence": Sequence([Dataset()])}, ("VOI LUT 1 unusable",)),
        ({"VOILUTSequence": Sequence([lut_item([1, 2], entries=9)])}, ("VOI LUT 1 unusable",)),
        ({"VOILUTSequence": Sequence([lut_item(list(range(4096)), bits=40)])}, ("VOI LUT 1 unusable",)),
        ({"VOILUTSequence": Sequence([lut_item([0] * 4096)])}, ("VOI LUT 1 clips the image",)),
    ],
)
def test_what_falls_to_percentiles(attributes: dict[str, object], note: tuple[str, ...]) -> None:
    """A missing, empty, broken or blind window or LUT leaves the image to percentiles, and says so."""
    grey, notes = grey_values(header(**attributes), UNSIGNED, RAMP_COUNTS)
    assert notes == (*note, "percentiles")
    assert np.ptp(grey[:4096]) == 1


def test_a_broken_lut_falls_to_the_window() -> None:
    """An unusable VOI LUT leaves the image to a usable window."""
    ds = header(VOILUTSequence=Sequence([Dataset()]), WindowCenter=2048, WindowWidth=4096)
    assert grey_values(ds, UNSIGNED, RAMP_COUNTS)[1] == ("VOI LUT 1 unusable", "window 1")


def test_the_first_of_several_windows() -> None:
    """Of several windows the first is used."""
    ds = header(WindowCenter=[1000, 3000], WindowWidth=[500, 100], WindowCenterWidthExplanation=["A", "B"])
    grey, notes = grey_values(ds, UNSIGNED, RAMP_COUNTS)
    assert notes == ("window 1",)
    np.testing.assert_allclose(grey, apply_window(UNSIGNED, 1000, 500))


def test_percentiles_are_robust() -> None:
    """A hundred dead pixels among a million do not change black and white."""
    clean = np.repeat(np.arange(1000, 3000, dtype=np.uint16), 500)
    dirty = np.concatenate([clean, np.full(50, 0, np.uint16), np.full(50, 65535, np.uint16)])
    levels = [percentiles(UNSIGNED, counts_of(image), (0.5, 99.5)) for image in (clean, dirty)]
    np.testing.assert_allclose(levels[0], [1009, 2989], atol=1)
    np.testing.assert_allclose(levels[0], levels[1], atol=1)


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=50), st.floats(0, 100))
@settings(max_examples=100, deadline=None)
def test_percentiles_are_values_of_the_image(stored: list[int], percent: float) -> None:
    """A percentile is a value of the image, with that share of the pixels below it and the rest above."""
    image = np.array(stored, dtype=np.uint16)
    (level,) = percentiles(UNSIGNED, counts_of(image), (percent,))
    assert level in image
    assert (image < level).mean() * 100 - 1e-6 <= percent <= (image <= level).mean() * 100 + 1e-6


@pytest.mark.parametrize(
    ("attributes", "value", "expected", "notes"),
    [
        ({}, 100, 100, ()),
        ({"RescaleSlope": 1, "RescaleIntercept": 0}, 100, 100, ()),
        ({"RescaleSlope": 2, "RescaleIntercept": -50}, 100, 150, ("rescale",)),
        ({"RescaleSlope": -1, "RescaleIntercept": 4095}, 100, 3995, ("rescale",)),
        ({"RescaleIntercept": -1000}, 100, -900, ("rescale",)),
        ({"RescaleSlope": 0, "RescaleIntercept": 5}, 100, 100, ("rescale slope 0 ignored",)),
        ({"RescaleSlope": None, "RescaleIntercept": None}, 100, 100, ()),
    ],
)
def test_rescale(attributes: dict[str, object], value: int, expected: float, notes: tuple[str, ...]) -> None:
    """Rescale is applied where it is usable, and noted where it changes anything."""
    values, found = modality_values(header(**attributes), UNSIGNED)
    assert (values[value], found) == (expected, notes)


def test_a_modality_lut_goes_before_rescale() -> None:
    """With a Modality LUT the rescale is not applied."""
    item = lut_item([10 * i for i in range(100)], first=50, bits=16)
    values, notes = modality_values(header(ModalityLUTSequence=Sequence([item]), RescaleSlope=3), UNSIGNED)
    assert notes == ("modality LUT",)
    assert values[[0, 50, 60, 149, 4000]].tolist() == [0, 0, 100, 990, 990]


def test_a_broken_modality_lut() -> None:
    """An unusable Modality LUT leaves the values to the rescale."""
    values, notes = modality_values(header(ModalityLUTSequence=Sequence([Dataset()]), RescaleSlope=3), UNSIGNED)
    assert (values[10], notes) == (30, ("modality LUT unusable", "rescale"))


@pytest.mark.parametrize(
    ("value", "limit", "table", "masked"),
    [
        (None, None, UNSIGNED, []),
        (0, None, UNSIGNED, [0]),
        (4095, 4093, UNSIGNED, [4093, 4094, 4095]),
        (4093, 4095, UNSIGNED, [4093, 4094, 4095]),
        (-2000, None, SIGNED, [-2000]),
        (63536, None, SIGNED, [-2000]),
        (None, 10, UNSIGNED, []),
    ],
)
def test_padding(value: int | None, limit: int | None, table: NDArray[np.float64], masked: list[int]) -> None:
    """Padding is one value or a range, in either direction, also when a signed value was written unsigned."""
    ds = Dataset()
    for keyword, number in (("PixelPaddingValue", value), ("PixelPaddingRangeLimit", limit)):
        if number is not None:
            ds.add_new(keyword, "SS" if number < 0 else "US", number)
    assert sorted(table[padding_codes(ds, table)].tolist()) == masked
