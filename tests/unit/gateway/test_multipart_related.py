import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.multipart_related import (
    MediaTypeUnsupported,
    MessageMalformed,
    RelatedParser,
    boundary_of,
)

BOUNDARY = b"a-boundary"


class Parts:
    """Collects what a parser gives."""

    def __init__(self) -> None:
        self.complete: list[tuple[str, bytes]] = []
        self._now = ("", bytearray())

    def begin(self, media_type: str) -> None:
        """Begin one."""
        self._now = (media_type, bytearray())

    def write(self, data: memoryview) -> None:
        """Add to it."""
        self._now[1].extend(data)

    def end(self) -> None:
        """End it."""
        self.complete.append((self._now[0], bytes(self._now[1])))


def message(*parts: bytes, boundary: bytes = BOUNDARY, header: bytes = b"Content-Type: application/dicom") -> bytes:
    """Write a message as RFC 2046 section 5.1.1 says."""
    written = [b"--" + boundary + b"\r\n" + header + b"\r\n\r\n" + part + b"\r\n" for part in parts]
    return b"".join(written) + b"--" + boundary + b"--\r\n"


def parsed(pieces: list[bytes], maximum_parts: int = 10) -> list[tuple[str, bytes]]:
    """Give the parts of a message that arrives in these pieces."""
    parts = Parts()
    parser = RelatedParser(BOUNDARY, parts, maximum_parts)
    for piece in pieces:
        parser.feed(piece)
    parser.finish()
    return parts.complete


#: Bytes of which many look like a boundary that goes wrong.
_CONTENT = st.lists(
    st.one_of(st.binary(max_size=20), st.sampled_from([b"\r\n", b"\r\n--", b"\r\n--a-bound", b"--a-boundary", b"\r"])),
    max_size=8,
).map(b"".join)


@given(
    st.lists(_CONTENT.filter(lambda part: b"\r\n--" + BOUNDARY not in b"\r\n" + part), min_size=1, max_size=4),
    st.data(),
)
def test_parts_are_the_same_in_whatever_pieces_they_arrive(contents: list[bytes], data: st.DataObject) -> None:
    """No byte of a part is lost, added or given to another, wherever the network cuts."""
    whole = message(*contents)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert parsed(pieces) == [("application/dicom", content) for content in contents]


@given(st.lists(st.one_of(st.binary(max_size=40), st.just(message(b"x")), st.just(b"--a-boundary\r\n")), max_size=6))
def test_whatever_comes_is_parts_or_malformed(pieces: list[bytes]) -> None:
    """Hostile bytes raise nothing else."""
    try:
        parsed(pieces)
    except MessageMalformed:
        return


@pytest.mark.parametrize(
    "body",
    [
        message(b"one")[:-8],
        b"--a-boundary\r\nContent-Type: application/dicom\r\n\r\nhalf",
        b"",
        message(b"x", boundary=b"another"),
        message(b"x", header=b"X: " + b"y" * 5000),
        message(b"x", header=b"\r\n".join(b"X: y" for _ in range(20))),
    ],
    ids=["no end", "half", "empty", "other boundary", "long header", "many headers"],
)
def test_a_message_that_is_not_whole_or_not_as_announced_is_malformed(body: bytes) -> None:
    """A body that is cut off never passes for a complete one; headers have bounds."""
    with pytest.raises(MessageMalformed):
        parsed([body])


def test_parts_have_a_bound() -> None:
    """One more than allowed is one too many."""
    assert len(parsed([message(b"a", b"b")], maximum_parts=2)) == 2
    with pytest.raises(MessageMalformed, match="too many parts"):
        parsed([message(b"a", b"b", b"c")], maximum_parts=2)


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary="x y"', b"x y"),
        ("Multipart/Related; boundary=abc; type=Application/DICOM", b"abc"),
        ("multipart/related; boundary=abc", b"abc"),
        (f"multipart/related; boundary={'x' * 73}", b"x" * 73),  # Orthanc's length
    ],
)
def test_the_boundary_is_that_of_the_header(header: str, boundary: bytes) -> None:
    """Quoted or not, in any order and case."""
    assert boundary_of(header) == boundary


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("multipart/form-data; boundary=abc", MediaTypeUnsupported),
        ("", MediaTypeUnsupported),
        ('multipart/related; type="application/dicom+json"; boundary=abc', MediaTypeUnsupported),
        ('multipart/related; type="application/dicom"', MessageMalformed),
        (f"multipart/related; boundary={'x' * 101}", MessageMalformed),
    ],
)
def test_other_media_types_are_told_apart_from_malformed_headers(header: str, error: type[Exception]) -> None:
    """The one is 415, the other 400."""
    with pytest.raises(error):
        boundary_of(header)
