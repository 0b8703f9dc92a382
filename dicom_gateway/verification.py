"""Asking a peer whether it is there, and what it takes."""

import time
from collections.abc import Sequence

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification

from dicom_gateway.association_scu import Destination, NoContextAccepted, Proposal, associated
from dicom_gateway.status import Status, status_words
from domain.errors import PeerUnavailable

_UNCOMPRESSED = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


def echo(destination: Destination) -> float:
    """Send a C-ECHO; gives its round trip in seconds, association not counted.

    Raises PeerUnavailable with the reason in words: no connection, rejected and why, no answer, a failure status.
    """
    with associated(destination, [Proposal(Verification, (ImplicitVRLittleEndian,))]) as assoc:
        started = time.perf_counter()
        try:
            answer = assoc.send_c_echo()
        except RuntimeError as error:
            raise PeerUnavailable(f"{destination.name}: association lost") from error
        seconds = time.perf_counter() - started
    if "Status" not in answer:
        raise PeerUnavailable(f"{destination.name}: association lost, or no answer to C-ECHO in time")
    if answer.Status != Status.SUCCESS:
        raise PeerUnavailable(f"{destination.name}: C-ECHO answered with {status_words(int(answer.Status))}")
    return seconds


def accepted_sop_classes(destination: Destination, sop_class_uids: Sequence[str]) -> tuple[str, ...]:
    """Ask which SOP classes the peer takes, uncompressed; gives them in the order asked.

    Nothing is sent. Raises PeerUnavailable when the peer cannot be asked.
    """
    proposals = [Proposal(uid, _UNCOMPRESSED) for uid in sop_class_uids]
    try:
        with associated(destination, proposals) as assoc:
            accepted = {str(cx.abstract_syntax) for cx in assoc.accepted_contexts}
    except NoContextAccepted:
        return ()
    return tuple(uid for uid in sop_class_uids if uid in accepted)
