"""The courier to our own reading worklist: a delivery like any other, so that none is forgotten."""

from config.settings import READING_WORKLIST
from db.reading_worklist import ReadingWorklist
from db.workitems import NewWorkitem
from dicom_gateway.ups_attributes import attributes_of
from dicom_gateway.ups_changes import cancel
from worker.announcing import Announcer
from worker.couriers import Receipt
from worker.report_choice import ReportChoice

_LABEL = "Reading worklist"


class WorklistCourier:
    """Puts a workitem on the list, and takes back those that nobody has begun and that are out of date."""

    def __init__(
        self, announcer: Announcer, worklist: ReadingWorklist, choice: ReportChoice | None, *, retrieve_ae_title: str
    ) -> None:
        """`choice` is that of the PACS which reports go to; `retrieve_ae_title` is "" when there is none."""
        self._announcer = announcer
        self._worklist = worklist
        self._choice = choice
        self._retrieve_ae_title = retrieve_ae_title

    def deliver(self, result_id: int) -> Receipt:
        """Put it on the list; a second time it is there already, in whatever state it has come to."""
        said = self._announcer.of_result(result_id)
        workitem = said.workitem(
            READING_WORKLIST,
            self._choice.expected(result_id) if self._choice is not None else None,
            retrieve_ae_title=self._retrieve_ae_title,
            worklist_label=_LABEL,
        )
        new = NewWorkitem(
            sop_instance_uid=workitem.sop_instance_uid,
            result_id=result_id,
            reading_priority=workitem.reading_priority,
            waiting_since=workitem.scheduled_at,
            attributes=attributes_of(workitem),
        )
        self._worklist.add(new)
        for old in said.obsolete(workitem):
            self._worklist.update(old, cancel)
        return Receipt(workitem.sop_instance_uid, None)
