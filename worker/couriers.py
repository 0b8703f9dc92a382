"""Couriers: each takes one result's report to one destination. What fails is raised; retrying is not theirs."""

from dataclasses import dataclass
from typing import Protocol

from dicom_gateway.association_scu import Destination
from dicom_gateway.storage_scu import send_report
from domain.failpoints import Failpoint, failpoint
from worker.reporting import ReportKeeper


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a destination took."""

    sop_instance_uid: str
    #: The destination's DIMSE status: success or a warning.
    dimse_status: int


class Courier(Protocol):
    """The way to one destination."""

    def deliver(self, result_id: int) -> Receipt:
        """Deliver the report of a result; returns when the destination has it.

        Raises Rejected when trying again cannot help, Transient when it may.
        """
        ...


class StorageCourier:
    """Sends the report to a PACS by C-STORE."""

    def __init__(self, keeper: ReportKeeper, destination: Destination) -> None:
        self._keeper = keeper
        self._destination = destination

    def deliver(self, result_id: int) -> Receipt:
        """Send the kept report: a second time it is the same instance."""
        report = self._keeper.report_for(result_id)
        failpoint(Failpoint.DELIVER_AFTER_REPORT_KEPT)
        outcome = send_report(self._destination, report.content)
        return Receipt(report.sop_instance_uid, outcome.status)
