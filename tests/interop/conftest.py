"""Software that no one here wrote, and the service as processes beside it.

In CI a tool that is missing is a failure; on a newcomer's machine the test is left out, in one line.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from admin.service_process import ServiceProcess
from dicom_gateway.simulated_pacs import SimulatedPacs

#: The same words for every test, so that pytest folds them into one line.
_LEFT_OUT = (
    "tests against other people's programs are left out: they need the Debian packages of tests/interop/packages"
)
_START_SECONDS = 30.0
_POLL_SECONDS = 0.05
#: Generous for a busy machine; a peer that hangs must not hang the run.
_PEER_SECONDS = 120.0


def tool(name: str) -> str:
    """Give the path of a program; without it the test fails in CI, and is left out elsewhere."""
    # Debian keeps servers where only root looks for programs.
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed; see tests/interop/packages")
    pytest.skip(_LEFT_OUT)


def run_tool(name: str, *words: str | Path, expect: int | None = 0) -> str:
    """Run a peer's program to its end; give what it printed."""
    done = subprocess.run(
        [tool(name), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=_PEER_SECONDS,
    )
    said = done.stdout + done.stderr
    if expect is not None:
        assert done.returncode == expect, f"{name} {words}: {done.returncode}\n{said}"
    return said


def free_port() -> int:
    """Give a port that is free now: for peers that cannot choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a peer listens; fail with the end of its log when it does not."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(_POLL_SECONDS)
    pytest.fail(f"the peer does not listen on {port}; the end of its log:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Start a peer's server, `peer(port, name, words…)`; it is ended with the test. Gives its log."""
    running: list[subprocess.Popen[bytes]] = []

    def start(port: int, name: str, *words: str | Path) -> Path:
        log = tmp_path / f"{name}-{port}.log"
        with log.open("wb") as output:
            command = [tool(name), *map(str, words)]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=tmp_path)
        running.append(process)
        wait_for_port(port, process, log)
        return log

    yield start
    for process in running:
        process.terminate()
        process.wait(_START_SECONDS)


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, SimulatedPacs]]:
    """One service for all tests of a file, with a simulated PACS as its destination."""
    with SimulatedPacs("SIMPACS") as pacs:
        options = ["--dicom-port", "0", "--pacs", f"SIMPACS@127.0.0.1:{pacs.address[1]}"]
        environment = {"CXR_READINESS__STUDY_QUIET_SECONDS": "0.5"}
        with ServiceProcess(tmp_path_factory.mktemp("service"), options, environment) as service:
            yield service, pacs
