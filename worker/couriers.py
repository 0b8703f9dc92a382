"""Couriers: each takes one result's report to one destination. What fails is raised; retrying is not theirs."""

from dataclasses import dataclass
from typing import Protocol

import structlog

from db.tables import Report
from dicom_gateway.association_scu import Destination
from dicom_gateway.capture import SECONDARY_CAPTURE, as_sent
from dicom_gateway.storage_scu import SendOutcome
from dicom_gateway.storage_session import StorageSession, storage_session
from domain.errors import ReportRefused
from domain.failpoints import Failpoint, failpoint
from worker.report_choice import ReportChoice

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a destination took."""

    #: Of the report or the workitem; of an HL7 message its control ID.
    sop_instance_uid: str
    #: The destination's DIMSE status: success or a warning; None where it is not asked by DIMSE.
    dimse_status: int | None


class Courier(Protocol):
    """The way to one destination."""

    def deliver(self, result_id: int) -> Receipt:
        """Deliver the report of a result; returns when the destination has it.

        Raises Rejected when trying again cannot help, Transient when it may.
        """
        ...


class StorageCourier:
    """Sends the report to a PACS by C-STORE, in the best form that it takes, and the heat map if it is wanted."""

    def __init__(self, choice: ReportChoice, destination: Destination) -> None:
        self._choice = choice
        self._destination = destination

    def deliver(self, result_id: int) -> Receipt:
        """Send the kept report: a second time it is the same instance."""
        # Before the association, which would else wait for an image to be decoded and painted.
        capture = self._choice.capture_for(result_id)
        proposed = self._choice.possible(result_id) + ((SECONDARY_CAPTURE,) if capture else ())
        with storage_session(self._destination, proposed) as session:
            sop_class = self._choice.sop_class(result_id, session.accepted)
            shown = capture if capture is not None and self._send_capture(session, capture) else None
            report = self._choice.report(result_id, sop_class, shown)
            failpoint(Failpoint.DELIVER_AFTER_REPORT_KEPT)
            outcome = self._send_report(session, result_id, report)
        return Receipt(report.sop_instance_uid, outcome.status)

    def _send_capture(self, session: StorageSession, capture: Report) -> bool:
        """Say whether the PACS has taken the picture; one that will not must not cost it the report."""
        uid, name = capture.sop_instance_uid, self._destination.name
        if SECONDARY_CAPTURE not in session.accepted:
            _log.warning("heat_map_not_accepted", sop_instance_uid=uid, destination=name)
            return False
        try:
            session.send(as_sent(capture.content))
        except ReportRefused as refused:
            _log.warning("heat_map_refused", sop_instance_uid=uid, destination=name, status=f"0x{refused.status:04X}")
            return False
        return True

    def _send_report(self, session: StorageSession, result_id: int, report: Report) -> SendOutcome:
        try:
            return session.send(report.content)
        except ReportRefused:
            self._choice.refused(result_id, report)
            raise
