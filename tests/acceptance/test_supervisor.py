import json
import os
import signal
import socket
from pathlib import Path

import psutil

from admin.service_process import ServiceProcess
from dicom_gateway.association_scu import Destination
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.storage_scu import send_files
from tests.acceptance.conftest import CommandLine, wait_until
from tests.acceptance.xrays import write_xray


def pids_by_name(service: ServiceProcess) -> dict[str, list[int]]:
    """Give the pids that the supervisor started, by name, oldest first."""
    pids: dict[str, list[int]] = {}
    for line in service.log_file.read_text().splitlines():
        if '"process_started"' in line:
            started = json.loads(line)
            pids.setdefault(started["name"], []).append(started["pid"])
    return pids


def is_alive(pid: int) -> bool:
    """Tell whether a process runs."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_whatever_dies_is_started_again_and_the_work_is_done(
    service: ServiceProcess, pacs: SimulatedPacs, tmp_path: Path
) -> None:
    """Every child is killed once, the broker among them; a study sent afterwards is reported."""
    service.start()
    service.wait_until_listening()
    first = {name: pids[0] for name, pids in pids_by_name(service).items()}
    assert first.keys() == {"broker", "listen", "sweep", "work-analyse", "work-deliver"}
    # The file tells of the new listener only.
    (service.data_dir / "run" / "listener.json").unlink()
    for pid in first.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(len(pids) > 1 for pids in pids_by_name(service).values()), "started again")
    host, port = service.wait_until_listening()
    to = Destination("service", "CXR_TRIAGE", host, port, "MODALITY")
    assert [outcome.error for outcome in send_files(to, [write_xray(tmp_path)])] == [""]
    pacs.wait_for_reports(1, timeout_seconds=60)


def test_nothing_outlives_a_supervisor_that_was_killed(service: ServiceProcess) -> None:
    """No orphan holds the port, the database or the socket."""
    service.start()
    service.wait_until_listening()
    pids = [pid for started in pids_by_name(service).values() for pid in started]
    service.kill()
    wait_until(lambda: not any(map(is_alive, pids)), "all children gone")


def test_a_second_service_on_the_same_folder_is_refused(service: ServiceProcess, command: CommandLine) -> None:
    """Two services would take each other's work; the second says so and ends."""
    service.start()
    service.wait_until_listening()
    assert "another cxr-triage serve" in command.run("serve", "--dicom-port", "0", expect=2)
    assert service.is_running()


def test_a_port_that_is_taken_stops_the_start_with_words(command: CommandLine) -> None:
    """What starting again cannot mend ends the service, instead of a loop in the log."""
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 0.0.0.0:{port}" in command.run("serve", "--dicom-port", str(port), expect=2)


def test_a_bad_setting_stops_the_start_with_its_name(command: CommandLine, tmp_path: Path) -> None:
    """The key, and what would be right, before anything runs."""
    file = tmp_path / "cxr.toml"
    file.write_text("[listener]\nprt = 104\n")
    printed = command.run("serve", "--config", str(file), expect=2)
    assert "listener.prt: no such setting; did you mean listener.port?" in printed
