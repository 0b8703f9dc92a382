"""Work that may end its process, done in a child process: what is lost is one answer, not the command."""

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Generic, Self, TypeVar

from domain.errors import CxrTriageError, ProcessDied
from worker.lifeline import die_with_parent

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")
#: Seconds within which a child must be ready to answer, on a slow and busy machine.
_START_SECONDS = 120.0


class ChildProcess(Generic[_Question, _Answer]):
    """Answers questions one by one in a child process, and in a new one after that ended."""

    def __init__(self, make: Callable[[], Callable[[_Question], _Answer]], patience_seconds: float) -> None:
        """`make` is called in each child and gives what answers; both must be picklable by name.

        A child that takes longer than `patience_seconds` for one answer is killed.
        """
        self._make = make
        self._patience_seconds = patience_seconds
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    def ask(self, question: _Question) -> _Answer:
        """Give the answer. Raises ProcessDied, and whatever of our own errors `make` raised."""
        pipe = self._pipe or self._start()
        try:
            pipe.send(question)
            return self._receive(pipe, self._patience_seconds)
        except (EOFError, ConnectionError):
            raise ProcessDied(f"the process that worked on it ended ({self._reap()})") from None

    def _start(self) -> Connection:
        """Start a child, by spawn because threads and ONNX sessions do not survive a fork; wait until it is ready."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_answer_all, args=(theirs, self._make), daemon=True)
        # Ctrl-C ends the parent, which ends the child: that begins with SIGINT held back, until it ignores it.
        resource_tracker.ensure_running()  # which would let SIGINT through again, were it started with the child
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._process, self._pipe = process, ours
        try:
            self._receive(ours, _START_SECONDS)
        except EOFError:
            raise ProcessDied(f"the process that was to work on it ended at once ({self._reap()})") from None
        return ours

    def _receive(self, pipe: Connection, seconds: float) -> _Answer:
        if not pipe.poll(seconds):
            self.stop()
            raise ProcessDied(f"the process that worked on it gave no answer in {seconds:g} s and was ended")
        answer: _Answer | CxrTriageError = pipe.recv()
        if isinstance(answer, CxrTriageError):
            raise answer
        return answer

    def _reap(self) -> str:
        """Say how the child ended."""
        status = 0
        if self._process is not None:
            self._process.join()
            status = self._process.exitcode or 0
        self.stop()
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"

    def stop(self) -> None:
        """End the child, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _answer_all(pipe: Connection, make: Callable[[], Callable[[_Question], _Answer]]) -> None:
    """Be the child: say that all is ready, or why not; then answer until the parent goes."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        answer = make()
    except CxrTriageError as error:
        pipe.send(error)
        return
    pipe.send(None)
    while True:
        pipe.send(answer(pipe.recv()))
