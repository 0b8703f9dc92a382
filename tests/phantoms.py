"""Images whose right answer is known: phantoms, and data sets that hold them in every odd way that occurs."""

import tempfile
from pathlib import Path
from typing import Any

import gdcm  # SWIG wrapper without stubs
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate

Pixels = NDArray[np.float32]
Stored = NDArray[np.integer[Any]]

ROWS, COLUMNS = 160, 144


def chest(rows: int = 512, columns: int = 448) -> Pixels:
    """Give (rows, columns) in [0, 1] that look like a frontal chest: bright spine and ribs, dark lungs and air."""
    y, x = (axis.astype(np.float32) for axis in np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j])
    image = np.full((rows, columns), 0.06, dtype=np.float32)
    body = ((x - 0.5) / 0.47) ** 2 + ((y - 0.62) / 0.60) ** 2 < 1
    image[body] = 0.55
    for side in (-1, 1):
        lung = ((x - 0.5 - side * 0.24) / 0.15) ** 2 + ((y - 0.46) / 0.28) ** 2 < 1
        image[lung] = 0.22 + 0.08 * (np.sin(y[lung] * 60 + side * x[lung] * 12) > 0.6)
    image[body & (np.abs(x - 0.5) < 0.07)] = 0.82
    heart = ((x - 0.56) / 0.13) ** 2 + ((y - 0.62) / 0.13) ** 2 < 1
    image[heart & body] = 0.74
    # A slope under it all: every grey level occurs, as in a real radiograph.
    sloped: Pixels = np.clip(image + 0.06 * y + 0.02 * x, 0, 1).astype(np.float32)
    return sloped


def gradient(rows: int = ROWS, columns: int = COLUMNS) -> Pixels:
    """Give a diagonal ramp from 0 to 1."""
    y, x = np.mgrid[0:rows, 0:columns]
    ramp: Pixels = ((y + x) / (rows + columns - 2)).astype(np.float32)
    return ramp


def step_wedge(steps: int = 16, rows: int = ROWS, step_columns: int = 12) -> Pixels:
    """Give vertical bars of equal width, from 0 to 1 in equal steps."""
    return np.tile(np.repeat(np.linspace(0, 1, steps, dtype=np.float32), step_columns), (rows, 1))


def waves(bits: int, rows: int = 128, columns: int = COLUMNS) -> Stored:
    """Give stored values that fill 8 to 16 bits and compress well, from integers alone: the same everywhere."""
    r, c = np.mgrid[0:rows, 0:columns]
    if bits == 8:
        return np.abs((r * 2 + c * 3 + (r * c) // 64) % 510 - 255).astype(np.uint8)
    twelve: NDArray[np.int64] = np.abs((r * 13 + c * 29 + (r * c) // 16) % 8190 - 4095)
    sixteen = twelve * 16 + (r * 7 + c * 3) % 16
    return (sixteen >> (16 - bits)).astype(np.uint16)


def bordered(pixels: Pixels, level: float, *, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0) -> Pixels:
    """Give a copy with collimator blades of one grey level over its edges."""
    copy = pixels.copy()
    height, width = copy.shape
    inside = np.zeros(copy.shape, dtype=np.bool_)
    inside[top : height - bottom, left : width - right] = True
    copy[~inside] = level
    return copy


def dataset(stored: Stored, bits_stored: int = 12, **attributes: object) -> FileDataset:
    """Make a DX data set in explicit VR little endian around (H, W) stored values, exactly as they lie.

    8-bit arrays are allocated 8 bits, all others 16. `attributes` are set last, by keyword; None deletes one.
    """
    syntax = attributes.pop("TransferSyntaxUID", uid.ExplicitVRLittleEndian)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = uid.UID(str(syntax))
    meta.MediaStorageSOPClassUID = uid.DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = uid.UID("2.25.1")
    ds = FileDataset("", {}, bytes(128), meta, meta.TransferSyntaxUID.is_implicit_VR, syntax != uid.ExplicitVRBigEndian)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = "2.25.2", "2.25.3", "DX"
    ds.Rows, ds.Columns, ds.SamplesPerPixel = *stored.shape, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = 8 * stored.itemsize
    ds.BitsStored, ds.HighBit = bits_stored, bits_stored - 1
    ds.PixelRepresentation = int(stored.dtype.kind == "i")
    is_big_endian = syntax == uid.ExplicitVRBigEndian
    ds.PixelData = stored.astype(stored.dtype.newbyteorder(">" if is_big_endian else "<")).tobytes()
    ds["PixelData"].VR = "OB" if stored.itemsize == 1 else "OW"
    set_attributes(ds, **attributes)
    return ds


def set_attributes(ds: FileDataset, **attributes: object) -> None:
    """Set elements by keyword; None deletes one."""
    for keyword, value in attributes.items():
        if value is None:
            del ds[keyword]
        else:
            setattr(ds, keyword, value)


def encapsulated(stream: bytes, stored: Stored, syntax: str, bits_stored: int, **attributes: object) -> FileDataset:
    """Make a data set that holds one compressed frame, of which `stored` tells shape and type."""
    ds = dataset(stored, bits_stored)
    ds.file_meta.TransferSyntaxUID = uid.UID(syntax)
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].VR = "OB"
    set_attributes(ds, **attributes)
    return ds


def saved(ds: FileDataset, path: Path) -> Path:
    """Save a data set as a DICOM file and give its path."""
    ds.save_as(path, enforce_file_format=True)
    return path


def recompressed(ds: FileDataset, syntax: str) -> FileDataset:
    """Compress a native data set with GDCM, an encoder other than ours: JPEG Lossless, RLE and the rest."""
    with tempfile.TemporaryDirectory() as folder:
        native, packed = Path(folder) / "native.dcm", Path(folder) / "packed.dcm"
        saved(ds, native)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(native))
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
        if not reader.Read():
            raise ValueError("GDCM cannot read the phantom")
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise ValueError(f"GDCM cannot encode {syntax}")
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(packed))
        writer.Write()
        result: FileDataset = dcmread(packed)
        result.PixelData  # noqa: B018 - read before the folder goes
        return result
