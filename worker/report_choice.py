"""Which report of a result one destination gets: what it takes and wants, and what it got before.

What was sent once is what is sent again, so that no destination ever holds two live reports on one revision.
"""

from collections.abc import Collection

from db import reports, results
from db.session import Engine
from db.tables import Report
from dicom_gateway.status import Status
from dicom_gateway.uids import report_sop_instance_uid
from domain.errors import ReportRefused
from worker.captures import CaptureKeeper
from worker.reporting import ReportKeeper


class ReportChoice:
    """The choice for one destination; the database remembers it with the delivery."""

    def __init__(
        self,
        engine: Engine,
        keeper: ReportKeeper,
        captures: CaptureKeeper,
        destination: str,
        sop_classes: tuple[str, ...],
        *,
        wants_heat_map: bool,
    ) -> None:
        """`sop_classes` are what a report for this destination may be written as, best first."""
        self._engine = engine
        self._keeper = keeper
        self._captures = captures
        self._destination = destination
        self._sop_classes = sop_classes
        self._wants_heat_map = wants_heat_map

    def possible(self, result_id: int) -> tuple[str, ...]:
        """Give the SOP classes to propose: all, or that of the report which the destination may have already."""
        chosen = reports.chosen_report(self._engine, result_id, self._destination)
        return self._sop_classes if chosen is None else (chosen.sop_class_uid,)

    def capture_for(self, result_id: int) -> Report | None:
        """Give the capture to send along, if the destination wants it and the result has one."""
        chosen = reports.chosen_report(self._engine, result_id, self._destination)
        wanted = self._wants_heat_map if chosen is None else chosen.shows_heat_map
        return self._captures.capture_for(result_id) if wanted else None

    def sop_class(self, result_id: int, accepted: Collection[str]) -> str:
        """Give the first possible SOP class that the peer accepted; raises ReportRefused (0122) when there is none."""
        for sop_class in self.possible(result_id):
            if sop_class in accepted:
                return sop_class
        raise ReportRefused(Status.SOP_CLASS_NOT_SUPPORTED, "no presentation context accepted for a report")

    def report(self, result_id: int, sop_class: str, capture: Report | None) -> Report:
        """Give the report to send, and remember it: the destination may have it from now on."""
        chosen = reports.chosen_report(self._engine, result_id, self._destination)
        if chosen is not None:
            return chosen
        made = self._made(result_id, sop_class, capture)
        return reports.choose_report(self._engine, result_id, self._destination, made)

    def expected(self, result_id: int) -> tuple[str, str]:
        """Give SOP class and instance of the report that the destination has, or most likely will have.

        For who names it before it is sent: chosen already, or in the form that the destination got last.
        """
        chosen = reports.chosen_report(self._engine, result_id, self._destination)
        if chosen is not None:
            return chosen.sop_class_uid, chosen.sop_instance_uid
        last = reports.newest_form(self._engine, self._destination)
        sop_class = last if last in self._sop_classes else self._sop_classes[0]
        result, study = results.with_study(self._engine, result_id)
        shows = self.capture_for(result_id) is not None
        uid = report_sop_instance_uid(
            study.study_instance_uid, result.revision, result.model_version, sop_class, shows_heat_map=shows
        )
        return sop_class, uid

    def refused(self, result_id: int, report: Report) -> None:
        """Forget a report that the destination has refused, so that the settings may name another form."""
        reports.withdraw_choice(self._engine, result_id, self._destination, report)

    def _made(self, result_id: int, sop_class: str, capture: Report | None) -> Report:
        """Build the report, and before it what it replaces, if that was not sent anywhere yet: it names its UIDs."""
        result, _ = results.with_study(self._engine, result_id)
        earlier = result.supersedes_id
        if earlier is not None and not reports.reports_of(self._engine, earlier):
            self._made(earlier, sop_class, self.capture_for(earlier))
        return self._keeper.report_for(result_id, sop_class, capture)
