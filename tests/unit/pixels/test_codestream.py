"""Compressed frames tell their size before any decoder runs."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_gateway.codestream import FrameHeader, read_jpeg2000_header, read_jpeg_header, without_application_data
from domain.errors import NotAnalysable


def segment(marker: int, content: bytes) -> bytes:
    """Make a JPEG marker segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


FRAME = segment(0xC3, struct.pack(">BHHBBBB", 12, 200, 300, 1, 1, 0x11, 0))
SCAN = segment(0xDA, b"\x01\x01\x00\x01\x00\x00")
TABLE = segment(0xC4, bytes(17))
END = b"\xff\xd9"
JFIF = segment(0xE0, b"JFIF\0" + bytes(9))
EXPECTED = FrameHeader(rows=200, columns=300, components=1, precision=12, process=0xC3)


@pytest.mark.parametrize("front", [b"", JFIF, TABLE, segment(0xFE, b"a comment"), b"\xff\xff" + TABLE])
@pytest.mark.parametrize("tail", [b"", b"\0", b"\0" * 10])
def test_frame_header(front: bytes, tail: bytes) -> None:
    """Size, components, precision and process are read behind any other segments, and before any padding."""
    assert read_jpeg_header(b"\xff\xd8" + front + FRAME + TABLE + SCAN + b"data" + END + tail) == EXPECTED


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        END,
        b"\xff\xd8" + END,
        b"\xff\xd8" + SCAN + END,
        b"\xff\xd8" + FRAME + END,
        b"\xff\xd8" + FRAME + FRAME + SCAN + END,
        b"\xff\xd8" + FRAME + SCAN + b"data",
        b"\xff\xd8" + b"stray" + FRAME + SCAN + END,
        b"\xff\xd8\xff\xc3\x00\x01" + FRAME + SCAN + END,
        b"\xff\xd8\xff\xc3\x00\x04\x0c\x00" + SCAN + END,
        b"\xff\xd8\xff\xc3\xff\xff" + END,
        FRAME + SCAN + END,
    ],
)
def test_broken_headers(stream: bytes) -> None:
    """A stream without start, one frame header, scan, sound segments or end is refused."""
    with pytest.raises(NotAnalysable):
        read_jpeg_header(stream)


def test_application_data_is_dropped() -> None:
    """What remains are the segments that decoding needs, in order, and the scan untouched."""
    scan = SCAN + b"data\xff\x00more" + END
    noisy = b"\xff\xd8" + JFIF + TABLE + segment(0xEE, b"Adobe") + b"\xff" + FRAME + segment(0xFE, b"x") + scan
    assert without_application_data(noisy) == b"\xff\xd8" + TABLE + FRAME + scan


def siz(rows: int, columns: int, *, offset: int = 0, depth: int = 11) -> bytes:
    """Make the start of a JPEG 2000 codestream."""
    size = struct.pack(">H8IHB", 0, columns + offset, rows + offset, offset, offset, columns, rows, 0, 0, 1, depth)
    return b"\xff\x4f" + segment(0x51, size + b"\x01\x01")


@pytest.mark.parametrize("front", [b"", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60)])
@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (siz(200, 300), FrameHeader(200, 300, 1, 12)),
        (siz(200, 300, offset=8), FrameHeader(200, 300, 1, 12)),
        (siz(200, 300, depth=0x80 | 15), FrameHeader(200, 300, 1, 16)),
    ],
)
def test_jpeg_2000_header(front: bytes, stream: bytes, expected: FrameHeader) -> None:
    """Size and depth are read, less the image offset, also of signed samples and behind JP2 boxes."""
    assert read_jpeg2000_header(front + stream + b"data" + END) == expected


@pytest.mark.parametrize("stream", [b"", END, siz(2, 2), siz(2, 2)[:20] + END, bytes(600) + siz(2, 2) + END])
def test_broken_jpeg_2000_headers(stream: bytes) -> None:
    """A codestream without start, size or end is refused."""
    with pytest.raises(NotAnalysable):
        read_jpeg2000_header(stream)


@given(st.binary(max_size=60), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_random_headers(noise: bytes, position: int) -> None:
    """Any bytes give a header or a refusal, and nothing else."""
    whole = b"\xff\xd8" + JFIF + TABLE + FRAME + SCAN
    for stream in (whole[:position] + noise + whole[position + len(noise) :] + END, noise + END):
        for read in (read_jpeg_header, read_jpeg2000_header, without_application_data):
            with suppress(NotAnalysable):
                read(stream)
