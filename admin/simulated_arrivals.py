"""What reaches the simulated PACS beside reports: workitems and HL7 messages, one line each."""

from admin.output import console
from dicom_gateway.simulated_workitems import SimulatedWorkitems
from hl7_gateway.simulated_ris import SimulatedRis


class ArrivalPrinter:
    """Prints each arrival once."""

    def __init__(self, workitems: SimulatedWorkitems | None, ris: SimulatedRis | None) -> None:
        self._workitems = workitems
        self._ris = ris
        self._shown_workitems = self._shown_messages = 0

    def print_new(self) -> None:
        """Print what came since the last time."""
        if self._workitems is not None:
            for creation in self._workitems.attempts[self._shown_workitems :]:
                answer = "created" if creation.is_new else "there already"
                _print(f"{creation.received_at:%H:%M:%S} workitem {creation.sop_instance_uid}: {answer}")
                self._shown_workitems += 1
        if self._ris is not None:
            for message in self._ris.attempts[self._shown_messages :]:
                _print(f"{message.received_at:%H:%M:%S} HL7 message {message.control_id}: {message.answer.value}")
                self._shown_messages += 1


def _print(text: str) -> None:
    console.print(text, highlight=False, markup=False)
