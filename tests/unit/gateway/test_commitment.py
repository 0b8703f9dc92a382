from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_gateway.commitment import (
    CommitmentInvalid,
    action_information,
    encoded,
    event_information,
    event_type,
    read_action,
    read_event,
)
from dicom_gateway.status import Status
from domain.commitment import CommitmentReply, SopReference, reason_words

_ONE, _TWO = (SopReference("1.2.840.10008.5.1.4.1.1.1", uid) for uid in ("1.2.3", "1.2.4"))
_SYNTAXES = pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])


@_SYNTAXES
def test_a_request_is_read_as_it_was_written(syntax: str) -> None:
    """In both transfer syntaxes."""
    assert read_action(encoded(action_information("1.9", [_ONE, _TWO]), syntax), syntax) == ("1.9", (_ONE, _TWO))


@_SYNTAXES
@pytest.mark.parametrize("failed", [(), ((_TWO, 0x0112),)])
def test_an_answer_is_read_as_it_was_written(syntax: str, failed: tuple[tuple[SopReference, int], ...]) -> None:
    """Event type 1 when nothing failed, else 2."""
    reply = CommitmentReply("1.9", (_ONE,), failed)
    assert read_event(encoded(event_information(reply), syntax), syntax) == reply
    assert event_type(reply) == (2 if failed else 1)


def test_a_failure_without_its_reason_is_a_failure_all_the_same() -> None:
    """0110 stands for what the peer did not say."""
    dataset = event_information(CommitmentReply("1.9", (), ((_ONE, 0x0112),)))
    del dataset.FailedSOPSequence[0].FailureReason
    assert read_event(encoded(dataset, ImplicitVRLittleEndian), ImplicitVRLittleEndian).failed == ((_ONE, 0x0110),)


def test_every_truncation_of_an_answer_is_refused_or_read_and_never_raises_anything_else() -> None:
    """Half an answer is no answer to a question, and no exception in a thread."""
    whole = encoded(event_information(CommitmentReply("1.9", (_ONE,), ((_TWO, 0x0112),))), ImplicitVRLittleEndian)
    content = whole.getvalue()
    statuses = set()
    for length in range(len(content)):
        try:
            read_event(BytesIO(content[:length]), ImplicitVRLittleEndian)
        except CommitmentInvalid as error:
            statuses.add(error.status)
    assert statuses <= {Status.NO_SUCH_ARGUMENT, Status.INVALID_ARGUMENT_VALUE, Status.MISTYPED_ARGUMENT}
    assert Status.NO_SUCH_ARGUMENT in statuses


@pytest.mark.parametrize(
    ("committed", "failed", "expected"),
    [
        ((_ONE, _TWO), (), {}),
        ((_ONE,), (), {"1.2.4": None}),
        ((_ONE,), ((_TWO, 0x0112),), {"1.2.4": 0x0112}),
        ((_ONE, _TWO), ((_TWO, 0x0110),), {"1.2.4": 0x0110}),
        ((), (), {"1.2.3": None, "1.2.4": None}),
    ],
)
def test_only_what_is_named_as_committed_is(
    committed: tuple[SopReference, ...],
    failed: tuple[tuple[SopReference, int], ...],
    expected: dict[str, int | None],
) -> None:
    """Not mentioned is not committed; named as both is failed."""
    assert CommitmentReply("1.9", committed, failed).failures(["1.2.3", "1.2.4"]) == expected


def test_reasons_have_words() -> None:
    """Also those that no table knows."""
    assert reason_words(0x0112) == "0x0112 no such object instance"
    assert reason_words(0x0999) == "0x0999"
    assert reason_words(None) == "not mentioned in the answer"


def test_a_data_set_without_a_sequence_of_items_is_refused() -> None:
    """No references, no request."""
    dataset = Dataset()
    dataset.TransactionUID = "1.9"
    with pytest.raises(CommitmentInvalid, match="missing or empty"):
        read_action(encoded(dataset, ImplicitVRLittleEndian), ImplicitVRLittleEndian)
