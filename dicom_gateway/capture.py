"""The heat map as a Secondary Capture (PS3.3 A.8.1): a picture for readers, of which nothing can be measured.

A capture is a function of its content, its source header and its picture, as a report is. It states no pixel spacing,
so that no viewer offers a ruler, and says in its pixels what it is.
"""

import io

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from dicom_gateway import codes
from dicom_gateway.own_instance import (
    add_equipment,
    as_file,
    normalised_source,
    quote_patient_and_study,
    reference,
    stamp,
)
from dicom_gateway.report_content import ReportContent, ReportContentInvalid
from dicom_gateway.report_words import HEAT_MAP_SERIES_DESCRIPTION
from dicom_gateway.source_items import read_text
from dicom_gateway.source_numbers import read_number
from dicom_gateway.uids import capture_series_uid, capture_sop_instance_uid
from domain.finding import Assessment

SECONDARY_CAPTURE = str(SecondaryCaptureImageStorage)
#: After the reports' series.
SERIES_NUMBER = 9902


def build_capture(
    content: ReportContent, source_header: Dataset, picture: NDArray[np.uint8], *, is_as_stored: bool
) -> bytes:
    """Give the capture as a Part 10 file to be kept: RGB, deflated (see `as_sent`).

    `source_header` is the header, as received, of the analysed image; `picture` is RGB (rows, columns, 3) and holds the
    words already. `is_as_stored` says that the image was not turned before it was read, so that its orientation holds.

    Raises ReportContentInvalid when nothing was suspected, or the header is another image's; InstanceInvalid when the
    header lacks a UID.
    """
    if content.assessment is not Assessment.SUSPECTED:
        raise ReportContentInvalid("a capture shows where a suspicion comes from: there is none")
    image = normalised_source(source_header)
    if image.SOPInstanceUID != content.analysed_sop_instance_uid:
        raise ReportContentInvalid("the source header is not of the analysed image")
    ds = Dataset()
    quote_patient_and_study(ds, image)
    add_equipment(ds, content.manufacturer, content.model_version)
    stamp(ds, content.created_at)
    _add_series(ds, content)
    _add_image(ds, image, is_as_stored=is_as_stored)
    _add_lossy_compression(ds, source_header)
    _add_pixels(ds, picture)
    return as_file(ds, DeflatedExplicitVRLittleEndian)


def as_sent(kept: bytes) -> bytes:
    """Give a kept capture in Explicit VR Little Endian, which every PACS takes: the same elements, not deflated."""
    ds = dcmread(io.BytesIO(kept))
    return as_file(ds, ExplicitVRLittleEndian)


def _add_series(ds: Dataset, content: ReportContent) -> None:
    """General Series, SC Equipment and SOP Common: PS3.3 C.7.3.1, C.8.6.1, C.12.1."""
    ds.Modality = "OT"
    # What the input gate admits; a paired part would want a side.
    ds.BodyPartExamined = "CHEST"
    ds.ConversionType = "WSD"
    ds.SeriesInstanceUID = capture_series_uid(ds.StudyInstanceUID)
    ds.SeriesNumber = SERIES_NUMBER
    ds.SeriesDescription = HEAT_MAP_SERIES_DESCRIPTION
    ds.SOPClassUID = SECONDARY_CAPTURE
    ds.SOPInstanceUID = capture_sop_instance_uid(ds.StudyInstanceUID, content.study_revision, content.model_version)
    ds.InstanceNumber = content.study_revision


def _add_image(ds: Dataset, image: Dataset, *, is_as_stored: bool) -> None:
    """General Image, PS3.3 C.7.6.1, with what the picture was made from."""
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.PatientOrientation = image.PatientOrientation if is_as_stored else ""
    ds.DerivationDescription = "Heat map of an AI algorithm painted over the image; not for diagnosis"
    source = reference(image.SOPClassUID, image.SOPInstanceUID)
    source.PurposeOfReferenceCodeSequence = [_code(codes.SOURCE_IMAGE_FOR_PROCESSING)]
    ds.SourceImageSequence = [source]
    # The words name no patient (PS3.3 C.7.6.1.1.4), and a chest radiograph no face.
    ds.BurnedInAnnotation = "NO"
    ds.RecognizableVisualFeatures = "NO"


def _code(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def _add_lossy_compression(ds: Dataset, source_header: Dataset) -> None:
    """Repeat that the source lost something by compression: so has what is made of it (PS3.3 C.7.6.1.1.5)."""
    ratio = read_number(source_header, "LossyImageCompressionRatio")
    if read_text(source_header, "LossyImageCompression") == "01" and ratio is not None and ratio > 0:
        ds.LossyImageCompression = "01"
        ds.LossyImageCompressionRatio = f"{ratio:.4g}"
        if method := read_text(source_header, "LossyImageCompressionMethod"):
            ds.LossyImageCompressionMethod = method[:16]


def _add_pixels(ds: Dataset, picture: NDArray[np.uint8]) -> None:
    """Image Pixel, PS3.3 C.7.6.3."""
    ds.Rows, ds.Columns, ds.SamplesPerPixel = picture.shape
    ds.PhotometricInterpretation = "RGB"
    ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.PixelRepresentation = 0
    pixels = picture.tobytes()
    ds.PixelData = pixels + b"\0" * (len(pixels) % 2)
    ds["PixelData"].VR = "OB"
