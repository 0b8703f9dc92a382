"""Every transfer syntax on offer decodes to the known stored values, and what is damaged is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate

from dicom_gateway.decode import SUPPORTED_TRANSFER_SYNTAXES, decode_pixels
from dicom_gateway.header import read_instance
from dicom_gateway.wrap_encoding import NEAR_LOSSLESS_ERROR, set_pixel_data
from domain.errors import NotAnalysable
from domain.finding import RefusalCode
from tests.fuzz.frames import BY_GDCM, OURS, STREAMS, encoded, frames, jpeg
from tests.phantoms import dataset, encapsulated, recompressed, saved, waves

NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)


def refusal_of(ds: FileDataset) -> RefusalCode:
    """Give the code with which decoding refuses."""
    with pytest.raises(NotAnalysable) as refusal:
        decode_pixels(ds)
    return refusal.value.code


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_native_pixels(tmp_path: Path, syntax: str, bits: int) -> None:
    """Uncompressed pixels of every byte order come back exactly, through a file."""
    ds = dataset(waves(bits), bits, TransferSyntaxUID=syntax)
    set_pixel_data(ds, waves(bits))
    np.testing.assert_array_equal(decode_pixels(read_instance(saved(ds, tmp_path / "image.dcm"))), waves(bits))


@pytest.mark.parametrize("syntax", OURS)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_lossless_syntaxes_of_our_own_encoders(syntax: str, bits: int) -> None:
    """RLE, JPEG-LS and JPEG 2000 lossless come back exactly."""
    np.testing.assert_array_equal(decode_pixels(encoded(waves(bits), bits, syntax)), waves(bits))


@pytest.mark.parametrize("syntax", BY_GDCM)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_lossless_syntaxes_of_another_encoder(syntax: str, bits: int) -> None:
    """What GDCM encodes without loss, JPEG Lossless too, comes back exactly."""
    ds = recompressed(dataset(waves(bits), bits), syntax)
    assert ds.file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(decode_pixels(ds), waves(bits))


@pytest.mark.parametrize(
    ("name", "syntax", "bits", "truth", "tolerance"),
    [
        ("htj2k_lossless_8.j2c", uid.HTJ2KLossless, 8, 8, 0),
        ("htj2k_lossless_8.j2c", uid.HTJ2KLosslessRPCL, 8, 8, 0),
        ("htj2k_lossless_12_of_16.j2c", uid.HTJ2KLossless, 12, 12, 0),
        ("htj2k_lossy_8.j2c", uid.HTJ2K, 8, 8, 1),
        ("jpeg_extended_12.jpg", uid.JPEGExtended12Bit, 12, 12, 9),
        ("jpeg_lossless_predictor_1_12.jpg", uid.JPEGLosslessSV1, 12, 12, 0),
        ("jpeg_lossless_predictor_6_16.jpg", uid.JPEGLossless, 16, 16, 0),
    ],
)
def test_streams_of_foreign_encoders(name: str, syntax: str, bits: int, truth: int, tolerance: int) -> None:
    """Streams made by OpenJPH and libjpeg-turbo decode to the formula that they were made from.

    12-bit JPEG is lossy: its own encoder's decoder is 9 of 4,095 off at worst as well.
    """
    stored = waves(truth)
    decoded = decode_pixels(encapsulated((STREAMS / name).read_bytes(), stored, syntax, bits))
    assert np.abs(decoded.astype(np.int32) - stored).max() <= tolerance


@pytest.mark.parametrize(
    ("syntax", "tolerance"),
    [(uid.JPEGBaseline8Bit, 8), (uid.JPEGLSNearLossless, NEAR_LOSSLESS_ERROR), (uid.JPEG2000, 12)],
)
def test_lossy_syntaxes(syntax: str, tolerance: int) -> None:
    """Lossy syntaxes come back within the loss of their encoder."""
    decoded = decode_pixels(encoded(waves(8), 8, syntax))
    assert np.abs(decoded.astype(np.int32) - waves(8)).max() <= tolerance


def test_jpeg_extended_of_8_bits() -> None:
    """JPEG Extended may hold 8 bits a sample, and then decodes as baseline does."""
    stream = jpeg(waves(8))
    extended = decode_pixels(encapsulated(stream, waves(8), uid.JPEGExtended12Bit, 8))
    np.testing.assert_array_equal(extended, decode_pixels(encapsulated(stream, waves(8), uid.JPEGBaseline8Bit, 8)))


@pytest.mark.parametrize(
    ("name", "shape", "lowest", "highest", "total"),
    [
        ("693_J2KI.dcm", (512, 512), -2971, 2836, -2181784),
        ("J2K_pixelrep_mismatch.dcm", (512, 512), -2000, 1896, -172605258),
        ("JPEG2000.dcm", (1024, 256), -30, 245, 3527976),
        ("JPGExtended.dcm", (1024, 256), 0, 264, 3767007),
        ("CT_small.dcm", (128, 128), 128, 2191, 14826310),
        ("image_dfl.dcm", (512, 512), 0, 255, 33322688),
    ],
)
def test_files_of_other_makers(name: str, shape: tuple[int, int], lowest: int, highest: int, total: int) -> None:
    """Files that come with pydicom decode to the values that pydicom's other decoders agree on."""
    decoded = decode_pixels(read_instance(Path(str(get_testdata_file(name, download=False)))))
    assert (decoded.shape, decoded.min(), decoded.max(), decoded.sum()) == (shape, lowest, highest, total)


