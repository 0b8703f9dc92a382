"""The demo's `--ups`, `--hl7` and `--dicomweb`: what else is beside the simulated PACS, and what reaches it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.table import Table

from admin.demo_dicomweb import DemoDicomweb
from admin.output import console
from dicom_gateway.demo_studies import DemoStudy
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.simulated_workitems import SimulatedWorkitems
from hl7_gateway.simulated_ris import SimulatedRis

#: The studies are reported by then: every delivery was made.
_PATIENCE_SECONDS = 10.0


class DemoAnnouncements:
    """A worklist in the simulated PACS, a simulated RIS and a DICOMweb server, each only when it is asked for."""

    def __init__(self, home: Path, *, ups: bool, hl7: bool, dicomweb: bool) -> None:
        """`home` is the demo's folder."""
        self.workitems = SimulatedWorkitems() if ups else None
        self._ris = SimulatedRis() if hl7 else None
        self.dicomweb = DemoDicomweb(home) if dicomweb else None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen, as long as the demo runs."""
        with ExitStack() as stack:
            if self._ris is not None:
                stack.enter_context(self._ris)
            if self.dicomweb is not None:
                stack.enter_context(self.dicomweb.server)
            yield

    def destinations(self, pacs: SimulatedPacs) -> dict[str, str]:
        """Give the environment that announces results to all of them."""
        host, port = pacs.address
        environment = {} if self.dicomweb is None else dict(self.dicomweb.environment)
        if self.workitems is not None:
            ups = {"name": "worklist", "ae_title": pacs.ae_title, "host": host, "port": port}
            environment["CXR_UPS_DESTINATIONS"] = json.dumps([ups])
        if self._ris is not None:
            hl7 = {"name": "ris", "host": self._ris.address[0], "port": self._ris.address[1]}
            environment["CXR_HL7_DESTINATIONS"] = json.dumps([hl7])
        return environment

    def show(self, made: Sequence[DemoStudy]) -> list[str]:
        """Print what came; gives what is missing, in words."""
        studies = len(made)
        faults = [] if self.dicomweb is None else self.dicomweb.show(made)
        if self.workitems is not None:
            faults += self._show_workitems(self.workitems, studies)
        if self._ris is not None:
            try:
                messages = self._ris.wait_for_accepted(studies, _PATIENCE_SECONDS)
                console.print(f"{len(messages)} HL7 messages accepted by the RIS; the first:")
                shown = next(iter(messages.values())).decode().replace("\r", "\n")
                console.print(shown, markup=False, highlight=False, soft_wrap=True)
            except TimeoutError as error:
                faults.append(f"RIS: {error}")
        return faults

    @staticmethod
    def _show_workitems(workitems: SimulatedWorkitems, studies: int) -> list[str]:
        try:
            arrived = workitems.wait_for_workitems(studies, _PATIENCE_SECONDS)
        except TimeoutError as error:
            return [f"worklist: {error}"]
        table = Table(title="Workitems in the PACS (UPS)", title_justify="left")
        for column in ("priority", "state", "input", "comment"):
            table.add_column(column)
        for item in sorted(
            arrived, key=lambda item: (item.ScheduledProcedureStepPriority != "HIGH", item.SOPInstanceUID)
        ):
            inputs = str(sum(len(each.ReferencedSOPSequence) for each in item.InputInformationSequence))
            comment = item.CommentsOnTheScheduledProcedureStep
            table.add_row(item.ScheduledProcedureStepPriority, item.ProcedureStepState, f"{inputs} instances", comment)
        console.print(table)
        return []
