import json
import queue
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from admin.service_process import ServiceProcess
from dicom_gateway.association_scu import Destination
from dicom_gateway.auto_routing import AutoRouter
from dicom_gateway.simulated_pacs import Faults, SimulatedPacs
from dicom_gateway.storage_scu import send_files
from tests.acceptance.conftest import CommandLine, wait_until
from tests.acceptance.xrays import PATIENT_ID, PATIENT_NAME, SAMPLES, write_xray

_PATIENCE = 60.0
PATIENT_WORDS = (*PATIENT_NAME.split("^"), PATIENT_ID)


def start(service: ServiceProcess) -> Destination:
    """Start the service, and describe it to a sender."""
    service.start()
    host, port = service.wait_until_listening()
    return Destination("service", "CXR_TRIAGE", host, port, "MODALITY")


def send(to: Destination, *files: Path) -> None:
    """Send files; each must be acknowledged."""
    assert [outcome.error for outcome in send_files(to, list(files))] == [""] * len(files)


def reported(command: CommandLine, revision: int = 1) -> bool:
    """Tell whether the one study is REPORTED at a revision."""
    return [(s["status"], s["revision"]) for s in command.json("studies", "list")] == [("REPORTED", revision)]


def dciodvfy_errors(report: Any, folder: Path) -> list[str]:
    """Give the errors that dciodvfy finds in a data set."""
    file = folder / "report.dcm"
    report.save_as(file, enforce_file_format=True)
    script = Path(sys.executable).with_name("dciodvfy")
    done = subprocess.run([script, file], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


def test_a_picture_sent_by_command_comes_back_as_a_valid_report(
    service: ServiceProcess, pacs: SimulatedPacs, command: CommandLine, tmp_path: Path
) -> None:
    """The console script alone: serve, send a JPEG, and a valid SR on the same study is in the PACS."""
    to = start(service)
    picture = SAMPLES / "xrays" / "person51_bacteria_247.jpeg"
    peer = f"CXR_TRIAGE@{to.host}:{to.port}"
    sent = json.loads(command.run("send", str(picture), "--to", peer, "--json", with_data_dir=False))
    assert sent["status"] == "success"
    (report,) = pacs.wait_for_reports(1, _PATIENCE)
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0]
    assert evidence.StudyInstanceUID == report.StudyInstanceUID
    assert (
        evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        == sent["sop_instance_uid"]
    )
    assert dciodvfy_errors(report, tmp_path) == []
    wait_until(lambda: reported(command), "REPORTED")
    status = command.json("status")
    assert (status["studies"]["REPORTED"], status["deliveries"]["SENT"]) == (1, 1)
    shown = command.json("studies", "show", report.StudyInstanceUID)
    assert shown["results"][0]["assessment"] == "suspected"
    assert {"study_opened", "study_ready", "study_analysed", "report_sent"} <= {e["kind"] for e in shown["events"]}
    assert "Comprehensive 3D SR" in command.run("doctor", "--pacs", f"SIMPACS@127.0.0.1:{pacs.address[1]}")


def test_a_late_image_and_a_reprocessing_make_reports_that_name_their_predecessors(
    service: ServiceProcess, pacs: SimulatedPacs, command: CommandLine, tmp_path: Path
) -> None:
    """Revision 2 for the late image, revision 3 for the administrator, three reports in one chain."""
    to = start(service)
    send(to, write_xray(tmp_path, number=1))
    wait_until(lambda: reported(command, 1), "revision 1")
    send(to, write_xray(tmp_path, number=2))
    wait_until(lambda: reported(command, 2), "revision 2")
    assert command.json("reprocess", "--all", "--dry-run")["matched"] == 1
    assert command.json("reprocess", "--all", "--yes")["reprocessed"] == 1
    wait_until(lambda: reported(command, 3), "revision 3")
    kept = [file for folder in ("instances", "run") for file in (service.data_dir / folder).rglob("*")]
    kept.append(service.data_dir / "cxr-triage.sqlite")
    assert [file.name for file in kept if file.stat().st_mode & 0o077] == [], "readable by other accounts"
    assert not set(PATIENT_WORDS) & set(re.split(r"[^\w-]+", service.log_file.read_text())), "patient data in the log"
    first, second, third = pacs.reports
    named = [
        [
            item.ReferencedSOPInstanceUID
            for s in r.PredecessorDocumentsSequence
            for ss in s.ReferencedSeriesSequence
            for item in ss.ReferencedSOPSequence
        ]
        for r in (second, third)
    ]
    assert named == [[first.SOPInstanceUID], [second.SOPInstanceUID]]
    assert "PredecessorDocumentsSequence" not in first
    assert [pacs.times_sent(r.SOPInstanceUID) for r in pacs.reports] == [1, 1, 1]


