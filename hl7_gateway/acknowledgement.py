"""Acknowledgements: what a receiver says of a message, and what that means for another attempt (HL7 v2.5.1, 2.9)."""

from dataclasses import dataclass

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Segment
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_segment

from domain.errors import Rejected, Transient

HL7_VERSION = "2.5.1"
_TEXT_LENGTH = 200
_ACCEPTED = frozenset({"AA", "CA"})
_ERROR = frozenset({"AE", "CE"})
_REJECTED = frozenset({"AR", "CR"})
#: Message error condition codes, HL7 table 0357.
_DUPLICATE_KEY = "205"
#: Unknown key identifier (its order may still come), record locked, internal error.
_PASSING = frozenset({"204", "206", "207"})


class MessageRefused(Rejected):
    """The receiver refused the message for good."""


class MessageDeferred(Transient):
    """The receiver did not take the message now."""


class AcknowledgementUnreadable(MessageDeferred):
    """The answer is no acknowledgement of this message."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The answer to one message."""

    #: MSA-1: AA, AE or AR; CA, CE or CR in enhanced mode.
    code: str
    #: MSA-2: of the message that is acknowledged.
    control_id: str
    #: MSA-3 or ERR-8, in one line; may quote patient data.
    text: str
    #: HL7 table 0357; "" when not stated.
    error_code: str

    def check(self, control_id: str) -> None:
        """Return when the message was accepted, or was there already; raises otherwise.

        AE says that the content is at fault, and AR that something else is (HL7 v2.5.1, 2.9.2.2), unless a code says
        better. Raises MessageRefused for good, MessageDeferred for now, AcknowledgementUnreadable when it is of
        another message.
        """
        if self.control_id != control_id:
            raise AcknowledgementUnreadable("acknowledgement of another message")
        if self.code in _ACCEPTED or self.error_code == _DUPLICATE_KEY:
            return
        words = " ".join(part for part in (f"answered {self.code}", self.error_code, self.text) if part)
        if self.error_code in _PASSING:
            raise MessageDeferred(words)
        if self.code in _ERROR or self.error_code:
            raise MessageRefused(words)
        raise MessageDeferred(words)


def parse_acknowledgement(received: bytes) -> Acknowledgement:
    """Read an acknowledgement. Raises AcknowledgementUnreadable for anything else, whatever the bytes."""
    lines = received.decode("utf-8", errors="replace").replace("\n", "\r").split("\r")
    if not lines[0].startswith("MSH|^~\\&"):
        raise AcknowledgementUnreadable("the answer is no HL7 message with the usual delimiters")
    msa = _segment(lines, "MSA")
    if msa is None:
        raise AcknowledgementUnreadable("the answer has no MSA segment")
    code = _text(msa, 1)
    if code not in _ACCEPTED | _ERROR | _REJECTED:
        raise AcknowledgementUnreadable("the answer has no known acknowledgement code")
    err = _segment(lines, "ERR")
    return Acknowledgement(
        code=code,
        control_id=_text(msa, 2),
        text=_text(msa, 3) or (_text(err, 8) if err is not None else ""),
        error_code=(_text(err, 3, component=1) if err is not None else "") or _text(msa, 6, component=1),
    )


def _segment(lines: list[str], name: str) -> Segment | None:
    """Parse the first segment of a name; None when there is none that can be read."""
    line = next((line for line in lines if line.startswith(f"{name}|")), None)
    if line is None:
        return None
    try:
        return parse_segment(line, version=HL7_VERSION, validation_level=VALIDATION_LEVEL.TOLERANT)
    except HL7apyException:
        return None


def _text(segment: Segment, number: int, component: int | None = None) -> str:
    """Give a field, or one component of it, unescaped and in one line; "" when it is empty."""
    field = next(iter(segment.children.get(f"{segment.name}_{number}") or ()), None)
    if field is None:
        return ""
    text = str(field.to_er7())
    if component is not None:
        text = (text.split("^") + [""] * component)[component - 1]
    for escape, char in (("\\F\\", "|"), ("\\S\\", "^"), ("\\T\\", "&"), ("\\R\\", "~"), ("\\E\\", "\\")):
        text = text.replace(escape, char)
    return "".join(char if char.isprintable() else " " for char in text).strip()[:_TEXT_LENGTH]
