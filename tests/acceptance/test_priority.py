"""The whole service as processes: a study in, its priority out by UPS Push and HL7, and claimed from our worklist."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.service_process import ServiceProcess
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.simulated_workitems import SimulatedWorkitems
from hl7_gateway.simulated_ris import SimulatedRis
from tests.acceptance.conftest import CommandLine, wait_until
from tests.acceptance.test_main_path import PATIENT_WORDS, reported, send, start
from tests.acceptance.xrays import PATIENT_ID, write_xray
from tests.integration.gateway.test_ups import change, found
from tests.integration.worker.test_reading_worklist import reader
from tests.unit.hl7.messages import parsed, segments

_PATIENCE = 120.0


@pytest.fixture
def workitems() -> SimulatedWorkitems:
    """The worklist of the PACS."""
    return SimulatedWorkitems()


@pytest.fixture
def pacs(workitems: SimulatedWorkitems) -> Iterator[SimulatedPacs]:
    """A simulated PACS that is a UPS SCP."""
    with SimulatedPacs("SIMPACS", workitems=workitems) as running:
        yield running


@pytest.fixture
def ris() -> Iterator[SimulatedRis]:
    """A RIS that listens."""
    with SimulatedRis() as running:
        yield running


@pytest.fixture
def service(tmp_path: Path, pacs: SimulatedPacs, ris: SimulatedRis) -> Iterator[ServiceProcess]:
    """The service with every way of priority switched on, by the environment alone."""
    port = pacs.address[1]
    ups = {"name": "worklist", "ae_title": "SIMPACS", "host": "127.0.0.1", "port": port}
    hl7 = {"name": "ris", "host": "127.0.0.1", "port": ris.address[1]}
    made = ServiceProcess(
        tmp_path / "data",
        ["--dicom-port", "0", "--pacs", f"SIMPACS@127.0.0.1:{port}"],
        {
            "CXR_READINESS__STUDY_QUIET_SECONDS": "0.5",
            "CXR_DELIVERY__FIRST_RETRY_SECONDS": "0.5",
            "CXR_UPS_DESTINATIONS": json.dumps([ups]),
            "CXR_HL7_DESTINATIONS": json.dumps([hl7]),
            "CXR_READING_WORKLIST__UPS_SCP": "true",
        },
    )
    yield made
    made.stop()


def test_priority_goes_out_every_way_and_a_claim_survives_kill_9(
    service: ServiceProcess,
    pacs: SimulatedPacs,
    workitems: SimulatedWorkitems,
    ris: SimulatedRis,
    command: CommandLine,
    tmp_path: Path,
) -> None:
    """Report, workitem, message, and a place on our worklist, which a foreign reader claims; no patient in the log."""
    to = start(service)
    send(to, write_xray(tmp_path, number=1))
    (report,) = pacs.wait_for_reports(1, _PATIENCE)
    (workitem,) = workitems.wait_for_workitems(1, _PATIENCE)
    (message,) = ris.wait_for_accepted(1, _PATIENCE).values()
    wait_until(lambda: reported(command), "REPORTED")
    assert workitem.ScheduledProcedureStepPriority == "HIGH"
    named = workitem.InputInformationSequence[-1].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert named == report.SOPInstanceUID
    assert parsed(message).validate()
    assert segments(message, "PID")[0][3].split("^")[0] == PATIENT_ID
    assert {row["destination"] for row in command.json("deliveries", "list")} == {
        "pacs",
        "worklist",
        "ris",
        "reading-worklist",
    }
    with reader((to.host, to.port)) as assoc:
        (match,) = found(assoc, ProcedureStepState="SCHEDULED", PatientID=PATIENT_ID)
        assert change(assoc, "IN PROGRESS", uid=match.SOPInstanceUID) == 0
    service.kill()
    to = start(service)
    with reader((to.host, to.port)) as assoc:
        assert found(assoc, ProcedureStepState="SCHEDULED") == []
        assert change(assoc, "IN PROGRESS", "9.9", match.SOPInstanceUID) == 0xC302
    log = service.log_file.read_text()
    assert [word for word in PATIENT_WORDS if word in log] == []
