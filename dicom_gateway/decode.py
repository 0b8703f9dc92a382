"""Pixel Data to stored values: what PS3.3 C.7.6.3 describes, or a coded refusal.

Nothing is allocated before Rows x Columns is known to be sane, to agree with the codestream, and to fit the bytes
that are there. A truncated frame is refused, never padded.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder

from dicom_gateway import frame_codecs as codecs
from dicom_gateway.codestream import (
    SOF_BASELINE,
    SOF_EXTENDED,
    SOF_JPEG_LS,
    SOF_LOSSLESS,
    FrameHeader,
    read_jpeg2000_header,
    read_jpeg_header,
)
from dicom_gateway.source_numbers import read_integer
from dicom_gateway.source_text import SourceText
from domain.errors import NotAnalysable
from domain.finding import RefusalCode
from domain.study import has_sane_size

StoredValues = NDArray[np.uint16] | NDArray[np.int16]
_Samples = codecs.Samples
_BYTE, _WORD = 8, 16


@dataclass(frozen=True, slots=True)
class PixelModule:
    """The Image Pixel Module of one grey frame (PS3.3 C.7.6.3), checked."""

    transfer_syntax_uid: str
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool


@dataclass(frozen=True, slots=True)
class _Coding:
    """How the frames of one compressed transfer syntax are read."""

    read_header: Callable[[bytes], FrameHeader]
    decode: Callable[[bytes, FrameHeader], _Samples]
    #: JPEG processes that the syntax allows; JPEG 2000 has none.
    processes: frozenset[int] = frozenset({0})
    #: The entropy coder cannot spend less than this on one pixel; fewer bytes are a truncated stream.
    least_bits_per_pixel: float = 0.0
    most_precision: int = _WORD


def _decode_jpeg(stream: bytes, header: FrameHeader) -> _Samples:
    if header.precision == _BYTE:
        return codecs.decode_with_pillow(stream, header)
    return codecs.decode_with_gdcm(stream, header, str(uid.JPEGExtended12Bit))


#: At least one bit for the DC and one for the AC coefficients of 8 x 8 pixels.
_DCT = 2 / 64
_JPEG_8 = _Coding(read_jpeg_header, codecs.decode_with_pillow, frozenset({SOF_BASELINE, SOF_EXTENDED}), _DCT, _BYTE)
_JPEG_12 = _Coding(read_jpeg_header, _decode_jpeg, frozenset({SOF_BASELINE, SOF_EXTENDED}), _DCT, 12)
_JPEG_LS = _Coding(read_jpeg_header, codecs.decode_with_charls, frozenset({SOF_JPEG_LS}))
_JPEG_2000 = _Coding(read_jpeg2000_header, codecs.decode_with_openjpeg)


def _lossless(transfer_syntax_uid: str) -> _Coding:
    decode = partial(codecs.decode_with_gdcm, transfer_syntax_uid=transfer_syntax_uid)
    return _Coding(read_jpeg_header, decode, frozenset({SOF_LOSSLESS}), least_bits_per_pixel=1)


_CODINGS: dict[str, _Coding] = {
    uid.JPEGBaseline8Bit: _JPEG_8,
    uid.JPEGExtended12Bit: _JPEG_12,
    uid.JPEGLossless: _lossless(uid.JPEGLossless),
    uid.JPEGLosslessSV1: _lossless(uid.JPEGLosslessSV1),
    uid.JPEGLSLossless: _JPEG_LS,
    uid.JPEGLSNearLossless: _JPEG_LS,
    uid.JPEG2000Lossless: _JPEG_2000,
    uid.JPEG2000: _JPEG_2000,
    uid.HTJ2KLossless: _JPEG_2000,
    uid.HTJ2KLosslessRPCL: _JPEG_2000,
    uid.HTJ2K: _JPEG_2000,
}
_NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
#: Two bytes of RLE give at most 128 (PS3.5 G.3.1).
_RLE_MOST_EXPANSION = 64

#: Transfer syntaxes whose frames are really decoded here; docs/pixels.md says by what and how exactly.
SUPPORTED_TRANSFER_SYNTAXES: tuple[str, ...] = tuple(map(str, (*_NATIVE, uid.RLELossless, *_CODINGS)))


def decode_pixels(ds: Dataset) -> StoredValues:
    """Decode the one grey frame of a data set to its stored values.

    Returns (Rows, Columns), int16 when Pixel Representation says signed, else uint16. Unused high bits (overlays of
    old, PS3.5 8.1.2) are cleared, and a High Bit above Bits Stored - 1 is shifted down.
    Raises NotAnalysable: NO_PIXELS, MULTI_FRAME, COLOUR, IMAGE_SIZE, UNSUPPORTED_SYNTAX or UNDECODABLE.
    """
    module = pixel_module(ds)
    try:
        samples, sample_bits = _decode_samples(ds, module)
    except codecs.DECODER_ERRORS as error:
        raise _undecodable(f"the decoder refused the frame ({type(error).__name__})") from error
    if samples.size != module.rows * module.columns:
        raise _undecodable(f"{samples.size} samples for {module.rows} rows, {module.columns} columns")
    return _stored_values(samples, sample_bits, module).reshape(module.rows, module.columns)


def pixel_module(ds: Dataset) -> PixelModule:
    """Read and check the Image Pixel Module before a byte is allocated.

    Raises NotAnalysable as `decode_pixels` does.
    """
    _refuse_unusual_pixels(ds)
    rows, columns = read_integer(ds, "Rows") or 0, read_integer(ds, "Columns") or 0
    if not has_sane_size(rows, columns):
        raise NotAnalysable(RefusalCode.IMAGE_SIZE, f"{rows} rows, {columns} columns")
    allocated = read_integer(ds, "BitsAllocated") or 0
    stored = read_integer(ds, "BitsStored") or allocated
    high_bit = read_integer(ds, "HighBit")
    module = PixelModule(
        transfer_syntax_uid=_transfer_syntax(ds),
        rows=rows,
        columns=columns,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if high_bit is None else high_bit,
        is_signed=read_integer(ds, "PixelRepresentation") == 1,
    )
    if allocated not in (_BYTE, _WORD) or not stored - 1 <= module.high_bit < allocated or stored < 1:
        raise _undecodable(f"bits allocated {allocated}, stored {stored}, high bit {module.high_bit}")
    return module


def _refuse_unusual_pixels(ds: Dataset) -> None:
    if not _holds_pixels(ds):
        raise NotAnalysable(RefusalCode.NO_PIXELS, "no Pixel Data element, or an empty one")
    frames = read_integer(ds, "NumberOfFrames") or 1
    if frames > 1:
        raise NotAnalysable(RefusalCode.MULTI_FRAME, f"{frames} frames")
    photometric = SourceText(ds).read("PhotometricInterpretation")[0].upper()
    samples = read_integer(ds, "SamplesPerPixel")
    if samples not in (None, 1) or not photometric.startswith("MONOCHROME"):
        raise NotAnalysable(RefusalCode.COLOUR, photometric[:_WORD] or "photometric interpretation missing")


def _holds_pixels(ds: Dataset) -> bool:
    """Say whether there are pixels. Raises NotAnalysable (UNDECODABLE) where not even their VR can be told."""
    try:
        return "PixelData" in ds and bool(ds["PixelData"].value)
    except (AttributeError, *codecs.DECODER_ERRORS) as error:  # implicit VR: it follows from Bits Allocated (PS3.5 A.1)
        raise _undecodable(f"the Pixel Data element cannot be read ({type(error).__name__})") from error


def _transfer_syntax(ds: Dataset) -> str:
    meta = getattr(ds, "file_meta", None) or Dataset()
    syntax = SourceText(meta).read("TransferSyntaxUID")[0]
    if syntax not in SUPPORTED_TRANSFER_SYNTAXES:
        raise NotAnalysable(RefusalCode.UNSUPPORTED_SYNTAX, syntax or "transfer syntax missing")
    return syntax


def _decode_samples(ds: Dataset, module: PixelModule) -> tuple[_Samples, int]:
    """Give (H * W,) unsigned samples and how many bits of each the frame can hold."""
    coding = _CODINGS.get(module.transfer_syntax_uid)
    if coding is None:
        return _decode_uncoded(ds, module), module.bits_allocated
    stream = get_frame(ds.PixelData, 0, number_of_frames=1)
    header = coding.read_header(stream)
    _check_header(header, module, coding, len(stream))
    return coding.decode(stream, header), header.precision


def _check_header(header: FrameHeader, module: PixelModule, coding: _Coding, length_bytes: int) -> None:
    if (header.rows, header.columns) != (module.rows, module.columns):
        raise _undecodable(f"frame of {header.rows} rows, {header.columns} columns: not what the header says")
    if header.components != 1:
        raise NotAnalysable(RefusalCode.COLOUR, f"{header.components} components in the frame")
    if header.process not in coding.processes:
        raise _undecodable("the frame is not of the declared transfer syntax")
    if not 1 < header.precision <= coding.most_precision:
        raise _undecodable(f"{header.precision} bits a sample")
    if length_bytes * _BYTE < module.rows * module.columns * coding.least_bits_per_pixel:
        raise _undecodable("the compressed frame is too short for its size")


def _decode_uncoded(ds: Dataset, module: PixelModule) -> _Samples:
    """Read native or RLE bytes; pydicom knows the byte orders (PS3.5 Annex A) and PackBits (Annex G)."""
    length = module.rows * module.columns * module.bits_allocated // _BYTE
    expansion = _RLE_MOST_EXPANSION if module.transfer_syntax_uid == uid.RLELossless else 1
    if len(ds.PixelData) * expansion < length:
        raise _undecodable(f"{len(ds.PixelData)} bytes of pixel data for {length}")
    decoder = get_decoder(uid.UID(module.transfer_syntax_uid))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about padding behind the frame, which is legal
        pixels, _ = decoder.as_array(ds.PixelData, index=0, raw=True, **_decoder_options(ds, module))
    samples: _Samples = pixels.ravel()
    return samples


def _decoder_options(ds: Dataset, module: PixelModule) -> dict[str, Any]:
    """Give pydicom's decoder the checked numbers, not the elements; all samples come as they lie."""
    as_they_lie = {"view_only": True, "correct_unused_bits": False}
    return (as_they_lie if module.transfer_syntax_uid in _NATIVE else {"correct_unused_bits": False}) | {
        "rows": module.rows,
        "columns": module.columns,
        "bits_allocated": module.bits_allocated,
        "bits_stored": module.bits_allocated,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "pixel_representation": 0,
        "pixel_keyword": "PixelData",
        "pixel_vr": ds["PixelData"].VR,
    }


def _stored_values(samples: _Samples, sample_bits: int, module: PixelModule) -> StoredValues:
    """Take Bits Stored bits below High Bit out of each sample (PS3.5 8.1.1), with sign.

    A codestream holds no bits above its precision: High Bit counts only where it can point into the sample.
    """
    bits = min(module.bits_stored, sample_bits)
    shift = module.high_bit + 1 - bits if module.high_bit < sample_bits else 0
    words = samples.astype(np.uint16)
    if not module.is_signed:
        return words if bits + shift == _WORD == bits else np.right_shift(words, shift) & np.uint16((1 << bits) - 1)
    # Up to the top, then down again: the sign bit is copied, and whatever lay above it is gone.
    np.left_shift(words, _WORD - bits - shift, out=words)
    return np.right_shift(words.view(np.int16), _WORD - bits)


def _undecodable(detail: str) -> NotAnalysable:
    return NotAnalysable(RefusalCode.UNDECODABLE, detail)
