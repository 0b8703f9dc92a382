import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.errors import CxrTriageError, Rejected, Transient
from hl7_gateway.acknowledgement import (
    Acknowledgement,
    AcknowledgementUnreadable,
    MessageDeferred,
    MessageRefused,
    parse_acknowledgement,
)
from hl7_gateway.mllp import framed

MSH = "MSH|^~\\&|RIS|H|CXR|R|20261122080000||ACK^R01^ACK|9|P|2.5.1\r"


def ack(msa: str, err: str = "") -> Acknowledgement:
    """Read an acknowledgement with these segments."""
    return parse_acknowledgement(f"{MSH}{msa}\r{err}".encode())


def test_code_text_and_error_are_read() -> None:
    """MSA-1 to MSA-3 and ERR-3, escapes undone."""
    read = ack("MSA|AE|C1|no such order \\F\\ 7\\E\\", "ERR||PID^1^3|204^Unknown key identifier^HL70357|E\r")
    assert read == Acknowledgement("AE", "C1", "no such order | 7\\", "204")


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_other_line_ends_are_read_too(end: str) -> None:
    """Some receivers write those of their operating system."""
    assert parse_acknowledgement(f"{MSH[:-1]}{end}MSA|AA|C1{end}".encode()).code == "AA"


def test_what_older_receivers_say_is_read() -> None:
    """MSA-6 of HL7 2.3, and the text of ERR-8 where MSA has none."""
    assert ack("MSA|AR|C1||||207^Internal error^HL70357").error_code == "207"
    assert ack("MSA|AE|C1", "ERR|||101|E||||Required field missing\r").text == "Required field missing"


@pytest.mark.parametrize("code", ["AA", "CA"])
def test_an_accepted_message_is_done(code: str) -> None:
    """Both acknowledgement modes."""
    ack(f"MSA|{code}|C1").check("C1")


def test_a_duplicate_is_done_too() -> None:
    """205: it was there already, under the same control ID."""
    ack("MSA|AE|C1|duplicate", "ERR|||205^Duplicate key identifier^HL70357|E\r").check("C1")


@pytest.mark.parametrize(
    ("msa", "error_code", "kind"),
    [
        ("AE", "", MessageRefused),
        ("CE", "", MessageRefused),
        ("AE", "101", MessageRefused),
        ("AR", "", MessageDeferred),
        ("AR", "200", MessageRefused),
        ("AR", "203", MessageRefused),
        ("AE", "204", MessageDeferred),
        ("AE", "206", MessageDeferred),
        ("AR", "207", MessageDeferred),
    ],
)
def test_a_refusal_is_for_good_or_for_now_by_its_code(msa: str, error_code: str, kind: type[Exception]) -> None:
    """AE is for good and AR for now, unless a code of table 0357 says better; the words are kept."""
    read = Acknowledgement(msa, "C1", "because", error_code)
    with pytest.raises(kind, match="because") as caught:
        read.check("C1")
    assert type(caught.value) is kind
    assert issubclass(MessageRefused, Rejected)
    assert issubclass(MessageDeferred, Transient)


def test_the_acknowledgement_of_another_message_says_nothing_of_this_one() -> None:
    """It is tried again."""
    with pytest.raises(AcknowledgementUnreadable, match="another message"):
        ack("MSA|AA|OTHER").check("C1")


@pytest.mark.parametrize("received", [b"", b"MSA|AA|C1", b"HTTP/1.1 400 Bad Request", MSH.encode(), b"\xff\xfe"])
def test_anything_else_is_unreadable(received: bytes) -> None:
    """No acknowledgement is taken for granted."""
    with pytest.raises(AcknowledgementUnreadable):
        parse_acknowledgement(received)


@settings(deadline=None)
@given(st.binary(max_size=300))
@example(b"MSH|^~\\&|\rMSA|\xff|")
def test_no_bytes_raise_anything_but_unreadable(received: bytes) -> None:
    """Fuzz: whatever a peer answers, the attempt ends in order."""
    with contextlib.suppress(AcknowledgementUnreadable):
        parse_acknowledgement(received)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("MSAERH|^~\\&\r\n0123AEFT.\x0b\x1c é"), max_size=120))
def test_no_text_behind_a_header_raises_anything_but_our_own(rest: str) -> None:
    """Fuzz, nearer to what receivers send; checking it raises nothing else either."""
    with contextlib.suppress(CxrTriageError):
        parse_acknowledgement(f"{MSH}MSA|AA|{rest}\r{rest}".encode()).check("C1")


@pytest.mark.parametrize("message", [b"a\x0bb", b"a\x1cb"])
def test_a_message_that_would_end_its_own_block_is_not_framed(message: bytes) -> None:
    """The delimiters of a block are no text."""
    with pytest.raises(ValueError, match="VT nor FS"):
        framed(message)
