"""What a compressed frame says about itself, read before any decoder may allocate or trust it.

The decoders are C and C++: a header that contradicts the data set must be refused here. GDCM ends the whole
process when a JPEG header gives it reason for a warning, and libjpeg fills a truncated image with grey.
Sources: JPEG ISO/IEC 10918-1 Annex B, JPEG-LS ISO/IEC 14495-1 Annex C, JPEG 2000 ISO/IEC 15444-1 Annex A.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from domain.errors import NotAnalysable
from domain.finding import RefusalCode

_SOI = 0xD8
_EOI = b"\xff\xd9"
_SOS = 0xDA
#: Bytes in which the end marker must stand: the padding that real encoders leave behind it fits.
_TAIL = 16
#: Start of Frame, by coding process. Arithmetic and hierarchical coding are not in DICOM.
SOF_BASELINE, SOF_EXTENDED, SOF_LOSSLESS, SOF_JPEG_LS = 0xC0, 0xC1, 0xC3, 0xF7
_SOF_MARKERS = frozenset({*range(0xC0, 0xD0), SOF_JPEG_LS}) - {0xC4, 0xC8, 0xCC}
#: Markers without a segment: TEM and the restart markers.
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
#: Below this stand reserved codes, and zero, which is no marker: libjpeg skips what follows it, with a warning.
_FIRST_MARKER = 0xC0

#: APPn and COM (ISO/IEC 10918-1 Table B.1).
_APPLICATION_DATA = frozenset({*range(0xE0, 0xF0), 0xFE})
#: Each segment begins with its length, which counts itself.
_LENGTH_FIELD = 2

_J2K_START = b"\xff\x4f\xff\x51"
#: JP2 boxes before the codestream are not allowed in DICOM (PS3.5 A.4.4), but short ones occur.
_J2K_SEARCH = 512


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """The size and depth that a codestream declares."""

    rows: int
    columns: int
    components: int
    #: Bits a sample.
    precision: int
    #: SOF marker of a JPEG or JPEG-LS stream, 0 for JPEG 2000.
    process: int = 0


def read_jpeg_header(stream: bytes) -> FrameHeader:
    """Read the frame header of a JPEG or JPEG-LS stream (PS3.5 8.2.1 to 8.2.3) that is whole.

    Raises NotAnalysable (UNDECODABLE) when the markers are broken or the end of image is missing.
    """
    _require_end(stream)
    frames = [
        _parse_sof(marker, stream[start:end]) for marker, start, end in _segments(stream) if marker in _SOF_MARKERS
    ]
    if len(frames) != 1:
        raise _damaged(f"{len(frames)} frame headers before the scan")
    return frames[0]


def without_application_data(stream: bytes) -> bytes:
    """Give a JPEG stream that decodes to the same samples and holds nothing else.

    Application data and comments go, and so does whatever lies between segments: what they hold wrongly makes
    libjpeg warn, and GDCM 3.2.6 asserts on any warning from the header (an exception that no caller can catch).
    """
    kept = [bytes((0xFF, _SOI))]
    scan_start = 0
    for marker, start, end in _segments(stream):
        if marker not in _APPLICATION_DATA:
            kept.append(bytes((0xFF, marker)) + stream[start - _LENGTH_FIELD : end])
        scan_start = end
    return b"".join([*kept, stream[scan_start:]])


def _segments(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of the contents of each segment up to and with the first Start of Scan."""
    if stream[:2] != bytes((0xFF, _SOI)):
        raise _damaged("no start of image")
    position = 2
    marker = _SOI
    while marker != _SOS:
        position, marker = _next_marker(stream, position)
        if marker in _STANDALONE:
            continue
        if marker < _FIRST_MARKER:
            raise _damaged("a reserved code where a marker belongs")
        length = int.from_bytes(stream[position : position + _LENGTH_FIELD], "big")
        if length < _LENGTH_FIELD or position + length > len(stream):
            raise _damaged("a marker segment runs past the end")
        yield marker, position + _LENGTH_FIELD, position + length
        position += length


def _next_marker(stream: bytes, position: int) -> tuple[int, int]:
    """Give the position behind the next marker, and the marker; fill bytes are skipped (B.1.1.2)."""
    if stream[position : position + 1] != b"\xff":
        raise _damaged("data where a marker belongs")
    while stream[position : position + 1] == b"\xff":
        position += 1
    if position >= len(stream):
        raise _damaged("the stream ends within its header")
    return position + 1, stream[position]


def _parse_sof(marker: int, segment: bytes) -> FrameHeader:
    layout = struct.Struct(">BHHB")
    if len(segment) < layout.size:
        raise _damaged("frame header too short")
    precision, rows, columns, components = layout.unpack_from(segment)
    return FrameHeader(rows, columns, components, precision, process=marker)


def read_jpeg2000_header(stream: bytes) -> FrameHeader:
    """Read the SIZ segment of a JPEG 2000 or HTJ2K codestream (PS3.5 8.2.4, 8.2.14) that is whole.

    Raises NotAnalysable (UNDECODABLE) when it is broken or the end of codestream is missing.
    """
    _require_end(stream)
    start = stream.find(_J2K_START, 0, _J2K_SEARCH)
    layout = struct.Struct(">HH8IHB")
    if start < 0 or start + 4 + layout.size > len(stream):
        raise _damaged("no JPEG 2000 codestream")
    fields = layout.unpack_from(stream, start + 4)
    x_size, y_size, x_offset, y_offset = fields[2:6]
    components, depth = fields[10:12]
    signed_bit = 0x80
    return FrameHeader(
        rows=y_size - y_offset,
        columns=x_size - x_offset,
        components=components,
        precision=(depth & ~signed_bit) + 1,
    )


def _require_end(stream: bytes) -> None:
    """Refuse a stream without its end marker: the cheap proof that nothing was cut off.

    The marker cannot occur inside entropy-coded data, and a fragment is padded to even length after it.
    """
    if _EOI not in stream[-_TAIL:]:
        raise _damaged("the compressed frame is truncated")


def _damaged(what: str) -> NotAnalysable:
    return NotAnalysable(RefusalCode.UNDECODABLE, what)
