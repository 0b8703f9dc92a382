"""The whole service as processes, and a simulated PACS, for each test anew."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from admin.service_process import ServiceProcess
from dicom_gateway.simulated_pacs import SimulatedPacs

#: For a slow and busy machine: nothing here measures time.
_PATIENCE_SECONDS = 180.0
_POLL_SECONDS = 0.05


class CommandLine:
    """The console script, as a user calls it."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._script = Path(sys.executable).with_name("cxr-triage")

    def run(self, *words: str, expect: int = 0, with_data_dir: bool = True) -> str:
        """Run a command to its end, and give its standard output."""
        place = ["--data-dir", str(self._data_dir)] if with_data_dir else []
        done = subprocess.run(
            [self._script, *words, *place], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if expect == 0 else done.stdout + done.stderr

    def json(self, *words: str) -> Any:
        """Run a command with --json, and give what it says."""
        return json.loads(self.run(*words, "--json"))


@pytest.fixture
def pacs() -> Iterator[SimulatedPacs]:
    """A simulated PACS that listens."""
    with SimulatedPacs("SIMPACS") as running:
        yield running


@pytest.fixture
def service(tmp_path: Path, pacs: SimulatedPacs) -> Iterator[ServiceProcess]:
    """The service, not started yet, with the PACS as its destination; short waits."""
    made = ServiceProcess(
        tmp_path / "data",
        ["--dicom-port", "0", "--pacs", f"SIMPACS@127.0.0.1:{pacs.address[1]}"],
        {"CXR_READINESS__STUDY_QUIET_SECONDS": "0.5", "CXR_DELIVERY__FIRST_RETRY_SECONDS": "0.5"},
    )
    yield made
    made.stop()


@pytest.fixture
def command(service: ServiceProcess) -> CommandLine:
    """The console script, on the service's data folder."""
    return CommandLine(service.data_dir)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = _PATIENCE_SECONDS) -> None:
    """Poll until a condition holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(_POLL_SECONDS)
