"""One compressed frame to samples, with permissively licensed decoders only.

| stream | decoder | licence |
|---|---|---|
| JPEG, 8 bits a sample | Pillow with libjpeg-turbo | MIT-CMU, BSD |
| JPEG of 9 to 12 bits, JPEG Lossless | GDCM | BSD |
| JPEG-LS | pyjpegls with CharLS | MIT, BSD |
| JPEG 2000, HTJ2K | pylibjpeg-openjpeg with OpenJPEG | MIT, BSD |

GDCM decodes all of JPEG, JPEG-LS and JPEG 2000, but ends the process (an uncaught C++ exception) on some damaged
streams, so it is used only where nothing else can, and only behind the checks of `codestream.py`.
For 9 to 12 bits it writes "Unsupported JPEG data precision 12" to standard error before it succeeds
(https://github.com/tfmoraes/python-gdcm/issues/35); the samples are right.
"""

import io

import gdcm  # SWIG wrapper without stubs
import jpeg_ls
import numpy as np
import openjpeg
from numpy.typing import NDArray
from PIL import Image

from dicom_gateway.codestream import FrameHeader, without_application_data

Samples = NDArray[np.uint8] | NDArray[np.uint16]

#: What the decoders raise on a damaged stream.
DECODER_ERRORS = (ArithmeticError, EOFError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError)
_BYTE = 8


def decode_with_pillow(stream: bytes, header: FrameHeader) -> Samples:
    """Decode JPEG of 8 bits a sample to (H * W,) uint8."""
    del header
    with Image.open(io.BytesIO(stream), formats=("JPEG",)) as image:
        return np.asarray(image, dtype=np.uint8).ravel()


def decode_with_gdcm(stream: bytes, header: FrameHeader, transfer_syntax_uid: str) -> Samples:
    """Decode JPEG Lossless, or JPEG of up to 12 bits, to (H * W,) samples."""
    image = _gdcm_image(without_application_data(stream), header, transfer_syntax_uid)
    # GDCM's wrapper gives its char buffer as text.
    text: str | None = image.GetBuffer()
    if text is None:
        raise ValueError("GDCM cannot decode the stream")
    return _container(text.encode("utf-8", "surrogateescape"), header)


def _gdcm_image(stream: bytes, header: FrameHeader, transfer_syntax_uid: str) -> "gdcm.Image":
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream + bytes(len(stream) % 2))
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((header.columns, header.rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.MONOCHROME2
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    syntax = gdcm.TransferSyntax.GetTSType(transfer_syntax_uid)
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    bits = header.precision
    image.SetPixelFormat(gdcm.PixelFormat(1, _container_bits(header), bits, bits - 1, 0))
    return image


def decode_with_charls(stream: bytes, header: FrameHeader) -> Samples:
    """Decode JPEG-LS, lossless or near-lossless, to (H * W,) samples."""
    buffer, _ = jpeg_ls.decode_pixel_data(stream)
    return _container(buffer, header)


def decode_with_openjpeg(stream: bytes, header: FrameHeader) -> Samples:
    """Decode JPEG 2000 or HTJ2K to (H * W,) samples; signed ones keep their two's complement bits."""
    return _container(openjpeg.decode_pixel_data(stream, version=2), header)


def _container(buffer: bytes | bytearray, header: FrameHeader) -> Samples:
    if header.precision <= _BYTE:
        return np.frombuffer(buffer, dtype=np.uint8)
    return np.frombuffer(buffer, dtype="<u2")


def _container_bits(header: FrameHeader) -> int:
    return _BYTE if header.precision <= _BYTE else 2 * _BYTE
