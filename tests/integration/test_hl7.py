"""Messages over real sockets: against the simulated RIS, against hl7apy's own MLLP server, and against broken peers."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hl7apy.mllp import AbstractHandler, MLLPServer

from domain.errors import PeerUnavailable
from hl7_gateway.acknowledgement import AcknowledgementUnreadable, MessageDeferred, MessageRefused
from hl7_gateway.mllp import NoBlock, framed, read_block
from hl7_gateway.oru import build_oru
from hl7_gateway.sending import Hl7Peer, send_message
from hl7_gateway.simulated_ris import RisAnswer, SimulatedRis
from tests.unit.hl7.messages import ADDRESSES, content, facts

MESSAGE = build_oru(content(study=facts(patient_name="Müller^Jörg=山田^太郎")), ADDRESSES)
CONTROL_ID = content().control_id


@pytest.fixture
def ris() -> Iterator[SimulatedRis]:
    """A RIS that listens."""
    with SimulatedRis() as running:
        yield running


def peer(port: int, seconds: float = 10.0) -> Hl7Peer:
    """Describe a receiver on loopback."""
    return Hl7Peer("ris", "127.0.0.1", port, 5.0, seconds)


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A peer that reads one block and then does `answer`; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                read_block(connection, 10.0)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def test_an_accepted_message_arrives_byte_for_byte_and_twice_is_one(ris: SimulatedRis) -> None:
    """The same control ID tells a receiver that it has it."""
    for _ in range(2):
        send_message(peer(ris.address[1]), MESSAGE, CONTROL_ID)
    assert ris.accepted == {CONTROL_ID: MESSAGE}
    assert len(ris.attempts) == 2


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        (RisAnswer.ERROR, "", MessageRefused),
        (RisAnswer.ERROR, "204", MessageDeferred),
        (RisAnswer.REJECT, "", MessageDeferred),
        (RisAnswer.REJECT, "203", MessageRefused),
        (RisAnswer.GARBAGE, "", NoBlock),
        (RisAnswer.CLOSE, "", AcknowledgementUnreadable),
    ],
)
def test_each_answer_ends_the_attempt_as_it_should(
    ris: SimulatedRis, answer: RisAnswer, code: str, error: type[Exception]
) -> None:
    """For good or for now, and nothing is accepted."""
    ris.set_answer(answer, code)
    with pytest.raises(error):
        send_message(peer(ris.address[1]), MESSAGE, CONTROL_ID)
    assert ris.accepted == {}


def test_a_receiver_that_says_nothing_is_given_up(ris: SimulatedRis) -> None:
    """After the time-out of the settings, to be tried again."""
    ris.set_answer(RisAnswer.SILENT)
    with pytest.raises(PeerUnavailable, match="in time"):
        send_message(peer(ris.address[1], 0.2), MESSAGE, CONTROL_ID)


def test_a_receiver_that_is_away_is_tried_again(ris: SimulatedRis) -> None:
    """No connection is transient; it comes back on the same port."""
    ris.stop()
    with pytest.raises(PeerUnavailable, match="no connection"):
        send_message(peer(ris.address[1]), MESSAGE, CONTROL_ID)
    ris.start()
    send_message(peer(ris.address[1]), MESSAGE, CONTROL_ID)
    assert len(ris.accepted) == 1


def test_an_endless_answer_is_cut_off() -> None:
    """Bounded in size, whatever the peer goes on sending."""

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"\x0b")
        with contextlib.suppress(ConnectionError):  # the sender hangs up
            while True:
                connection.sendall(b"x" * 65536)

    with answering(flood) as port, pytest.raises(NoBlock, match="longer than"):
        send_message(peer(port), MESSAGE, CONTROL_ID)


def test_an_answer_in_drops_is_read_and_half_of_one_is_not() -> None:
    """Fragments of TCP are no blocks; a connection that ends within one is."""
    whole = framed(b"MSH|^~\\&|R||||1||ACK|1|P|2.5.1\rMSA|AA|" + CONTROL_ID.encode() + b"\r")

    def drip(connection: socket.socket) -> None:
        for number in range(len(whole)):
            connection.sendall(whole[number : number + 1])

    with answering(drip) as port:
        send_message(peer(port), MESSAGE, CONTROL_ID)
    with answering(lambda connection: connection.sendall(whole[:-2])) as port, pytest.raises(NoBlock, match="within"):
        send_message(peer(port), MESSAGE, CONTROL_ID)


class _Accepting(AbstractHandler):  # type: ignore[misc]  # hl7apy is untyped
    """Answers as the library's documentation shows."""

    def reply(self) -> str:
        """Acknowledge what came."""
        control_id = self.incoming_message.split("|")[9]
        return f"\x0bMSH|^~\\&|FOREIGN||||20261122||ACK^R01^ACK|1|P|2.5.1\rMSA|AA|{control_id}\r\x1c\r"


def test_the_server_of_the_library_takes_the_message() -> None:
    """hl7apy's MLLP server, which no one here wrote, finds block and message type, and its answer is understood."""
    with MLLPServer("127.0.0.1", 0, {"ORU^R01^ORU_R01": (_Accepting,)}) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        send_message(peer(server.server_address[1]), MESSAGE, CONTROL_ID)
        server.shutdown()
        thread.join()
