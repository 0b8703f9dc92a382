"""The whole service as a child process: for the demo, and for tests that kill it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.errors import Rejected
from worker.lifeline import die_with_parent

#: Seconds within which a service must listen, on a machine with ten times more to do; one that ends is told at once.
_START_SECONDS = 240.0
_STOP_SECONDS = 45.0
_POLL_SECONDS = 0.05


class ServiceProcess:
    """`cxr-triage serve` on a data folder of its own; its log goes to service.log there."""

    def __init__(self, data_dir: Path, options: Sequence[str] = (), environment: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.log_file = data_dir / "service.log"
        self._command = [sys.executable, "-m", "admin", "serve", "--data-dir", str(data_dir), *options]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, in a session of its own so that Ctrl-C reaches it only through `stop`.

        It dies with the thread that called this (prctl(2)).
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "run" / "listener.json").unlink(missing_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl(2), which takes no lock
            )

    def wait_until_listening(self) -> tuple[str, int]:
        """Give host and port once the Storage SCP listens. Raises Rejected when the service does not come up."""
        file = self.data_dir / "run" / "listener.json"
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if file.is_file():
                address = json.loads(file.read_text())
                return "127.0.0.1" if address["host"] == "0.0.0.0" else address["host"], address["port"]  # noqa: S104 - compares
            if self._process is None or self._process.poll() is not None:
                break
            time.sleep(_POLL_SECONDS)
        raise Rejected(f"the service did not start; the end of {self.log_file}:\n{self._end_of_log()}")

    def stop(self) -> None:
        """End the service in order."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL the supervisor; the kernel then kills its children."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def is_running(self) -> bool:
        """Tell whether the supervisor lives."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> None:
        """Wait for the service to end by itself."""
        if self._process is not None:
            self._process.wait()

    def _end_of_log(self) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-20:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
