"""Stored values to Pixel Data in a chosen transfer syntax: the encoders for wrapped pictures."""

import io
from collections.abc import Callable
from functools import partial

import jpeg_ls
import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import encode_array as encode_jpeg_2000
from PIL import Image
from pydicom import uid
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder

from dicom_gateway.wrap_modules import describe_lossy_compression

StoredImage = NDArray[np.uint8] | NDArray[np.uint16]

#: Grey levels by which JPEG-LS near-lossless may differ.
NEAR_LOSSLESS_ERROR = 2
_JPEG_2000_RATIO = 10.0
_JPEG_QUALITY = 95

_NATIVE = frozenset({uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian})
#: Lossy Image Compression Method (0028,2114), PS3.3 C.7.6.1.1.5.1.
_LOSSY_METHODS = {
    uid.JPEGBaseline8Bit: "ISO_10918_1",
    uid.JPEGLSNearLossless: "ISO_14495_1",
    uid.JPEG2000: "ISO_15444_1",
}


def set_pixel_data(ds: FileDataset, stored: StoredImage) -> None:
    """Encode (H, W) stored values in the data set's transfer syntax and write Pixel Data.

    Lossy syntaxes (JPEG baseline, JPEG-LS near-lossless, JPEG 2000) also write what PS3.3 C.7.6.1.1.5 asks for.
    Raises ValueError for a transfer syntax without an encoder here.
    """
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax in _NATIVE or syntax == uid.ExplicitVRBigEndian:
        _set_native(ds, stored, is_big_endian=syntax == uid.ExplicitVRBigEndian)
        return
    if syntax not in _ENCODERS:
        raise ValueError(f"no encoder for transfer syntax {syntax}")
    stream = _ENCODERS[syntax](stored, int(ds.BitsStored))
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].VR = "OB"
    if syntax in _LOSSY_METHODS:
        describe_lossy_compression(ds, stored.nbytes / len(stream), _LOSSY_METHODS[syntax])


def _set_native(ds: FileDataset, stored: StoredImage, *, is_big_endian: bool) -> None:
    raw = stored.astype(stored.dtype.newbyteorder(">" if is_big_endian else "<")).tobytes()
    ds.PixelData = raw + bytes(len(raw) % 2)
    is_word = stored.dtype == np.uint16 or ds.file_meta.TransferSyntaxUID == uid.ImplicitVRLittleEndian
    ds["PixelData"].VR = "OW" if is_word else "OB"


def _rle(stored: StoredImage, bits: int) -> bytes:
    return get_encoder(uid.RLELossless).encode(
        stored,
        rows=stored.shape[0],
        columns=stored.shape[1],
        samples_per_pixel=1,
        bits_allocated=stored.itemsize * 8,
        bits_stored=bits,
        pixel_representation=0,
        number_of_frames=1,
        photometric_interpretation="MONOCHROME2",
    )


def _jpeg_ls(stored: StoredImage, bits: int, error: int) -> bytes:
    rows, columns = stored.shape
    encoded: bytearray = jpeg_ls.encode_buffer(stored.tobytes(), rows, columns, 1, bits, lossy_error=error)
    return bytes(encoded)


def _jpeg_2000(stored: StoredImage, bits: int, ratios: list[float] | None) -> bytes:
    encoded: bytes = encode_jpeg_2000(stored, bits_stored=bits, compression_ratios=ratios)
    return encoded


def _jpeg_baseline(stored: StoredImage, bits: int) -> bytes:
    if bits != stored.itemsize * 8 or stored.dtype != np.uint8:
        raise ValueError("JPEG baseline holds 8 bits a sample")
    buffer = io.BytesIO()
    Image.fromarray(stored).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


_ENCODERS: dict[str, Callable[[StoredImage, int], bytes]] = {
    uid.RLELossless: _rle,
    uid.JPEGBaseline8Bit: _jpeg_baseline,
    uid.JPEGLSLossless: partial(_jpeg_ls, error=0),
    uid.JPEGLSNearLossless: partial(_jpeg_ls, error=NEAR_LOSSLESS_ERROR),
    uid.JPEG2000Lossless: partial(_jpeg_2000, ratios=None),
    uid.JPEG2000: partial(_jpeg_2000, ratios=[_JPEG_2000_RATIO]),
}
