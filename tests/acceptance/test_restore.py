from pathlib import Path

from admin.service_process import ServiceProcess
from dicom_gateway.simulated_pacs import SimulatedPacs
from tests.acceptance.conftest import CommandLine, wait_until
from tests.acceptance.test_main_path import send, start
from tests.acceptance.xrays import write_xray


def states(command: CommandLine) -> dict[str, str]:
    """Give each study's status by the last number of its UID."""
    return {s["study_instance_uid"].rpartition(".")[2]: s["status"] for s in command.json("studies", "list")}


def test_a_restored_service_goes_on_and_sends_nothing_twice(
    service: ServiceProcess, pacs: SimulatedPacs, command: CommandLine, tmp_path: Path
) -> None:
    """Two studies reported, a third waits for a PACS that is away, backup, a fourth, and the machine is lost."""
    to = start(service)
    send(to, *(write_xray(tmp_path / "send", study) for study in (1, 2)))
    wait_until(lambda: states(command) == {"1": "REPORTED", "2": "REPORTED"}, "two reports")
    port = pacs.address[1]
    pacs.stop()
    send(to, write_xray(tmp_path / "send", 3))
    wait_until(lambda: states(command).get("3") == "ANALYSED", "a report that waits")
    command.json("backup", str(tmp_path / "backup"))
    send(to, write_xray(tmp_path / "send", 4))
    service.kill()

    options = ["--dicom-port", "0", "--pacs", f"SIMPACS@127.0.0.1:{port}"]
    second = ServiceProcess(tmp_path / "restored", options, {"CXR_DELIVERY__FIRST_RETRY_SECONDS": "0.5"})
    restored = CommandLine(second.data_dir)
    assert restored.json("restore", str(tmp_path / "backup"), "--yes")["instances"] == 3
    assert restored.json("verify")["damaged"] == []
    with SimulatedPacs("SIMPACS", port=port) as again, second:
        second.wait_until_listening()
        wait_until(lambda: set(states(restored).values()) == {"REPORTED"}, "the third report")
        assert sorted(states(restored)) == ["1", "2", "3"]
        assert [report.StudyInstanceUID[-1] for report in again.reports] == ["3"]
        assert {attempt.sop_instance_uid for attempt in again.attempts} == {again.reports[0].SOPInstanceUID}
