"""The courier to a worklist manager: one workitem for each result, by UPS Push."""

from dicom_gateway.association_scu import Destination
from dicom_gateway.ups_push import push_workitem
from worker.announcing import Announcer
from worker.couriers import Receipt
from worker.report_choice import ReportChoice


class UpsCourier:
    """Asks for the reading of a study at once, without waiting for its report to arrive: priority is what hurries.

    The workitem names the report by its derived UID, which is the same before and after it is sent.
    """

    def __init__(
        self,
        announcer: Announcer,
        destination: Destination,
        choice: ReportChoice | None,
        *,
        retrieve_ae_title: str,
        worklist_label: str,
        cancel_replaced: bool,
    ) -> None:
        """`choice` is that of the PACS which the report goes to; None when it goes nowhere."""
        self._announcer = announcer
        self._destination = destination
        self._choice = choice
        self._retrieve_ae_title = retrieve_ae_title
        self._worklist_label = worklist_label
        self._cancel_replaced = cancel_replaced

    def deliver(self, result_id: int) -> Receipt:
        """Create the workitem, and cancel what it replaces; a second time it is there already."""
        said = self._announcer.of_result(result_id)
        workitem = said.workitem(
            self._destination.name,
            self._choice.expected(result_id) if self._choice is not None else None,
            retrieve_ae_title=self._retrieve_ae_title,
            worklist_label=self._worklist_label,
        )
        obsolete = said.obsolete(workitem) if self._cancel_replaced else []
        return Receipt(workitem.sop_instance_uid, push_workitem(self._destination, workitem, obsolete))
