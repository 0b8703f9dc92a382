"""Peers that say anything at all, thought of by Hypothesis: the listener outlives them, and keeps only what is whole.

The examples are the same on every run, so that `make test` says the same twice; `cxr-triage drill peers` and
`python -m tests.fuzz.coverage` go where nobody was yet, and what they find is kept in tests/fuzz/corpus.
"""

import hashlib
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dicom_gateway.raw_peer import COMMAND, DATA_SET, LAST, RawPeer, command, data_pdu
from dicom_gateway.status import Status
from dicom_gateway.verification import echo
from tests.fuzz.conversations import any_pdus, corpus, damaged, damaged_conversations, proper
from tests.integration.gateway.conftest import Station, wait_for_threads
from tests.integration.gateway.instances import encoded, image

IMAGE = encoded(image())
_HEADER = IMAGE.index(b"\xe0\x7f\x10\x00")
#: One station hears all the examples of a test: that it hears the last as it did the first is the point.
fuzzed = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def say(station: Station, words: bytes) -> None:
    """Say it and nothing more, and hear the station out."""
    with RawPeer(station.scp.address) as peer, suppress(OSError):
        peer.send(words)
        peer.socket.shutdown(socket.SHUT_WR)
        while not peer.ended():
            pass


def assert_outlives(station: Station, threads: set[threading.Thread]) -> None:
    """Nothing is left of the peers, neither thread nor file, and the next one is served."""
    wait_for_threads(threads)
    assert station.left_in_incoming() == []
    assert all(station.store.verify(kept.relative_path, kept.sha256, kept.size_bytes) for kept in station.received)
    echo(station.as_destination())


@fuzzed
@given(words=any_pdus())
def test_any_pdus_leave_nothing(station: Station, words: bytes) -> None:
    """PDUs of every type, any body, and lengths that lie."""
    threads = set(threading.enumerate())
    say(station, words)
    assert_outlives(station, threads)


@fuzzed
@given(words=damaged_conversations())
@example(words=proper())
def test_damaged_conversations_leave_nothing(station: Station, words: bytes) -> None:
    """Proper messages in any order, with bytes changed, missing or too many."""
    threads = set(threading.enumerate())
    say(station, words)
    assert_outlives(station, threads)


@fuzzed
@given(words=st.binary(max_size=2000))
def test_random_bytes_leave_nothing(station: Station, words: bytes) -> None:
    """No DICOM at all."""
    threads = set(threading.enumerate())
    say(station, words)
    assert_outlives(station, threads)


@pytest.mark.parametrize("file", corpus(), ids=lambda file: file.name)
def test_the_corpus_leaves_nothing(station: Station, file: Path) -> None:
    """Conversations that were worth keeping."""
    threads = set(threading.enumerate())
    say(station, file.read_bytes())
    assert_outlives(station, threads)


@fuzzed
@given(header=damaged(st.just(IMAGE[:_HEADER])))
def test_a_damaged_data_set_is_refused_or_kept_as_it_came(station: Station, header: bytes) -> None:
    """An answer in words of PS3.4, and the association goes on; what is acknowledged is there, byte for byte."""
    before = len(station.received)
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(data_pdu(COMMAND | LAST, command()) + data_pdu(DATA_SET | LAST, header + IMAGE[_HEADER:]))
        status = peer.receive_response().Status
        peer.send(data_pdu(COMMAND | LAST, command()) + data_pdu(DATA_SET | LAST, IMAGE))
        assert peer.receive_response().Status == Status.SUCCESS
    kept = [received.sha256 for received in station.received[before:]]
    expected = [header + IMAGE[_HEADER:]] if status == Status.SUCCESS else []
    assert kept == [hashlib.sha256(data).hexdigest() for data in (*expected, IMAGE)]
    assert status in {Status.SUCCESS, Status.CANNOT_UNDERSTAND, Status.DATA_SET_DOES_NOT_MATCH}