def test_every_syntax_on_offer_has_a_test() -> None:
    """No transfer syntax is offered that the tests above do not decode."""
    lossy = (uid.JPEGBaseline8Bit, uid.JPEGLSNearLossless, uid.JPEG2000, uid.JPEGExtended12Bit)
    high_throughput = (uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K)
    assert set(SUPPORTED_TRANSFER_SYNTAXES) == {*NATIVE, *BY_GDCM, *lossy, *high_throughput}


def test_signed_values() -> None:
    """Negative stored values keep their sign, also at 12 bits in 16."""
    signed = waves(12).astype(np.int16) - 2048
    np.testing.assert_array_equal(decode_pixels(dataset(signed, 12)), signed)
    decoded = decode_pixels(recompressed(dataset(signed, 12), uid.JPEGLosslessSV1))
    np.testing.assert_array_equal(decoded, signed)


def test_signed_values_without_sign_extension() -> None:
    """The unused bits above a signed value may hold anything."""
    signed = waves(12).astype(np.int16) - 2048
    packed = signed & np.int16(0x0FFF)
    np.testing.assert_array_equal(decode_pixels(dataset(packed, 12)), signed)


def test_high_bit_at_the_top() -> None:
    """Values of 12 bits at the top of 16 are shifted down."""
    shifted = waves(12) << 4
    np.testing.assert_array_equal(decode_pixels(dataset(shifted.astype(np.uint16), 12, HighBit=15)), waves(12))


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLosslessSV1])
def test_overlay_in_the_high_bits(syntax: str) -> None:
    """An overlay in the bits above Bits Stored is no part of the value."""
    overlay = waves(12) | np.where(np.indices((128, 144)).sum(axis=0) % 7 == 0, 0x8000, 0).astype(np.uint16)
    ds = dataset(overlay.astype(np.uint16), 16)
    if syntax != uid.ExplicitVRLittleEndian:
        ds = recompressed(ds, syntax)
    ds.BitsStored, ds.HighBit = 12, 11
    np.testing.assert_array_equal(decode_pixels(ds), waves(12))


def test_high_bit_beyond_the_stream() -> None:
    """High Bit 15 on a 12-bit codestream describes the container, not the samples: nothing is shifted."""
    ds = encoded(waves(12), 12, uid.JPEGLSLossless)
    ds.HighBit = 15
    np.testing.assert_array_equal(decode_pixels(ds), waves(12))


def test_signed_samples_of_fewer_bits_than_stored() -> None:
    """A 12-bit stream under Bits Stored 16 has its sign in bit 11, where the encoder put it."""
    signed = waves(12).astype(np.int16) - 2048
    ds = recompressed(dataset(signed, 12), uid.JPEGLosslessSV1)
    ds.BitsStored, ds.HighBit = 16, 15
    np.testing.assert_array_equal(decode_pixels(ds), signed)


def test_numbers_as_text() -> None:
    """Rows and bits that a sender wrote as text are numbers all the same."""
    ds = dataset(waves(12))
    for keyword in ("Rows", "Columns", "BitsStored", "HighBit"):
        ds[keyword].VR, ds[keyword].value = "LO", str(ds[keyword].value)
    np.testing.assert_array_equal(decode_pixels(ds), waves(12))


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"PixelData": None}, RefusalCode.NO_PIXELS),
        ({"PixelData": b""}, RefusalCode.NO_PIXELS),
        ({"NumberOfFrames": 2}, RefusalCode.MULTI_FRAME),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, RefusalCode.COLOUR),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, RefusalCode.COLOUR),
        ({"PhotometricInterpretation": None}, RefusalCode.COLOUR),
        ({"Rows": 64}, RefusalCode.IMAGE_SIZE),
        ({"Rows": None}, RefusalCode.IMAGE_SIZE),
        ({"Columns": 65535}, RefusalCode.IMAGE_SIZE),
        ({"BitsAllocated": 32}, RefusalCode.UNDECODABLE),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, RefusalCode.UNDECODABLE),
        ({"BitsStored": 17}, RefusalCode.UNDECODABLE),
        ({"HighBit": 3}, RefusalCode.UNDECODABLE),
        ({"Rows": 129}, RefusalCode.UNDECODABLE),
        ({"Rows": 16384, "Columns": 4097}, RefusalCode.IMAGE_SIZE),
        ({"Rows": 16384, "Columns": 4096}, RefusalCode.UNDECODABLE),
    ],
)
def test_refused_pixel_modules(attributes: dict[str, object], code: RefusalCode) -> None:
    """An image that is not one grey frame of sane size and depth is refused in code."""
    assert refusal_of(dataset(waves(12), **attributes)) is code


