"""multipart/related as it arrives (RFC 2387, PS3.18 section 8.6.1.2): only a header is kept."""

from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from domain.errors import Rejected

_DICOM = "application/dicom"
_MOST_HEADERS, _LONGEST_HEADER = 16, 4096
#: RFC 2046 section 5.1.1 allows 70 characters; Orthanc sends 73.
_LONGEST_BOUNDARY = 100


class MessageMalformed(Rejected):
    """The message is not multipart/related as it should be."""


class MediaTypeUnsupported(Rejected):
    """Something else than DICOM files was sent."""


class PartSink(Protocol):
    """What takes the parts."""

    def begin(self, media_type: str) -> None:
        """Take a new part, of this media type in lower case (empty: not said)."""

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the part."""

    def end(self) -> None:
        """Learn that the part is complete."""


def boundary_of(content_type: str) -> bytes:
    """Give the boundary that a Content-Type header names.

    Raises MediaTypeUnsupported for anything but multipart/related of application/dicom, MessageMalformed without a
    boundary.
    """
    media_type, parameters = parse_options_header(content_type)
    root = parameters.get(b"type", _DICOM.encode()).lower()
    if media_type != b"multipart/related" or root != _DICOM.encode():
        raise MediaTypeUnsupported("send multipart/related; type=application/dicom")
    boundary = parameters.get(b"boundary", b"")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise MessageMalformed("the Content-Type names no boundary, or one that is too long")
    return boundary


class RelatedParser:
    """Cuts a message into its parts, whatever pieces it arrives in."""

    def __init__(self, boundary: bytes, sink: PartSink, maximum_parts: int) -> None:
        self._sink = sink
        self._parts_left = maximum_parts
        self._field, self._value = bytearray(), bytearray()
        self._media_type = ""
        self._is_complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._take_field,
                "on_header_value": self._take_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._take_data,
                "on_part_end": sink.end,
                "on_end": self._end,
            },
            max_header_count=_MOST_HEADERS,
            max_header_size=_LONGEST_HEADER,
        )

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises MessageMalformed."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            # Not the parser's own words, which quote what was sent.
            raise MessageMalformed("the body is not multipart/related with the boundary of its header") from error

    def finish(self) -> None:
        """Hold the end of the message against what was said. Raises MessageMalformed."""
        if not self._is_complete:
            raise MessageMalformed("the body ends before its last boundary")

    def _begin(self) -> None:
        self._parts_left -= 1
        if self._parts_left < 0:
            raise MessageMalformed("too many parts")
        self._media_type = ""

    def _take_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if bytes(self._field).lower() == b"content-type":
            media_type, _ = parse_options_header(self._value.decode("latin-1"))
            self._media_type = media_type.decode("latin-1")
        self._field.clear()
        self._value.clear()

    def _end_headers(self) -> None:
        self._sink.begin(self._media_type)

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._sink.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self._is_complete = True
