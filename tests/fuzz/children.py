"""Decoding of damaged frames where it may do harm to nobody: in child processes with a limit on memory and time."""

import multiprocessing
import os
import resource
import signal
from collections.abc import Iterable
from enum import Enum
from multiprocessing.connection import Connection

from dicom_gateway.decode import decode_pixels
from domain.errors import NotAnalysable
from tests.fuzz.frames import Frame

#: A frame of 128 x 144 pixels needs neither.
_MOST_BYTES = 4 << 30
_MOST_SECONDS = 20.0


class Outcome(Enum):
    """What became of one damaged frame."""

    DECODED = "decoded"
    REFUSED = "refused"
    #: An exception that is no coded refusal.
    RAISED = "raised"
    #: The process ended.
    DIED = "died"
    HUNG = "hung"

    @property
    def is_fault(self) -> bool:
        """Tell whether a service would have suffered."""
        return self not in (Outcome.DECODED, Outcome.REFUSED)


def decode_in_children(frame: Frame, numbers: Iterable[int], seed: int) -> dict[int, Outcome]:
    """Decode the mutations of these numbers, with a new child after each one that ended or hung."""
    context = multiprocessing.get_context("fork")
    waiting = list(numbers)
    outcomes: dict[int, Outcome] = {}
    while waiting:
        ours, theirs = context.Pipe()
        child = context.Process(target=_decode_all, args=(theirs, frame, waiting, seed))
        child.start()
        theirs.close()
        for number in list(waiting):
            waiting.remove(number)
            outcomes[number] = _answer(ours)
            if outcomes[number] in (Outcome.DIED, Outcome.HUNG):
                break
        child.kill()
        child.join()
    return outcomes


def _answer(pipe: Connection) -> Outcome:
    if not pipe.poll(_MOST_SECONDS):
        return Outcome.HUNG
    try:
        answer: Outcome = pipe.recv()
    except EOFError:
        return Outcome.DIED
    return answer


def _decode_all(pipe: Connection, frame: Frame, numbers: list[int], seed: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)
    for number in numbers:
        pipe.send(_decode(frame, seed, number))
    os._exit(0)


def _decode(frame: Frame, seed: int, number: int) -> Outcome:
    try:
        decode_pixels(frame.mutated(seed, number))
    except NotAnalysable:
        return Outcome.REFUSED
    except BaseException:  # noqa: BLE001 - whatever else comes is what is looked for
        return Outcome.RAISED
    return Outcome.DECODED
