import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from domain.errors import NotAnalysable
from domain.finding import RefusalCode
from model.image_file import read_image

_GREY = np.array([[0, 64, 128], [192, 230, 255]], np.uint8)


def test_8_bit_grey_is_divided_by_255(tmp_path: Path) -> None:
    """An 8-bit grey PNG becomes float32 in [0, 1], row by row."""
    Image.fromarray(_GREY).save(tmp_path / "grey.png")
    image = read_image(tmp_path / "grey.png")
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, _GREY / 255.0, atol=1e-7)


def test_16_bit_grey_is_divided_by_65535(tmp_path: Path) -> None:
    """A 16-bit PNG keeps its depth: two values that 8 bits cannot tell apart stay apart."""
    values = np.array([[0, 1000], [1001, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    np.testing.assert_allclose(read_image(tmp_path / "deep.png"), values / 65535.0, atol=1e-7)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA"])
def test_grey_stored_in_colour_reads_as_grey(tmp_path: Path, mode: str) -> None:
    """A grey image stored as RGB, RGBA, palette or grey with alpha reads as the grey image."""
    Image.fromarray(_GREY).convert(mode).save(tmp_path / "other.png")
    np.testing.assert_allclose(read_image(tmp_path / "other.png"), _GREY / 255.0, atol=1 / 255)


def test_colour_becomes_luma(tmp_path: Path) -> None:
    """Pure green reads as its ITU-R 601 luma, 0.587."""
    Image.new("RGB", (4, 4), (0, 255, 0)).save(tmp_path / "green.png")
    np.testing.assert_allclose(read_image(tmp_path / "green.png"), 0.587, atol=1 / 255)


def test_exif_orientation_is_obeyed(tmp_path: Path) -> None:
    """A JPEG stored turned (orientation 6) is read upright."""
    upright = np.zeros((40, 80), np.uint8)
    upright[:20, :40] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.jpeg", exif=exif, quality=95)
    image = read_image(tmp_path / "turned.jpeg")
    assert image.shape == (40, 80)
    assert image[:18, :38].min() > 0.9
    assert image[22:].max() < 0.1


@pytest.mark.parametrize("keep", [0, 30, 200])
def test_damaged_file_is_refused(tmp_path: Path, keep: int) -> None:
    """An empty or cut JPEG is refused as undecodable, without its name in the words."""
    Image.fromarray(np.arange(10000, dtype=np.uint8).reshape(100, 100)).save(tmp_path / "whole.jpeg")
    cut = tmp_path / "name-of-a-patient.jpeg"
    cut.write_bytes((tmp_path / "whole.jpeg").read_bytes()[:keep])
    with pytest.raises(NotAnalysable) as refused:
        read_image(cut)
    assert refused.value.code is RefusalCode.UNDECODABLE
    assert "name-of-a-patient" not in str(refused.value)


def test_other_formats_are_refused(tmp_path: Path) -> None:
    """A format that is neither JPEG nor PNG is refused even if Pillow could read it."""
    Image.fromarray(_GREY).save(tmp_path / "image.bmp")
    with pytest.raises(NotAnalysable) as refused:
        read_image(tmp_path / "image.bmp")
    assert refused.value.code is RefusalCode.UNDECODABLE


@pytest.mark.parametrize("size", [(60000, 60000), (16385, 150)])
def test_absurd_size_is_refused_before_decoding(tmp_path: Path, size: tuple[int, int]) -> None:
    """A header that promises absurd sides is refused by size, though no pixels follow."""
    header = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + b"\x00\x00\x00\x00IDAT")
    with pytest.raises(NotAnalysable) as refused:
        read_image(tmp_path / "bomb.png")
    assert refused.value.code is RefusalCode.IMAGE_SIZE
