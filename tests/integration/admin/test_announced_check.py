from admin.announced_check import announced_checks
from config.load import load_settings
from config.settings import Settings
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.simulated_workitems import SimulatedWorkitems
from domain.errors import CxrTriageError
from hl7_gateway.simulated_ris import SimulatedRis


def found(settings: Settings) -> list[tuple[str, str]]:
    """Try each place; gives what was found, or the error."""
    outcomes = []
    for part, check in announced_checks(settings):
        try:
            outcomes.append((part, check()))
        except CxrTriageError as error:
            outcomes.append((part, f"FAULT {error}"))
    return outcomes


def test_doctor_tries_worklist_managers_and_receivers_of_hl7() -> None:
    """What is there is ok and gets nothing; a PACS without UPS, and a RIS that is away, are faults with words."""
    workitems = SimulatedWorkitems()
    with SimulatedPacs(workitems=workitems) as pacs, SimulatedPacs() as without, SimulatedRis() as ris:
        ups = [
            {"name": name, "ae_title": "PACS", "host": "127.0.0.1", "port": peer.address[1]}
            for name, peer in (("a", pacs), ("b", without))
        ]
        hl7 = [{"name": "c", "host": "127.0.0.1", "port": ris.address[1]}]
        settings = load_settings(None, {"ups_destinations": ups, "hl7_destinations": hl7})
        first, second, third = found(settings)
        ris.stop()
        (*_, away) = found(settings)
    assert first == ("UPS Push a", "takes workitems by UPS Push")
    assert second == ("UPS Push b", "FAULT b: no presentation context accepted")
    assert third[1].endswith("nothing was sent")
    assert away[1].startswith("FAULT c: no connection to 127.0.0.1")
    assert (workitems.attempts, ris.attempts) == ((), ())
