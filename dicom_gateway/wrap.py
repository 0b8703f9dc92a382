"""Pictures to DICOM: (H, W) grey, or a JPEG or PNG file, becomes a DX or CR instance that a modality could have sent.

For demonstrations, tests and benchmarks. IODs: PS3.3 A.2 (CR) and A.26 (DX for presentation).
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate

from dicom_gateway import wrap_modules as modules
from dicom_gateway.codestream import SOF_BASELINE, FrameHeader, read_jpeg_header
from dicom_gateway.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, derived_uid
from dicom_gateway.wrap_encoding import StoredImage, set_pixel_data
from dicom_gateway.wrap_modules import SourceLabels
from domain.errors import InstanceInvalid, NotAnalysable

__all__ = ["SourceLabels", "StoredScale", "wrap_image", "wrap_jpeg", "wrap_picture"]

Picture = NDArray[np.float32] | NDArray[np.float64] | NDArray[np.uint8]

_BYTE, _WORD = 8, 16
_WHITE_BYTE = 255
_EXIF_ORIENTATION, _EXIF_UPRIGHT = 0x0112, 1
_NO_LABELS = SourceLabels()


@dataclass(frozen=True, slots=True)
class StoredScale:
    """How grey in [0, 1] becomes stored values; whatever the choice, the displayed picture is the same."""

    #: MONOCHROME1 stores inverted values, and says so.
    photometric: str = "MONOCHROME2"
    #: Bits Stored, up to 16; more than 8 are allocated 16.
    bits: int = 12
    #: The rescale of the Modality LUT; a negative slope stores inverted values once more. DX allows only 1 and 0.
    rescale_slope: float = 1.0
    rescale_intercept: float = 0.0

    @property
    def maximum(self) -> int:
        """The largest stored value."""
        return (1 << self.bits) - 1

    @property
    def is_inverted(self) -> bool:
        """White is stored as 0."""
        return (self.photometric == "MONOCHROME1") != (self.rescale_slope < 0)

    def store(self, pixels: Picture) -> StoredImage:
        """Give the stored values of (H, W) grey: [0, 1] floats, or bytes of which 255 is white."""
        white = _WHITE_BYTE if pixels.dtype == np.uint8 else 1.0
        grey = np.clip(pixels.astype(np.float64) / white, 0, 1)
        values = np.rint((1 - grey if self.is_inverted else grey) * self.maximum)
        return values.astype(np.uint8) if self.bits <= _BYTE else values.astype(np.uint16)

    def describe(self, ds: Dataset) -> None:
        """Write the Image Pixel, Modality LUT and VOI LUT attributes that say all this."""
        ds.SamplesPerPixel = 1
        ds.PhotometricInterpretation = self.photometric
        ds.PresentationLUTShape = "INVERSE" if self.photometric == "MONOCHROME1" else "IDENTITY"
        ds.BitsAllocated = _BYTE if self.bits <= _BYTE else _WORD
        ds.BitsStored = self.bits
        ds.HighBit = self.bits - 1
        ds.PixelRepresentation = 0
        ds.RescaleSlope = self.rescale_slope
        ds.RescaleIntercept = self.rescale_intercept
        ds.RescaleType = "US"
        if "PixelIntensityRelationship" in ds:
            # -1: the more radiation, the smaller the value (C.8.11.3.1.2); bone is white, and stored as the maximum.
            ds.PixelIntensityRelationshipSign = 1 if self.is_inverted else -1
        # LINEAR: black at center - 0.5 - (width - 1) / 2, white at center - 0.5 + (width - 1) / 2 (C.11.2.1.2.1).
        span = abs(self.rescale_slope) * self.maximum
        ds.WindowWidth = span + 1
        ds.WindowCenter = self.rescale_slope * self.maximum / 2 + self.rescale_intercept + 0.5


_DEFAULT_SCALE = StoredScale()


def wrap_image(
    pixels: Picture,
    labels: SourceLabels = _NO_LABELS,
    scale: StoredScale = _DEFAULT_SCALE,
    transfer_syntax_uid: str = uid.ExplicitVRLittleEndian,
) -> FileDataset:
    """Make an instance, ready to send or save, of (H, W) grey: floats in [0, 1], or bytes.

    UIDs that `labels` leaves out are derived from the pixels, the labels and the encoding: the same call makes the
    same instance. Raises ValueError for a transfer syntax without an encoder here.
    """
    stored = scale.store(pixels)
    digest = hashlib.sha256(stored.tobytes()).hexdigest()
    ds = _instance(labels, f"{digest} {scale} {transfer_syntax_uid}", transfer_syntax_uid)
    scale.describe(ds)
    ds.Rows, ds.Columns = stored.shape
    ds.LossyImageCompression = "00"
    set_pixel_data(ds, stored)
    return ds


def wrap_jpeg(path: Path, labels: SourceLabels = _NO_LABELS, photometric: str = "MONOCHROME2") -> FileDataset:
    """Make an instance around the bytes of an 8-bit grey baseline JPEG file, unchanged (PS3.5 A.4.1).

    `photometric` MONOCHROME1 says that the file's values are inverted. Raises InstanceInvalid for any other JPEG.
    """
    stream = path.read_bytes()
    header = _encapsulable_header(stream)
    ds = _instance(labels, f"{hashlib.sha256(stream).hexdigest()} {photometric}", uid.JPEGBaseline8Bit)
    StoredScale(photometric, bits=_BYTE).describe(ds)
    ds.Rows, ds.Columns = header.rows, header.columns
    modules.describe_lossy_compression(ds, header.rows * header.columns / len(stream), "ISO_10918_1")
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].VR = "OB"
    return ds


def wrap_picture(path: Path, labels: SourceLabels = _NO_LABELS) -> FileDataset:
    """Make an instance of a JPEG or PNG file: by `wrap_jpeg` where its bytes allow, else decoded and 8 or 16 bit.

    Raises InstanceInvalid when the file is no picture.
    """
    try:
        return wrap_jpeg(path, labels)
    except InstanceInvalid:
        pixels, bits = _read_picture(path)
        return wrap_image(pixels, labels, StoredScale(bits=bits))


def _read_picture(path: Path) -> tuple[Picture, int]:
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as picture:
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):
                return np.asarray(upright, dtype=np.float64) / ((1 << _WORD) - 1), _WORD
            return np.asarray(upright.convert("L"), dtype=np.uint8), _BYTE
    except (OSError, SyntaxError, ValueError) as error:
        raise InstanceInvalid("the file is not a JPEG or PNG picture") from error


def _encapsulable_header(stream: bytes) -> FrameHeader:
    try:
        header = read_jpeg_header(stream)
    except NotAnalysable as error:
        raise InstanceInvalid("the file is not a whole JPEG") from error
    if (header.process, header.components, header.precision) != (SOF_BASELINE, 1, _BYTE):
        raise InstanceInvalid("the JPEG is not 8-bit grey baseline")
    with Image.open(io.BytesIO(stream), formats=("JPEG",)) as picture:
        if picture.getexif().get(_EXIF_ORIENTATION, _EXIF_UPRIGHT) != _EXIF_UPRIGHT:
            raise InstanceInvalid("the JPEG is stored rotated")
    return header


def _instance(labels: SourceLabels, content: str, transfer_syntax_uid: str) -> FileDataset:
    """Make the data set with everything but the Image Pixel module."""
    subject = "\n".join((labels.patient_id, labels.study_date, labels.accession_number, labels.study_id))
    study = labels.study_instance_uid or derived_uid("wrapped study", subject, "" if subject.strip() else content)
    series = labels.series_instance_uid or derived_uid("wrapped series", study, str(labels.series_number))
    instance = labels.sop_instance_uid or derived_uid("wrapped image", series, str(labels), content)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = modules.SOP_CLASSES[labels.modality]
    meta.MediaStorageSOPInstanceUID = uid.UID(instance)
    meta.TransferSyntaxUID = uid.UID(transfer_syntax_uid)
    meta.ImplementationClassUID = uid.UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    syntax = meta.TransferSyntaxUID
    ds = FileDataset("", {}, bytes(128), meta, syntax.is_implicit_VR, syntax.is_little_endian)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
    modules.describe(ds, labels)
    return ds