def test_what_must_not_be_scored_is_reported_as_undetermined(
    service: ServiceProcess, pacs: SimulatedPacs, command: CommandLine, tmp_path: Path
) -> None:
    """A lateral alone, and a patient outside the population: a report each, with the reason and no probability."""
    to = start(service)
    send(to, write_xray(tmp_path, study=1, view="LL"), write_xray(tmp_path, study=2, age="045Y"))
    reports = pacs.wait_for_reports(2, _PATIENCE)
    assert all("Undetermined" in str(report) for report in reports)
    found = {s["study_instance_uid"][-1]: s for s in command.json("studies", "list")}
    assert (found["1"]["probability"], found["2"]["probability"]) == (None, None)
    assert "frontal" in found["1"]["reason"]
    assert "population" in found["2"]["reason"]


@pytest.mark.parametrize(
    "faults",
    [
        Faults(refuse_association=True, fault_count=2),
        Faults(refuse_status=0xA700, fault_count=2),
        Faults(abort_in_transfer=True, fault_count=2),
    ],
    ids=["rejects", "out of resources", "aborts"],
)
def test_a_pacs_in_trouble_delays_the_report_and_loses_none(
    service: ServiceProcess, pacs: SimulatedPacs, command: CommandLine, tmp_path: Path, faults: Faults
) -> None:
    """After two failures the report arrives, and the study is read only once."""
    pacs.set_faults(faults)
    to = start(service)
    send(to, write_xray(tmp_path))
    pacs.wait_for_reports(1, _PATIENCE)
    wait_until(lambda: reported(command), "REPORTED")
    (delivery,) = command.json("deliveries", "list")
    assert (delivery["state"], delivery["attempts"]) == ("SENT", 3)
    (study,) = command.json("studies", "list")
    shown = command.json("studies", "show", study["study_instance_uid"])
    assert [event["kind"] for event in shown["events"]].count("analysis_started") == 1


def test_a_refused_report_is_listed_and_can_be_sent_again_by_command(
    service: ServiceProcess, pacs: SimulatedPacs, command: CommandLine, tmp_path: Path
) -> None:
    """Refused for good is FAILED, never "sent"; once the PACS is mended, one command delivers it."""
    pacs.set_faults(Faults(refuse_status=0xA900))
    to = start(service)
    send(to, write_xray(tmp_path))
    wait_until(lambda: command.json("status")["deliveries"]["FAILED"] == 1, "FAILED")
    assert pacs.reports == ()
    assert not reported(command)
    pacs.set_faults(Faults())
    command.run("deliveries", "resend", "--failed", "--yes")
    wait_until(lambda: reported(command), "REPORTED")
    assert len(pacs.reports) == 1


def test_a_pacs_that_routes_everything_back_gets_no_second_report(tmp_path: Path) -> None:
    """The heat map comes back and is acknowledged; the report is not accepted; the study stays as it is."""
    files: queue.Queue[bytes] = queue.Queue()
    with SimulatedPacs("SIMPACS", on_kept=files.put) as pacs:
        wanted = {"name": "pacs", "ae_title": "SIMPACS", "host": "127.0.0.1", "port": pacs.address[1], "heat_map": True}
        quiet = {"CXR_READINESS__STUDY_QUIET_SECONDS": "0.5", "CXR_DESTINATIONS": json.dumps([wanted])}
        with ServiceProcess(tmp_path / "data", ["--dicom-port", "0"], quiet) as service:
            command = CommandLine(service.data_dir)
            host, port = service.wait_until_listening()
            to = Destination("service", "CXR_TRIAGE", host, port, "SIMPACS")
            send(to, write_xray(tmp_path))
            with AutoRouter(to) as router:
                for _ in range(2):
                    router.route(files.get(timeout=_PATIENCE))
                capture, report = router.wait_for_outcomes(2, _PATIENCE)
            assert (capture.status, capture.error) == (0, "")
            assert "no presentation context accepted" in report.error
            wait_until(lambda: reported(command), "REPORTED")
            # A second study, sent afterwards: what comes back would have been read again by the time that it is done.
            send(to, write_xray(tmp_path, study=2))
            pacs.wait_for_reports(2, _PATIENCE)
            shown = command.json("studies", "show", pacs.reports[0].StudyInstanceUID)
    assert (shown["study"]["status"], shown["study"]["revision"], len(shown["results"])) == ("REPORTED", 1, 1)
    returned = [event for event in shown["events"] if event["kind"] == "own_output_returned"]
    assert [event["sop_instance_uid"] for event in returned] == [capture.sop_instance_uid]
    assert [pacs.times_sent(instance.SOPInstanceUID) for instance in pacs.instances] == [1, 1, 1, 1]
