"""Small DICOM instances for the gateway's tests."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian, RLELossless
from pynetdicom.dsutils import encode, encode_file_meta


@dataclass(frozen=True)
class Uids:
    """The UIDs of every instance made here, unless a test gives others."""

    sop_class: str = ComputedRadiographyImageStorage
    sop_instance: str = "1.2.826.0.1.1"
    study: str = "1.2.826.0.1.2"
    series: str = "1.2.826.0.1.3"


UIDS = Uids()


def image(transfer_syntax: str = ExplicitVRLittleEndian, *, side: int = 32, **elements: object) -> Dataset:
    """Make an image of `side` x `side` pixels, 16 bit; `elements` replace those of the header."""
    ds = Dataset()
    ds.SOPClassUID = UIDS.sop_class
    ds.SOPInstanceUID = UIDS.sop_instance
    ds.StudyInstanceUID = UIDS.study
    ds.SeriesInstanceUID = UIDS.series
    ds.Modality = "CR"
    ds.PatientName = "Doe^Jane"
    ds.PatientID = "12345"
    ds.Rows = ds.Columns = side
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    pixels = np.random.default_rng(side).integers(0, 4096, (side, side), dtype=np.uint16)
    syntax = UID(transfer_syntax)
    ds.PixelData = pixels.tobytes() if syntax.is_little_endian else pixels.byteswap().tobytes()
    ds["PixelData"].VR = "OW"
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return _with_meta(ds, syntax)


def _with_meta(ds: Dataset, syntax: UID) -> Dataset:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax == RLELossless:
        ds.compress(RLELossless, generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.FileMetaInformationGroupLength = 0
    return ds


def encoded(ds: Dataset) -> bytes:
    """Encode the data set alone, in its transfer syntax."""
    syntax = UID(ds.file_meta.TransferSyntaxUID)
    data = encode(ds, syntax.is_implicit_VR, syntax.is_little_endian)
    assert data is not None
    return bytes(data)


def as_file(ds: Dataset) -> bytes:
    """Encode a whole DICOM file; file meta and data set need not agree."""
    return b"\0" * 128 + b"DICM" + bytes(encode_file_meta(ds.file_meta)) + encoded(ds)


def write_image(path: Path, transfer_syntax: str = ExplicitVRLittleEndian, **elements: object) -> Path:
    """Write an image as a DICOM file."""
    path.write_bytes(as_file(image(transfer_syntax, **elements)))  # type: ignore[arg-type]
    return path


def file_meta(path: Path) -> FileMetaDataset:
    """Read the file meta."""
    return read_file_meta_info(path)


def report(sop_class: str, sop_instance: str = "1.2.826.0.9.1", transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Make a DICOM file that passes for a structured report on the network."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, sop_instance
    ds.StudyInstanceUID, ds.SeriesInstanceUID = UIDS.study, "1.2.826.0.9.3"
    ds.Modality = "SR"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = sop_class, sop_instance
    ds.file_meta.FileMetaInformationVersion = b"\0\1"
    return as_file(ds)


def parsed(data: bytes) -> Dataset:
    """Read a DICOM file from memory."""
    return dcmread(BytesIO(data))
