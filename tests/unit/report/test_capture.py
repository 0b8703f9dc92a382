"""The heat map as a Secondary Capture: what it is, whose it is, and that nobody takes it for a diagnosis."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from dicom_gateway import uids
from dicom_gateway.capture import as_sent, build_capture
from dicom_gateway.capture_picture import IMAGE_SIDE, framed
from dicom_gateway.report_content import ReportContentInvalid
from domain.errors import InstanceInvalid
from tests.unit.report.builders import (
    AWFUL,
    IMAGE_UID,
    MINIMAL,
    NOT_DETECTED,
    OTHER_IMAGE_UID,
    SERIES_UID,
    STUDY_UID,
    UNDETERMINED,
    content,
    received,
)
from tests.unit.report.character_sets import CHARACTER_SETS, Case
from tests.unit.report.test_validity import errors_in

_PICTURE = np.random.default_rng(1).integers(0, 256, (61, 83, 3), dtype=np.uint8)
_AMBER = (255, 176, 0)


def _kept(header: Dataset | None = None, *, is_as_stored: bool = True, **changes: Any) -> bytes:
    source = received() if header is None else header
    return build_capture(content(**changes), source, _PICTURE, is_as_stored=is_as_stored)


def _capture(header: Dataset | None = None, *, is_as_stored: bool = True, **changes: Any) -> Dataset:
    return dcmread(io.BytesIO(as_sent(_kept(header, is_as_stored=is_as_stored, **changes))))


def test_the_picture_is_in_it_as_rgb() -> None:
    """Every viewer that shows colour shows it: three interleaved bytes a pixel, an odd number of them padded."""
    ds = _capture()
    assert (ds.PhotometricInterpretation, ds.SamplesPerPixel, ds.PlanarConfiguration) == ("RGB", 3, 0)
    assert np.array_equal(ds.pixel_array, _PICTURE)
    assert len(ds.PixelData) % 2 == 0


def test_it_is_kept_deflated_and_sent_plain() -> None:
    """What is kept is a legal DICOM file, and holds the same elements as what is sent."""
    kept = dcmread(io.BytesIO(_kept()))
    sent = _capture()
    assert kept.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert sent.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert kept == sent
    assert as_sent(_kept()) == as_sent(_kept())


def test_it_is_ours_and_in_a_series_of_its_own() -> None:
    """Derived UIDs, the source's study, neither the image's series nor the report's, and our equipment."""
    ds = _capture()
    assert ds.StudyInstanceUID == STUDY_UID
    assert ds.SeriesInstanceUID == uids.capture_series_uid(STUDY_UID)
    assert ds.SeriesInstanceUID not in (SERIES_UID, uids.report_series_uid(STUDY_UID))
    assert ds.SOPInstanceUID == uids.capture_sop_instance_uid(STUDY_UID, 1, "1.2.3")
    assert ds.ManufacturerModelName == uids.MANUFACTURER_MODEL_NAME


def test_it_names_the_image_that_it_was_made_from() -> None:
    """Source Image Sequence, and words that say what was done."""
    ds = _capture()
    assert ds.SourceImageSequence[0].ReferencedSOPInstanceUID == IMAGE_UID
    assert list(ds.ImageType) == ["DERIVED", "SECONDARY"]
    assert "not for diagnosis" in ds.DerivationDescription
    assert "not for diagnosis" in ds.SeriesDescription


def test_nothing_can_be_measured_in_it() -> None:
    """A squeezed picture with words around it has no pixel spacing, so that no viewer offers a ruler."""
    ds = _capture()
    assert not {"PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"} & set(ds.dir())


def test_orientation_holds_only_for_an_image_as_stored() -> None:
    """An image that was turned before it was read has another orientation than its header says."""
    assert list(_capture().PatientOrientation) == ["L", "F"]
    assert not _capture(is_as_stored=False).PatientOrientation


def test_what_the_source_lost_stays_lost() -> None:
    """Lossy compression of the source is repeated (PS3.3 C.7.6.1.1.5); without it nothing is claimed."""
    lossy = received(LossyImageCompression=b"01", LossyImageCompressionRatio=b"12.5")
    assert (_capture(lossy).LossyImageCompression, _capture(lossy).LossyImageCompressionRatio) == ("01", 12.5)
    assert "LossyImageCompression" not in _capture()


@pytest.mark.parametrize("changes", [NOT_DETECTED, UNDETERMINED], ids=["not detected", "undetermined"])
def test_only_a_suspicion_has_one(changes: dict[str, Any]) -> None:
    """Scaled by itself the map of an image without suspicion would look as hot: there is none."""
    with pytest.raises(ReportContentInvalid):
        _kept(**changes)


def test_another_image_is_refused() -> None:
    """A heat map over an image that it was not made from would be a lie."""
    with pytest.raises(ReportContentInvalid):
        _kept(received(SOPInstanceUID=OTHER_IMAGE_UID.encode()))


def test_a_header_without_a_uid_is_refused() -> None:
    """What cannot be referred to is not drawn."""
    with pytest.raises(InstanceInvalid):
        _kept(received(SeriesInstanceUID=None))


@pytest.mark.parametrize("header", [MINIMAL, AWFUL], ids=["minimal", "awful"])
@pytest.mark.parametrize("lossy", [None, b"01"], ids=["lossless", "lossy"])
def test_dciodvfy_finds_no_error(header: dict[str, bytes], lossy: bytes | None, tmp_path: Path) -> None:
    """Valid from every kind of header."""
    ratio = None if lossy is None else b"10"
    source = received(header, LossyImageCompression=lossy, LossyImageCompressionRatio=ratio)
    assert errors_in(as_sent(_kept(source)), tmp_path) == []


@pytest.mark.parametrize("case", CHARACTER_SETS, ids=lambda case: case.name)
def test_patient_name_survives(case: Case) -> None:
    """A name in any character set is the same text in the capture."""
    assert str(_capture(received(**case.elements)).PatientName) == case.expected


def _framed(rows: int, columns: int, headline: str = "Pneumonia suspected") -> NDArray[np.uint8]:
    painted = np.full((rows, columns, 3), (10, 200, 30), np.uint8)
    scale = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    return framed(painted, scale, headline, ("note",))


@pytest.mark.parametrize("shape", [(400, 300), (3000, 2500), (500, 2000), (2000, 300)])
def test_the_banner_stands_above_and_below_an_uncovered_image(shape: tuple[int, int]) -> None:
    """Cropped at either end, the picture still says what it is; no pixel of the image is written over."""
    picture = _framed(*shape)
    is_image = (picture == (10, 200, 30)).all(axis=2)
    rows, columns = np.flatnonzero(is_image.any(axis=1)), np.flatnonzero(is_image.any(axis=0))
    inside = is_image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert inside.all()
    assert max(inside.shape) == IMAGE_SIDE
    is_amber = (picture == _AMBER).all(axis=2).any(axis=1)
    assert is_amber[: rows[0]].any()
    assert is_amber[rows[-1] + 1 :].any()


def test_a_long_sentence_is_made_smaller_instead_of_cut() -> None:
    """Ground stays free at both ends of every line of words."""
    picture = _framed(
        400, 300, headline="Pneumonia suspected, and more words than would fit in one line of this size, however wide"
    )
    image_top = np.flatnonzero((picture == (10, 200, 30)).all(axis=2).any(axis=1))[0]
    assert not picture[:image_top, :5].any()
    assert not picture[:image_top, -5:].any()
