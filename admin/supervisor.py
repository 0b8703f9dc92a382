"""All in one: starts the broker, the listener, the sweep and the workers, and starts again what dies."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

import structlog

from admin.embedded_broker import broker_command
from admin.exit_status import EXIT_REJECTED
from admin.standstill import LONGEST_SECONDS, Standstill
from config.published import DICOMWEB, LISTENER, WORKLIST
from config.settings import Settings
from db import commitment_requests, confirmations, deliveries, schema, studies
from db.session import Engine, make_engine
from domain.errors import ConfigurationInvalid
from worker.lifeline import die_with_parent
from worker.orphans import end_claims_of_dead_worker
from worker.queue import ANALYSE_QUEUE, DELIVER_QUEUE, make_celery

_log = structlog.get_logger()
#: Seconds between two looks at the children.
_LOOK_SECONDS = 0.2
#: Seconds that a child gets to finish its work after SIGTERM.
_GRACE_SECONDS = 30.0
#: A child that lived shorter than this waits before it is started again, doubling up to the longest wait.
_STEADY_SECONDS = 10.0
_LONGEST_WAIT_SECONDS = 30.0
_BROKER = "broker"


@dataclass
class Child:
    """One process of the service."""

    name: str
    command: Sequence[str]
    #: The queue that it serves alone, if it is a worker.
    queue: str | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    #: Deaths in a row, each soon after its start.
    early_deaths: int = 0
    #: time.monotonic() before which it is not started again.
    not_before: float = field(default=0.0)
    #: Makes what watches a new process.
    watch: Callable[[], Standstill] = Standstill
    standstill: Standstill = field(default_factory=Standstill)

    def start(self) -> None:
        """Start the process; it dies with this one."""
        self.started = time.monotonic()
        self.standstill = self.watch()
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            # Ctrl-C reaches it only through `ask_to_stop`, the broker last; what it starts can be ended with it.
            process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl, and no threads yet
        )
        _log.info("process_started", name=self.name, pid=self.process.pid)

    def look(self) -> bool:
        """Start it if it is due, end it if it stands still; note its death, and return True, if it died.

        Raises ConfigurationInvalid when it died of what starting again cannot mend.
        """
        now = time.monotonic()
        if self.process is None:
            if now >= self.not_before:
                self.start()
        elif self.process.poll() is not None:
            steady = now - self.started > _STEADY_SECONDS
            self.early_deaths = 0 if steady else self.early_deaths + 1
            wait = 0.0 if steady else min(0.5 * 2.0 ** (self.early_deaths - 1), _LONGEST_WAIT_SECONDS)
            self.not_before = now + wait
            exit_status = self.process.returncode
            _log.error("process_died", name=self.name, exit_status=exit_status, wait_seconds=wait)
            self.process = None
            if exit_status == EXIT_REJECTED:
                raise ConfigurationInvalid(f"{self.name} cannot run as it is configured; its own message is above")
            return True
        elif self.name != _BROKER and self.standstill.is_too_long(self.process.pid):  # the broker holds no lock
            _log.error("process_stood_still", name=self.name, pid=self.process.pid, seconds=LONGEST_SECONDS)
            os.killpg(self.process.pid, signal.SIGKILL)
        return False

    def ask_to_stop(self) -> None:
        """SIGTERM: finish what is under way."""
        if self.process is not None:
            self.process.terminate()

    def wait_until_stopped(self, deadline: float) -> None:
        """Wait for its end; SIGKILL at time.monotonic() = `deadline`."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.error("process_killed", name=self.name)
            self.process.kill()
            self.process.wait()


def run_service(settings: Settings, options: Sequence[str], stop: threading.Event) -> None:
    """Run everything until `stop` is set. `options` are handed to each child's command line.

    Raises ConfigurationInvalid when another service has the data folder, or broker or database cannot be used.
    """
    make_celery(settings)  # a bad broker.url stops the start in its own words
    with _only_service(settings):
        engine = make_engine(settings.database_url)
        _prepare_database(settings, engine)
        children = _children(settings, options)
        try:
            while not stop.is_set():
                for child in children:
                    if child.look() and child.queue and _is_alone(settings):
                        end_claims_of_dead_worker(engine, settings, child.queue)
                stop.wait(_LOOK_SECONDS)
        finally:
            # The broker last: the workers still talk to it while they finish.
            _stop([child for child in children if child.name != _BROKER])
            _stop([child for child in children if child.name == _BROKER])
            engine.dispose()


def _stop(children: Sequence[Child]) -> None:
    deadline = time.monotonic() + _GRACE_SECONDS
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.wait_until_stopped(deadline)


def _children(settings: Settings, options: Sequence[str]) -> list[Child]:
    ours = [sys.executable, "-m", "admin"]
    children = [
        Child("listen", [*ours, "listen", *options]),
        Child("sweep", [*ours, "sweep", *options]),
        *(Child(f"work-{q}", [*ours, "work", "--queue", q, *options], q) for q in (ANALYSE_QUEUE, DELIVER_QUEUE)),
    ]
    if settings.worklist.enabled:
        children.append(Child("worklist", [*ours, "worklist", *_common(options)]))
    if settings.dicomweb.enabled:
        children.append(Child("dicomweb", [*ours, "dicomweb", *options]))
    if _is_alone(settings):
        children.insert(0, Child(_BROKER, broker_command(settings)))
    return children


def _common(options: Sequence[str]) -> list[str]:
    """Give those of the options that the worklist has too; each is a pair of words."""
    pairs = zip(options[::2], options[1::2], strict=True)
    return [word for name, value in pairs if name in {"--config", "--data-dir"} for word in (name, value)]


def _is_alone(settings: Settings) -> bool:
    """With the embedded broker every worker is ours."""
    return not settings.broker.url.get_secret_value()


def _prepare_database(settings: Settings, engine: Engine) -> None:
    """Migrate; where every worker is ours, take back what killed ones had under way."""
    schema.upgrade(engine)
    if _is_alone(settings):
        parts = (studies, deliveries, confirmations, commitment_requests)
        taken = sum(part.release_all_claims(engine) for part in parts)
        _log.info("database_ready", claims_taken_back=taken)


@contextmanager
def _only_service(settings: Settings) -> Iterator[IO[str]]:
    with _lock_file(settings) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationInvalid(
                f"another cxr-triage serve uses {settings.service.data_dir}: stop it, or choose another --data-dir"
            ) from None
        for published in (LISTENER, WORKLIST, DICOMWEB):
            (settings.run_dir / published).unlink(missing_ok=True)
        yield lock


def _lock_file(settings: Settings) -> IO[str]:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    file = settings.run_dir / "service.lock"
    try:
        return file.open("w")
    except OSError as error:
        raise ConfigurationInvalid(f"{file} cannot be written: {error.strerror}") from error
