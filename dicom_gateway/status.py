"""DIMSE statuses of C-STORE by name, and what each means for another attempt.

PS3.4 Annex B.2.3 (Storage Service Class) and PS3.7 Annex C (general statuses).
"""

from enum import IntEnum, StrEnum


class Status(IntEnum):
    """A DIMSE status (0000,0900) that this service sends or tells apart."""

    #: PS3.7 Annex C.1: the operation succeeded.
    SUCCESS = 0x0000
    #: PS3.7 Annex C.5: processing failure, of a kind that may pass.
    PROCESSING_FAILURE = 0x0110
    #: PS3.7 Annex C.5: the SOP Instance is there already.
    DUPLICATE_SOP_INSTANCE = 0x0111
    #: PS3.7 Annex C.5: no such SOP Instance.
    NO_SUCH_SOP_INSTANCE = 0x0112
    #: PS3.7 Annex C.5: no such event type.
    NO_SUCH_EVENT_TYPE = 0x0113
    #: PS3.7 Annex C.5: a needed argument (here: the data set) is missing.
    NO_SUCH_ARGUMENT = 0x0114
    #: PS3.7 Annex C.5: an argument has a value that cannot be.
    INVALID_ARGUMENT_VALUE = 0x0115
    #: PS3.7 Annex C.5: the SOP Instance UID breaks the UID construction rules.
    INVALID_SOP_INSTANCE = 0x0117
    #: PS3.7 Annex C.5: SOP class not supported.
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    #: PS3.7 Annex C.5: no such action type.
    NO_SUCH_ACTION = 0x0123
    #: PS3.7 Annex C.5: not authorised.
    NOT_AUTHORISED = 0x0124
    #: PS3.7 Annex C.5: an argument (here: the data set) is not of the right type.
    MISTYPED_ARGUMENT = 0x0212
    #: PS3.7 Annex C.5: resource limitation.
    RESOURCE_LIMITATION = 0x0213
    #: PS3.4 Table B.2-1: refused, out of resources (A7xx).
    OUT_OF_RESOURCES = 0xA700
    #: PS3.4 Table B.2-1: error, the data set does not match the SOP class (A9xx).
    DATA_SET_DOES_NOT_MATCH = 0xA900
    #: PS3.4 Table B.2-1: error, cannot understand (Cxxx).
    CANNOT_UNDERSTAND = 0xC000
    #: PS3.18 section 10.5 (after PS3.3 C.14.1.1): referenced transfer syntax not supported.
    TRANSFER_SYNTAX_NOT_SUPPORTED = 0xC122
    #: PS3.4 Table B.2-1: warning, coercion of data elements.
    COERCED = 0xB000
    #: PS3.4 Table B.2-1: warning, elements discarded.
    ELEMENTS_DISCARDED = 0xB006
    #: PS3.4 Table B.2-1: warning, the data set does not match the SOP class, stored all the same.
    DATA_SET_MISMATCH_STORED = 0xB007


class StatusFamily(StrEnum):
    """What a status means for whoever sent the instance."""

    #: Stored.
    SUCCESS = "success"
    #: Stored, with a remark.
    WARNING = "warning"
    #: Not stored, and sending it again cannot help.
    REFUSED = "refused"
    #: Not stored; it may succeed later.
    TRANSIENT = "transient"


#: PS3.4 Table B.2-1: A700 to A7FF, out of resources.
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
#: PS3.7 Annex C.4: Bxxx are warnings.
_WARNINGS = range(0xB000, 0xC000)
#: PS3.7 Annex C.4: the general warnings outside Bxxx (optional attributes, attribute list, attribute value).
_GENERAL_WARNINGS = frozenset({0x0001, 0x0107, 0x0116})
_GENERAL_TRANSIENT = frozenset({Status.PROCESSING_FAILURE, Status.RESOURCE_LIMITATION})


def classify(status: int) -> StatusFamily:
    """Give the family of a C-STORE status; what no table knows is refused for good.

    0111 counts as a warning: an instance under a derived UID, sent a second time, is there already.
    """
    if status == Status.SUCCESS:
        return StatusFamily.SUCCESS
    if status in _WARNINGS or status in _GENERAL_WARNINGS or status == Status.DUPLICATE_SOP_INSTANCE:
        return StatusFamily.WARNING
    if status in _OUT_OF_RESOURCES or status in _GENERAL_TRANSIENT:
        return StatusFamily.TRANSIENT
    return StatusFamily.REFUSED


_WORDS = {
    Status.SUCCESS: "success",
    Status.PROCESSING_FAILURE: "processing failure",
    Status.DUPLICATE_SOP_INSTANCE: "instance already stored",
    Status.NO_SUCH_SOP_INSTANCE: "no such SOP Instance",
    Status.NO_SUCH_EVENT_TYPE: "no such event type",
    Status.NO_SUCH_ARGUMENT: "no such argument",
    Status.INVALID_ARGUMENT_VALUE: "invalid argument value",
    Status.INVALID_SOP_INSTANCE: "invalid SOP Instance UID",
    Status.SOP_CLASS_NOT_SUPPORTED: "SOP class not supported",
    Status.NO_SUCH_ACTION: "no such action type",
    Status.NOT_AUTHORISED: "not authorised",
    Status.MISTYPED_ARGUMENT: "mistyped argument",
    Status.RESOURCE_LIMITATION: "resource limitation",
    Status.OUT_OF_RESOURCES: "out of resources",
    Status.DATA_SET_DOES_NOT_MATCH: "data set does not match SOP class",
    Status.CANNOT_UNDERSTAND: "cannot understand",
    Status.COERCED: "data elements coerced",
    Status.ELEMENTS_DISCARDED: "data elements discarded",
    Status.DATA_SET_MISMATCH_STORED: "data set does not match SOP class, stored all the same",
}
#: The ranges of PS3.4 Table B.2-1 share one meaning; the low bits are the peer's own.
_RANGES = (
    (_OUT_OF_RESOURCES, Status.OUT_OF_RESOURCES),
    (range(0xA900, 0xAA00), Status.DATA_SET_DOES_NOT_MATCH),
    (range(0xC000, 0xD000), Status.CANNOT_UNDERSTAND),
)


def status_words(status: int) -> str:
    """Name a status for logs and people: hexadecimal value and meaning."""
    named = next((name for numbers, name in _RANGES if status in numbers), status)
    return f"0x{status:04X} {_WORDS.get(Status(named), '')}".rstrip() if named in _WORDS else f"0x{status:04X}"
