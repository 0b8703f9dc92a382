"""Pixels against reference decoders that no one here wrote: DCMTK (its own IJG and CharLS) and OpenJPEG's command."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, uid

from dicom_gateway.decode import StoredValues, decode_pixels
from dicom_gateway.display import to_display
from dicom_gateway.header import read_instance
from tests.fuzz.frames import Frame, frames
from tests.interop.conftest import tool
from tests.phantoms import COLUMNS, ROWS, Stored, dataset, saved, waves
from tests.unit.pixels.test_phantom_matrix import BENT, STEEP, WINDOW, table

DEPTHS = (8, 10, 12, 14, 16)
_JPEG_2000 = [
    frame
    for bits in (8, 12, 16)
    for syntax, frame in frames(bits).items()
    if syntax in (uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2K)
]
#: DCMTK's tools want them to be there.
_PATIENT = dict.fromkeys(
    ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"), ""
)

#: A grey level; half of a modality value, which DCMTK rounds; a level of a LUT of 10 bits, of which it makes 1/1024.
_LEVEL, _ROUNDED, _SCALED = 1 / 4095, 0.5 / 1800, 1 / 1023


def run(*words: str | Path) -> None:
    """Run a program to its end; it must succeed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"


def converted(folder: Path, stored: Stored, bits: int, program: str, *options: str) -> Path:
    """Let DCMTK write a phantom in another transfer syntax."""
    native = saved(dataset(stored, bits, **_PATIENT), folder / "native.dcm")
    run(tool(program), *options, native, folder / "converted.dcm")
    return folder / "converted.dcm"


def decoded_by(program: str, file: Path) -> StoredValues:
    """Let DCMTK decode a file to native pixels, and read these."""
    native = file.with_suffix(".native")
    run(tool(program), file, native)
    ds = dcmread(native)
    kind = np.uint8 if ds.BitsAllocated == 8 else np.uint16
    pixels: StoredValues = np.frombuffer(ds.PixelData, kind)[: ds.Rows * ds.Columns].reshape(ds.Rows, ds.Columns)
    return pixels


@pytest.mark.parametrize(
    ("program", "option", "syntax"),
    [
        ("dcmconv", "+ti", uid.ImplicitVRLittleEndian),
        ("dcmconv", "+te", uid.ExplicitVRLittleEndian),
        ("dcmconv", "+tb", uid.ExplicitVRBigEndian),
        ("dcmconv", "+td", uid.DeflatedExplicitVRLittleEndian),
        ("dcmcrle", "", uid.RLELossless),
        ("dcmcjpeg", "+e1", uid.JPEGLosslessSV1),
        *(("dcmcjpeg", f"+el +sv {predictor}", uid.JPEGLossless) for predictor in range(1, 8)),
        ("dcmcjpls", "+el", uid.JPEGLSLossless),
    ],
)
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("bits", DEPTHS)
def test_what_dcmtk_encodes_without_loss(
    tmp_path: Path, program: str, option: str, syntax: str, bits: int, is_signed: bool
) -> None:
    """Every lossless syntax of DCMTK, in every depth, signed or not, decodes to the phantom, value by value."""
    stored = waves(bits)
    if is_signed:
        stored = (stored.astype(np.int32) - (1 << (bits - 1))).astype(np.int8 if bits == 8 else np.int16)
    ds = read_instance(converted(tmp_path, stored, bits, program, *option.split()))
    assert ds.file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(decode_pixels(ds), stored)


