"""Peers that are slow, broken or hostile, one way each; all of them end by themselves."""

import contextlib
import hashlib
import random
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from admin.drills.xrays import Xray, write_image
from dicom_gateway.association_scu import Destination
from dicom_gateway.mutations import mutate
from dicom_gateway.raw_peer import (
    COMMAND,
    DATA,
    DATA_SET,
    LAST,
    RawPeer,
    association_request,
    command,
    data_pdu,
    data_set_of,
)
from domain.errors import PeerUnavailable

#: Digital X-Ray Image Storage - For Presentation: what the drills' X-rays are.
_DX = "1.2.840.10008.5.1.4.1.1.1.1"
_CONNECTS = 1000
_RANDOM_PEERS, _MOST_RANDOM_BYTES = 40, 4000
_FUZZED_CONVERSATIONS, _FUZZED_DATA_SETS = 40, 24
#: What damages a conversation lies in its first PDUs, what damages a data set in its header.
_HEAD_BYTES = 2000
_LORISES, _LORIS_SECONDS, _TRICKLE_SECONDS = 8, 8.0, 0.2
_CROWD = 60
_ABSURD_LENGTH = 0xFFFFFFF0


@dataclass(frozen=True, slots=True)
class Target:
    """The listener that is to suffer, and what a bad peer draws its lots from."""

    listener: Destination
    chance: random.Random
    #: The peer's own.
    folder: Path
    #: Makes instances its own.
    name: str

    @property
    def address(self) -> tuple[str, int]:
        """Where to connect."""
        return self.listener.host, self.listener.port

    def request(self) -> bytes:
        """Encode a proper association request."""
        return association_request(self.listener.ae_title, _DX)

    def image(self, number: int) -> Xray:
        """Write an image of its own."""
        return write_image(self.folder, f"{self.name}-{number}", 1)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A damaged data set that was answered with success, and so is to be kept like any other."""

    sop_instance_uid: str
    sha256: str


BadPeer = Callable[[Target], Sequence[Acknowledged]]


#: What a peer meets when the listener ends the conversation: that is what it should do.
_THROWN_OUT = (OSError, PeerUnavailable)


def connect_and_close(target: Target) -> Sequence[Acknowledged]:
    """Connect and close a thousand times, every other time by TCP's RST, as health checks do."""
    for number in range(_CONNECTS):
        with contextlib.suppress(OSError), socket.create_connection(target.address, timeout=20) as probe:
            if number % 2:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return ()


def say_nonsense(target: Target) -> Sequence[Acknowledged]:
    """Send random bytes, half the time behind a proper association request."""
    for number in range(_RANDOM_PEERS):
        nonsense = target.chance.randbytes(target.chance.randrange(1, _MOST_RANDOM_BYTES))
        _say(target, (target.request() if number % 2 else b"") + nonsense)
    return ()


def fuzz_conversations(target: Target) -> Sequence[Acknowledged]:
    """Damage the bytes of a whole conversation: request, command, the beginning of an image."""
    xray = target.image(0)
    image = data_set_of(xray.path)
    whole = target.request() + data_pdu(COMMAND | LAST, _command(xray)) + data_pdu(DATA_SET, image[:_HEAD_BYTES])
    for number in range(_FUZZED_CONVERSATIONS):
        _say(target, mutate(whole, (target.chance.getrandbits(32), number), end=b""))
    return ()


def fuzz_data_sets(target: Target) -> Sequence[Acknowledged]:
    """Damage the headers of images, each of them sent by a proper conversation."""
    sent = [_send_damaged(target, number) for number in range(1, _FUZZED_DATA_SETS + 1)]
    return [acknowledged for acknowledged in sent if acknowledged is not None]


def _send_damaged(target: Target, number: int) -> Acknowledged | None:
    xray = target.image(number)
    image = data_set_of(xray.path)
    damaged = mutate(image[:_HEAD_BYTES], (target.chance.getrandbits(32), number), end=b"") + image[_HEAD_BYTES:]
    with contextlib.suppress(*_THROWN_OUT), RawPeer(target.address) as peer:
        peer.associate(target.listener.ae_title, _DX)
        peer.send(data_pdu(COMMAND | LAST, _command(xray)) + data_pdu(DATA_SET | LAST, damaged))
        if peer.receive_response().Status == 0:
            return Acknowledged(xray.sop_instance_uid, hashlib.sha256(damaged).hexdigest())
    return None


def trickle(target: Target) -> Sequence[Acknowledged]:
    """Hold associations by a byte now and then: of the request, of a PDU, or by saying nothing more."""
    xray = target.image(0)
    begun = target.request() + data_pdu(COMMAND | LAST, _command(xray))
    slow = [target.request(), begun + struct.pack(">BBL", DATA, 0, _HEAD_BYTES) + bytes(_HEAD_BYTES), begun]
    with contextlib.ExitStack() as open_peers:
        peers = [open_peers.enter_context(RawPeer(target.address)) for _ in range(_LORISES)]
        said = [slow[number % len(slow)] for number in range(_LORISES)]
        for peer, words in zip(peers, said, strict=True):
            _send_quietly(peer, words[: -_HEAD_BYTES // 2] if len(words) > _HEAD_BYTES else words[:20])
        for step in range(round(_LORIS_SECONDS / _TRICKLE_SECONDS)):
            for peer, words in zip(peers, said, strict=True):
                _send_quietly(peer, words[20 + step : 21 + step])
            time.sleep(_TRICKLE_SECONDS)
    return ()


def crowd(target: Target) -> Sequence[Acknowledged]:
    """Ask for more associations than there are, and send PDUs that are longer than any may be."""
    with contextlib.ExitStack() as open_peers:
        peers = [open_peers.enter_context(RawPeer(target.address)) for _ in range(_CROWD)]
        for peer in peers:
            _send_quietly(peer, target.request())
        for peer in peers:
            with contextlib.suppress(*_THROWN_OUT):
                peer.receive()
        for peer in peers:
            _send_quietly(peer, struct.pack(">BBL", DATA, 0, _ABSURD_LENGTH) + bytes(_HEAD_BYTES))
    return ()


BAD_PEERS: tuple[BadPeer, ...] = (connect_and_close, say_nonsense, fuzz_conversations, fuzz_data_sets, trickle, crowd)


def _command(xray: Xray) -> bytes:
    return command(AffectedSOPClassUID=_DX, AffectedSOPInstanceUID=xray.sop_instance_uid)


def _say(target: Target, words: bytes) -> None:
    """Say it, hear the first answer, and close."""
    with contextlib.suppress(*_THROWN_OUT), RawPeer(target.address) as peer:
        peer.send(words)
        peer.socket.shutdown(socket.SHUT_WR)
        while not peer.ended():
            pass


def _send_quietly(peer: RawPeer, words: bytes) -> None:
    with contextlib.suppress(OSError):
        peer.send(words)
