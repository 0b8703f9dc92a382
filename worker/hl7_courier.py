"""The courier to a RIS: one ORU^R01 for each result."""

from dicom_gateway import codes
from dicom_gateway.report_content import ReportContent
from dicom_gateway.report_words import distinct_percentages
from domain.errors import CxrTriageError
from domain.finding import Assessment
from hl7_gateway.oru import Addresses, OruContent, build_oru, control_id, patient_words
from hl7_gateway.sending import Hl7Peer, send_message
from worker.announcing import Announcement, Announcer
from worker.couriers import Receipt

_MASK = "***"


class Hl7Courier:
    """Sends the same message under the same control ID each time, so that a receiver can tell that it has it."""

    def __init__(self, announcer: Announcer, peer: Hl7Peer, addresses: Addresses) -> None:
        self._announcer = announcer
        self._peer = peer
        self._addresses = addresses

    def deliver(self, result_id: int) -> Receipt:
        """Send the message; returns when the receiver has accepted it. No error quotes the patient."""
        said = self._announcer.of_result(result_id)
        content = _content(said, self._peer.name)
        try:
            send_message(self._peer, build_oru(content, self._addresses), content.control_id)
        except CxrTriageError as error:
            raise type(error)(_masked(str(error), said)) from None
        return Receipt(content.control_id, None)


def _masked(text: str, said: Announcement) -> str:
    """Mask what a receiver quotes of the patient in its reasons."""
    for word in patient_words(said.facts):
        text = text.replace(word, _MASK)
    return text


def _content(said: Announcement, destination: str) -> OruContent:
    content, result = said.content, said.result
    probability, threshold = _percentages(content)
    return OruContent(
        control_id=control_id(said.study.study_instance_uid, result.revision, result.model_version, destination),
        created_at=result.created_at,
        study=said.facts,
        finding=codes.concept(codes.PNEUMONIA[content.finding_scheme]),
        presence=codes.concept(codes.PRESENCE[content.assessment]),
        is_suspected=content.assessment is Assessment.SUSPECTED,
        probability=probability,
        threshold=threshold,
        priority=codes.concept(codes.TRIAGE_PRIORITY[content.reading_priority]),
        reading_priority=content.reading_priority.value,
        comment=said.comment,
        algorithm_name=content.model_name,
        algorithm_version=content.model_version,
    )


def _percentages(content: ReportContent) -> tuple[float | None, float | None]:
    if content.probability is None or content.operating_point is None:
        return None, None
    return distinct_percentages(content.probability, content.operating_point.threshold)
