"""DIMSE statuses of the Unified Procedure Step Service, PS3.4 Annex CC, and what each means for another attempt."""

from enum import IntEnum

from domain.workitem import Verdict


class UpsStatus(IntEnum):
    """A status of PS3.4 Tables CC.2.1-2, CC.2.2-2, CC.2.5-2, CC.2.6-2 or CC.2.7-2, or a general one that is used."""

    SUCCESS = 0x0000
    #: PS3.7 Annex C: the identifier or attribute list cannot be decoded.
    PROCESSING_FAILURE = 0x0110
    #: PS3.4 Table CC.2.6-2: warning, requested optional attributes are not supported.
    ATTRIBUTES_NOT_SUPPORTED = 0x0001
    DUPLICATE_SOP_INSTANCE = 0x0111
    #: PS3.7 Annex C: an attribute is missing that must be there.
    MISSING_ATTRIBUTE = 0x0120
    #: PS3.7 Annex C: no such action.
    NO_SUCH_ACTION = 0x0123
    NOT_AUTHORISED = 0x0124
    CREATED_WITH_MODIFICATIONS = 0xB300
    ALREADY_CANCELED = 0xB304
    ALREADY_COMPLETED = 0xB306
    NO_LONGER_UPDATABLE = 0xC300
    WRONG_TRANSACTION_UID = 0xC301
    ALREADY_IN_PROGRESS = 0xC302
    SCHEDULED_ONLY_BY_CREATION = 0xC303
    FINAL_STATE_NOT_MET = 0xC304
    UNKNOWN = 0xC307
    NOT_SCHEDULED = 0xC309
    NOT_IN_PROGRESS = 0xC310
    CANCEL_OF_COMPLETED = 0xC311
    PERFORMER_UNREACHABLE = 0xC312
    #: Answered to subscriptions: no event is ever sent.
    NO_EVENT_REPORTS = 0xC315
    #: PS3.4 Table C.4-1, as used by CC.2.8: a match, and more may follow.
    PENDING = 0xFF00
    CANCEL = 0xFE00
    OUT_OF_RESOURCES = 0xA700
    #: The identifier of a query does not match the SOP class.
    IDENTIFIER_DOES_NOT_MATCH = 0xA900


STATUS_OF: dict[Verdict, UpsStatus] = {
    Verdict.GRANTED: UpsStatus.SUCCESS,
    Verdict.ALREADY_COMPLETED: UpsStatus.ALREADY_COMPLETED,
    Verdict.ALREADY_CANCELED: UpsStatus.ALREADY_CANCELED,
    Verdict.NO_LONGER_UPDATABLE: UpsStatus.NO_LONGER_UPDATABLE,
    Verdict.WRONG_TRANSACTION_UID: UpsStatus.WRONG_TRANSACTION_UID,
    Verdict.ALREADY_IN_PROGRESS: UpsStatus.ALREADY_IN_PROGRESS,
    Verdict.SCHEDULED_ONLY_BY_CREATION: UpsStatus.SCHEDULED_ONLY_BY_CREATION,
    Verdict.FINAL_STATE_NOT_MET: UpsStatus.FINAL_STATE_NOT_MET,
    Verdict.UNKNOWN: UpsStatus.UNKNOWN,
    Verdict.NOT_IN_PROGRESS: UpsStatus.NOT_IN_PROGRESS,
    Verdict.CANCEL_OF_COMPLETED: UpsStatus.CANCEL_OF_COMPLETED,
    Verdict.PERFORMER_UNREACHABLE: UpsStatus.PERFORMER_UNREACHABLE,
}


def ups_status_words(status: int) -> str:
    """Name a status for logs and people: hexadecimal value and meaning."""
    try:
        return f"0x{status:04X} {UpsStatus(status).name.lower().replace('_', ' ')}"
    except ValueError:
        return f"0x{status:04X}"
