"""Whole conversations with a Storage SCP as bytes, proper ones and such as Hypothesis makes of them."""

from pathlib import Path

from hypothesis import strategies as st

from dicom_gateway.raw_peer import (
    C_ECHO_RQ,
    C_FIND_RQ,
    COMMAND,
    DATA_SET,
    ECHO_CONTEXT,
    LAST,
    association_request,
    command,
    data_pdu,
    pdu,
    release_request,
    value,
)
from tests.integration.gateway.instances import encoded, image

#: One file a conversation that is said on every run, beside what Hypothesis thinks of.
CORPUS = Path(__file__).parent / "corpus" / "conversations"
_MOST_DAMAGES = 6


def parts() -> list[bytes]:
    """Give what conversations are made of, in no order."""
    whole_image = encoded(image())
    echo = command(
        CommandField=C_ECHO_RQ, AffectedSOPClassUID="1.2.840.10008.1.1", AffectedSOPInstanceUID=None, Priority=None
    )
    return [
        association_request(),
        data_pdu(COMMAND | LAST, command()),
        data_pdu(COMMAND, command()[:30]),
        data_pdu(COMMAND | LAST, command()[30:]),
        data_pdu(DATA_SET, whole_image[:500]),
        data_pdu(DATA_SET | LAST, whole_image[500:]),
        pdu(4, value(COMMAND | LAST, command()) + value(DATA_SET | LAST, whole_image)),
        data_pdu(COMMAND | LAST, echo, ECHO_CONTEXT),
        data_pdu(COMMAND | LAST, command(CommandField=C_FIND_RQ)),
        data_pdu(COMMAND | LAST, command(CommandField=0x8001)),
        release_request(),
        pdu(6, b"\0\0\0\0"),
        pdu(7, b"\0\0\0\0"),
    ]


def proper() -> bytes:
    """Give a conversation in which an image is sent as it should be."""
    said = parts()
    return b"".join((said[0], said[1], said[4], said[5], said[10]))


def any_pdus() -> st.SearchStrategy[bytes]:
    """Give PDUs of every kind with any body, behind an association request or not."""
    one = st.builds(pdu, st.integers(0, 12), st.binary(max_size=300))
    told_wrong = st.builds(_with_length, one, st.integers(0, 0xFFFFFFFF))
    return st.lists(one | told_wrong | st.sampled_from(parts()), min_size=1, max_size=8).map(b"".join)


def damaged_conversations() -> st.SearchStrategy[bytes]:
    """Give proper parts in any order, with a few bytes changed, taken out or put in."""
    begun = st.lists(st.sampled_from(parts()), max_size=8).map(lambda more: b"".join((parts()[0], *more)))
    return damaged(begun | st.just(proper()))


def damaged(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Change, take out or put in a few bytes."""
    damages = st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 40), st.binary(max_size=8)), max_size=_MOST_DAMAGES
    )
    return st.builds(_damage, whole, damages)


def _damage(whole: bytes, damages: list[tuple[float, int, bytes]]) -> bytes:
    changed = bytearray(whole)
    for place, removed, put_in in damages:
        at = int(place * len(changed))
        changed[at : at + removed] = put_in
    return bytes(changed)


def _with_length(one: bytes, length: int) -> bytes:
    return one[:2] + length.to_bytes(4, "big") + one[6:]


def corpus(folder: Path = CORPUS) -> list[Path]:
    """List the files of a corpus."""
    return sorted(folder.glob("*.bin"))