@pytest.mark.parametrize(
    ("program", "options", "decoder", "syntax", "bits", "tolerance"),
    [
        ("dcmcjpeg", "+eb +q 90", "dcmdjpeg", uid.JPEGBaseline8Bit, 8, 0),
        ("dcmcjpeg", "+ee +q 90", "dcmdjpeg", uid.JPEGExtended12Bit, 8, 0),
        ("dcmcjpeg", "+ee +bt +q 95", "dcmdjpeg", uid.JPEGExtended12Bit, 12, 0),
        ("dcmcjpls", "+en +md 3", "dcmdjpls", uid.JPEGLSNearLossless, 8, 0),
        ("dcmcjpls", "+en +md 3", "dcmdjpls", uid.JPEGLSNearLossless, 12, 0),
    ],
)
def test_what_dcmtk_encodes_with_loss(
    tmp_path: Path, program: str, options: str, decoder: str, syntax: str, bits: int, tolerance: int
) -> None:
    """Lossy streams decode to the samples that DCMTK's own decoder gives."""
    file = converted(tmp_path, waves(bits), bits, program, *options.split())
    ds = read_instance(file)
    assert ds.file_meta.TransferSyntaxUID == syntax
    difference = np.abs(decode_pixels(ds).astype(np.int32) - decoded_by(decoder, file))
    assert difference.max() <= tolerance


@pytest.mark.parametrize("frame", _JPEG_2000, ids=lambda frame: f"{frame.syntax}, {frame.bits} bits")
def test_jpeg_2000_against_openjpegs_own_command(tmp_path: Path, frame: Frame) -> None:
    """JPEG 2000 and HTJ2K decode to the samples that opj_decompress gives."""
    stream, raw = tmp_path / "frame.j2k", tmp_path / "frame.rawl"
    stream.write_bytes(frame.stream)
    run(tool("opj_decompress"), "-i", stream, "-o", raw)
    samples = np.frombuffer(raw.read_bytes(), frame.stored.dtype).reshape(frame.stored.shape)
    np.testing.assert_array_equal(decode_pixels(frame.dataset()), samples)


def shown_by_dcmtk(file: Path, *options: str) -> NDArray[np.float64]:
    """Let DCMTK display a file, and give its grey values in [0, 1]."""
    picture = file.with_suffix(".pgm")
    run(tool("dcm2pnm"), "+opw", *options, file, picture)
    words = [word for line in picture.read_text().splitlines() if not line.startswith("#") for word in line.split()]
    columns, rows, maximum = (int(word) for word in words[1:4])
    return np.array(words[4:], dtype=float).reshape(rows, columns) / maximum


@pytest.mark.parametrize(
    ("attributes", "options", "tolerance"),
    [
        (WINDOW, "+Wi 1", _LEVEL),
        ({**WINDOW, "PhotometricInterpretation": "MONOCHROME1"}, "+Wi 1", _LEVEL),
        ({**WINDOW, "PresentationLUTShape": "INVERSE"}, "+Wi 1 +Piv", _LEVEL),
        ({**WINDOW, "VOILUTFunction": "SIGMOID"}, "+Wi 1 +Wfs", _LEVEL),
        ({"WindowCenter": [900, 3000], "WindowWidth": [1200, 50]}, "+Wi 1", _LEVEL),
        ({**WINDOW, "RescaleSlope": -1, "RescaleIntercept": 4095, "RescaleType": "US"}, "+Wi 1", _LEVEL),
        ({**WINDOW, "RescaleSlope": 0.5, "RescaleIntercept": 600, "RescaleType": "US"}, "+Wi 1", _ROUNDED),
        ({**WINDOW, "ModalityLUTSequence": table(BENT, 0, 12)}, "+Wi 1", _LEVEL),
        ({"VOILUTSequence": table(STEEP, 0, 10)}, "+Wl 1", _SCALED),
        ({"VOILUTSequence": table(STEEP, 500, 10)}, "+Wl 1", _SCALED),
    ],
)
def test_display_against_dcmtk(tmp_path: Path, attributes: dict[str, object], options: str, tolerance: float) -> None:
    """Windows, tables, rescale and polarity show the picture that DCMTK shows, to a grey level."""
    stored = (np.arange(ROWS * COLUMNS) * 1021 % 4096).astype(np.uint16).reshape(ROWS, COLUMNS)
    ds = dataset(stored, 12, **_PATIENT, **attributes)
    shown = shown_by_dcmtk(saved(ds, tmp_path / "image.dcm"), *options.split())
    np.testing.assert_allclose(to_display(ds, decode_pixels(ds)).pixels, shown, atol=tolerance)
