"""The courier to a DICOMweb origin server: the report by STOW-RS, and the heat map before it if it is wanted."""

import structlog

from db.tables import Report
from dicom_gateway.capture import as_sent
from dicom_gateway.stow_scu import WebDestination, store
from domain.errors import Rejected, ReportRefused
from domain.failpoints import Failpoint, failpoint
from worker.couriers import Receipt
from worker.report_choice import ReportChoice

_log = structlog.get_logger()


class StowCourier:
    """HTTP negotiates no SOP class: the report is written in the first form that the settings name."""

    def __init__(self, choice: ReportChoice, destination: WebDestination) -> None:
        self._choice = choice
        self._destination = destination

    def deliver(self, result_id: int) -> Receipt:
        """Send the kept report: a second time it is the same instance."""
        capture = self._choice.capture_for(result_id)
        shown = capture if capture is not None and self._send_capture(capture) else None
        report = self._choice.report(result_id, self._choice.possible(result_id)[0], shown)
        failpoint(Failpoint.DELIVER_AFTER_REPORT_KEPT)
        try:
            status = store(self._destination, report.content)
        except ReportRefused:
            self._choice.refused(result_id, report)
            raise
        return Receipt(report.sop_instance_uid, status)

    def _send_capture(self, capture: Report) -> bool:
        """Say whether the server has taken the picture; one that will not must not cost it the report."""
        try:
            store(self._destination, as_sent(capture.content))
        except Rejected as refused:
            _log.warning(
                "heat_map_refused",
                sop_instance_uid=capture.sop_instance_uid,
                destination=self._destination.name,
                reason=str(refused),
            )
            return False
        return True