@pytest.mark.parametrize("syntax", [uid.MPEG2MPML, "1.2.3", ""])
def test_unsupported_syntax(syntax: str) -> None:
    """A transfer syntax that is not on offer is refused as such."""
    ds = dataset(waves(12))
    ds.file_meta.TransferSyntaxUID = uid.UID(syntax)
    assert refusal_of(ds) is RefusalCode.UNSUPPORTED_SYNTAX


def test_no_file_meta() -> None:
    """Without file meta information the transfer syntax is unknown."""
    ds = dataset(waves(12))
    del ds.file_meta
    assert refusal_of(ds) is RefusalCode.UNSUPPORTED_SYNTAX


@pytest.mark.parametrize("syntax", NATIVE[:3])
def test_truncated_native_pixels(syntax: str) -> None:
    """One row too few is refused, not filled up."""
    ds = dataset(waves(12), TransferSyntaxUID=syntax)
    ds.PixelData = ds.PixelData[: -2 * 144]
    with pytest.raises(NotAnalysable, match="36576 bytes of pixel data for 36864"):
        decode_pixels(ds)


def test_native_pixels_with_padding_behind() -> None:
    """Bytes behind the frame are no reason to refuse."""
    ds = dataset(waves(12))
    ds.PixelData = ds.PixelData + bytes(1000)
    np.testing.assert_array_equal(decode_pixels(ds), waves(12))


#: A frame of each compressed transfer syntax: of 8 bits, and of 12 where 8 are not allowed for.
FRAMES = {syntax: (frame.stream, frame.stored) for syntax, frame in (frames(12) | frames(8)).items()}


@pytest.mark.parametrize("syntax", FRAMES)
def test_frames_of_another_size(syntax: str) -> None:
    """A codestream whose size is not Rows x Columns is refused before it is decoded."""
    frame, stored = FRAMES[syntax]
    ds = encapsulated(frame, stored, syntax, 8 * stored.itemsize, Rows=stored.shape[0] + 2)
    if syntax == uid.RLELossless:  # its frames do not say their size
        assert refusal_of(ds) is RefusalCode.UNDECODABLE
        return
    with pytest.raises(NotAnalysable, match="frame of 128 rows, 144 columns"):
        decode_pixels(ds)


def test_a_frame_of_another_syntax() -> None:
    """A JPEG-LS frame under the UID of JPEG Lossless is refused before a decoder sees it."""
    frame, stored = FRAMES[uid.JPEGLSLossless]
    with pytest.raises(NotAnalysable, match="not of the declared transfer syntax"):
        decode_pixels(encapsulated(frame, stored, uid.JPEGLosslessSV1, 8))


def test_a_colour_stream_declared_grey() -> None:
    """A colour JPEG under a grey header is refused as colour, before any decoder sees it."""
    buffer = io.BytesIO()
    Image.fromarray(waves(8)).convert("RGB").save(buffer, "JPEG")
    assert refusal_of(encapsulated(buffer.getvalue(), waves(8), uid.JPEGBaseline8Bit, 8)) is RefusalCode.COLOUR


def test_bytes_that_are_not_encapsulated() -> None:
    """Native bytes under a compressed transfer syntax are refused."""
    ds = dataset(waves(8), 8)
    ds.file_meta.TransferSyntaxUID = uid.JPEGLosslessSV1
    assert refusal_of(ds) is RefusalCode.UNDECODABLE


def test_a_frame_in_several_fragments() -> None:
    """One frame in many fragments is joined before it is decoded."""
    frame, stored = FRAMES[uid.JPEGLSLossless]
    ds = encapsulated(frame, stored, uid.JPEGLSLossless, 8)
    ds.PixelData = encapsulate([frame], fragments_per_frame=5)
    np.testing.assert_array_equal(decode_pixels(ds), stored)


@pytest.mark.parametrize("syntax", [uid.JPEGLosslessSV1, uid.JPEGLossless, uid.JPEGExtended12Bit])
def test_header_warnings_do_not_end_the_process(syntax: str) -> None:
    """An application segment of which libjpeg warns is kept from GDCM, which would end the process over it."""
    stored = waves(12)
    name = {
        uid.JPEGLossless: "jpeg_lossless_predictor_1_12.jpg",
        uid.JPEGLosslessSV1: "jpeg_lossless_predictor_1_12.jpg",
    }
    frame = (STREAMS / name.get(syntax, "jpeg_extended_12.jpg")).read_bytes()
    future_jfif = b"\xff\xe0\x00\x10JFIF\x00\x63\x63\x00\x00\x01\x00\x01\x00\x00"
    assert frame[2:4] == b"\xff\xe0"
    changed = frame[:2] + future_jfif + frame[20:]
    decoded = decode_pixels(encapsulated(changed, stored, syntax, 12))
    assert np.abs(decoded.astype(np.int32) - stored).max() <= 9
