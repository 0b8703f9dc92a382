"""The rig: the real service as processes on a folder of its own, with short waits, and a simulated PACS beside it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from admin.drills.ledger import Ledger
from admin.service_process import ServiceProcess
from config.load import load_settings
from db import deliveries, results, studies
from db.tables import Study
from dicom_gateway.association_scu import Destination
from dicom_gateway.pacs_commitment import CommitmentManners, CommitmentMode
from dicom_gateway.pacs_confirming import PacsConfirming
from dicom_gateway.simulated_pacs import SimulatedPacs
from domain.errors import StoreUnavailable
from domain.failpoints import FAILPOINTS_VARIABLE, Failpoints
from domain.study import ARRIVED, StudyStatus
from worker.bootstrap import Collaborators
from worker.lifeline import die_with_parent

#: Seconds after which what has not happened counts as stuck: long, because a slow machine is no fault.
PATIENCE_SECONDS = 240.0
_POLL_SECONDS = 0.05
#: A process younger than this is started again late when it dies (admin.supervisor).
_STEADY_SECONDS = 10.5
#: What a hospital waits for minutes, a drill waits for seconds.
_SHORT_WAITS = {
    "CXR_READINESS__STUDY_QUIET_SECONDS": "0.4",
    "CXR_READINESS__SWEEP_SECONDS": "0.1",
    "CXR_READINESS__ASSOCIATION_STALE_SECONDS": "6",
    "CXR_READINESS__REQUEUE_SECONDS": "3",
    "CXR_BROKER__VISIBILITY_TIMEOUT_SECONDS": "30",
    "CXR_ANALYSIS__RETRY_SECONDS": "0.2",
    "CXR_ANALYSIS__SOFT_TIME_LIMIT_SECONDS": "20",
    "CXR_ANALYSIS__HARD_TIME_LIMIT_SECONDS": "25",
    "CXR_ANALYSIS__LEASE_MARGIN_SECONDS": "2",
    "CXR_DELIVERY__FIRST_RETRY_SECONDS": "0.2",
    "CXR_DELIVERY__LONGEST_RETRY_SECONDS": "2",
    "CXR_DELIVERY__SOFT_TIME_LIMIT_SECONDS": "20",
    "CXR_DELIVERY__HARD_TIME_LIMIT_SECONDS": "25",
    "CXR_DELIVERY__LEASE_MARGIN_SECONDS": "2",
}


class Rig:
    """A service and a PACS to break; counts from its ledger. A context manager: everything ends with it."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        data_dir: Path | None = None,
        destination: Mapping[str, object] | None = None,
    ) -> None:
        """Prepare below `folder`; `environment` goes above the short waits, `data_dir` may lie elsewhere.

        `destination` are settings of the destination that the PACS is.
        """
        self.folder = folder
        self.ledger = Ledger()
        # It commits what it keeps: what it would have lost then shows as a report that is sent again.
        self._confirming = PacsConfirming(CommitmentManners(), answers_queries=True)
        self.pacs = SimulatedPacs("SIMPACS", confirming=self._confirming)
        self._destination = dict(destination or {})
        self.failpoints = Failpoints(folder / "failpoints")
        self.longest_recovery = 0.0
        self._environment = _SHORT_WAITS | dict(environment or {})
        self.data_dir = data_dir or folder / "data"

    def __enter__(self) -> Self:
        (self.folder / "failpoints").mkdir(parents=True)
        self.pacs.start()
        self.service = ServiceProcess(self.data_dir, ["--dicom-port", "0"], self._variables)
        self.service.start()
        self.service.wait_until_listening()
        overrides: dict[str, dict[str, object]] = {"service": {"data_dir": self.data_dir}}
        if url := self._environment.get("CXR_DATABASE__URL"):
            overrides["database"] = {"url": url}
        self.collaborators = Collaborators(load_settings(None, overrides))
        return self

    @property
    def _variables(self) -> dict[str, str]:
        host, port = self.pacs.address
        pacs = {
            "name": "pacs",
            "ae_title": self.pacs.ae_title,
            "host": host,
            "port": port,
            **self._destination,
        }
        folder = str(self.failpoints.folder)
        return {**self._environment, "CXR_DESTINATIONS": json.dumps([pacs]), FAILPOINTS_VARIABLE: folder}

    def set_commitment(self, mode: CommitmentMode) -> None:
        """Change how the PACS answers requests for commitment; where it refuses them it can still be queried."""
        if self._confirming.commitment is not None:
            self._confirming.commitment.manners = CommitmentManners(mode)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.service.stop()
        self.pacs.stop()
        self.collaborators.engine.dispose()

    def listener(self) -> Destination | None:
        """Give the Storage SCP as it listens now; None while it does not."""
        try:
            address = json.loads((self.data_dir / "run" / "listener.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return Destination("service", "CXR_TRIAGE", "127.0.0.1", address["port"], "MODALITY", 5.0, 20.0, 60.0, 60.0)

    def pid_of(self, name: str) -> int:
        """Give the pid of a process of the service, as the supervisor last started it."""
        return self._started(name)[0]

    def starts_of(self, name: str) -> int:
        """Count how often the supervisor has started a process."""
        return self._started(name)[1]

    def _started(self, name: str) -> tuple[int, int]:
        """Give pid and number of starts of a process."""
        started = [
            json.loads(line)["pid"]
            for line in self.service.log_file.read_text().splitlines()
            if '"process_started"' in line and f'"name": "{name}"' in line
        ]
        return (started[-1], len(started)) if started else (0, 0)

    def kill(self, name: str) -> None:
        """SIGKILL a process of the service."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid_of(name), signal.SIGKILL)

    def kill_child_of(self, name: str) -> None:
        """SIGKILL a pool process of a worker."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.pid_of(name)).children()[:1]:
                child.kill()

    def restart(self) -> None:
        """SIGKILL the supervisor, and with it everything; start it again."""
        self.service.kill()
        self.service.start()
        self.service.wait_until_listening()

    @contextlib.contextmanager
    def stopped(self, parent: psutil.Process) -> Iterator[None]:
        """SIGSTOP a process, with its pool processes, for a while."""
        processes = [parent, *parent.children()]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    @contextlib.contextmanager
    def second_worker(self) -> Iterator[Path]:
        """Run another worker of both queues beside the service's own, as on another host; gives its log."""
        log_file = self.folder / "second-worker.log"
        with log_file.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "admin", "work", "--data-dir", str(self.data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._variables},
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl(2), which takes no lock
            )
        try:
            wait_until(lambda: '"worker_ready"' in log_file.read_text(), "a second worker")
            yield log_file
        finally:
            worker.terminate()
            try:
                worker.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    def wait_until_steady(self, name: str) -> None:
        """Wait until a process has lived long enough to be started again at once when it dies."""
        wait_until(lambda: _age_seconds(self.pid_of(name)) > _STEADY_SECONDS, f"{name} steady")

    def study(self, study_instance_uid: str) -> Study | None:
        """Give a study as it is now; None also while the database is away."""
        try:
            return studies.find(self.collaborators.engine, study_instance_uid)
        except StoreUnavailable:
            return None

    def is_settled(self, study_instance_uid: str) -> bool:
        """Say whether a study has come to its end: reported, and nothing left to send; or FAILED, where expected."""
        study = self.study(study_instance_uid)
        try:
            return study is not None and self._is_at_its_end(study)
        except StoreUnavailable:
            return False

    def _is_at_its_end(self, study: Study) -> bool:
        if study.study_instance_uid in self.ledger.to_fail:
            return study.status is StudyStatus.FAILED
        if study.status is not StudyStatus.REPORTED:
            return False
        engine = self.collaborators.engine
        sent = [
            delivery.state
            for result in results.of_study(engine, study.id)
            for delivery in deliveries.of_result(engine, result.id)
        ]
        return all(state in ARRIVED for state in sent)

    def settle(self, studies_sent: Sequence[str], since: float, patience: float = PATIENCE_SECONDS) -> None:
        """Wait until studies are settled; what took too long is left to the count as stuck.

        `since` is time.monotonic() when the fault was over: the recovery is counted from there.
        """
        deadline = time.monotonic() + patience
        for uid in studies_sent:
            while not self.is_settled(uid) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
        self.longest_recovery = max(self.longest_recovery, time.monotonic() - since)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Poll until a condition holds; raises TimeoutError with `what`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {seconds:.0f} s: {what}")
        time.sleep(_POLL_SECONDS)


def _age_seconds(pid: int) -> float:
    """Give the age of a process; 0 when it is gone."""
    try:
        return time.time() - float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return 0.0
