"""Read a JPEG or PNG into an image: what training, evaluation and demonstrations read.

Live studies do not come this way; their pixels are decoded by the DICOM gateway.
"""

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from domain.errors import NotAnalysable
from domain.finding import RefusalCode
from domain.study import MAXIMUM_SIDE

_FORMATS = ("JPEG", "PNG")
#: Pillow's modes for grey values of 16 bits; "I" holds them in 32-bit integers.
_SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16B", "I;16L", "I"})
_MAXIMUM_8_BIT = 255.0
_MAXIMUM_16_BIT = 65535.0


def read_image(path: Path) -> npt.NDArray[np.float32]:
    """Read an image file as (H, W) float32 in [0, 1].

    8- and 16-bit grey, colour (ITU-R 601 luma), palette; transparency is ignored, EXIF orientation obeyed.
    Raises NotAnalysable: UNDECODABLE for what is no readable JPEG or PNG, IMAGE_SIZE for absurd sides.
    """
    try:
        with Image.open(path, formats=_FORMATS) as stored:
            _refuse_size(stored.size)
            return _to_grey(ImageOps.exif_transpose(stored))
    except Image.DecompressionBombError as error:
        raise NotAnalysable(RefusalCode.IMAGE_SIZE, "more pixels than may be allocated") from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        # Pillow reports damaged files by any of these; the message may quote the path, so only its type is kept.
        raise NotAnalysable(RefusalCode.UNDECODABLE, f"no readable JPEG or PNG ({type(error).__name__})") from error


def _refuse_size(size: tuple[int, int]) -> None:
    if max(size) > MAXIMUM_SIDE:
        raise NotAnalysable(RefusalCode.IMAGE_SIZE, f"{size[1]} rows, {size[0]} columns")


def _to_grey(stored: Image.Image) -> npt.NDArray[np.float32]:
    if stored.mode in _SIXTEEN_BIT_MODES:
        return np.asarray(stored, dtype=np.float32) / np.float32(_MAXIMUM_16_BIT)
    # By way of RGB, because a palette's transparency would otherwise warn and CMYK would come out inverted.
    grey = stored if stored.mode == "L" else stored.convert("RGB").convert("L")
    return np.asarray(grey, dtype=np.float32) / np.float32(_MAXIMUM_8_BIT)
