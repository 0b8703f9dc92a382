"""Damaged and hostile frames: an image or a coded refusal, and a process that lives."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import uid

from dicom_gateway.decode import decode_pixels
from dicom_gateway.header import read_instance
from domain.errors import NotAnalysable
from domain.finding import RefusalCode
from tests.fuzz.children import Outcome, decode_in_children
from tests.fuzz.frames import Frame, frames

#: Found by `python -m tests.fuzz`: each of them once ended the process that decoded it.
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.dcm"))
_FRAMES = [frame for bits in (8, 12, 16) for frame in frames(bits).values()]
#: JPEG has neither checksum nor count of its pixels (docs/pixels.md).
_BLIND = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1)
_SEED, _COUNT = 2026, 40


def _name(frame: Frame) -> str:
    return f"{frame.syntax}, {frame.bits} bits"


_each_frame = pytest.mark.parametrize("frame", _FRAMES, ids=_name)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_once_ended_the_process_is_refused(path: Path) -> None:
    """Every stream of the corpus is undecodable now."""
    with pytest.raises(NotAnalysable) as refusal:
        decode_pixels(read_instance(path))
    assert refusal.value.code is RefusalCode.UNDECODABLE


def assert_undecodable(frame: Frame, stream: bytes) -> None:
    """Decode other bytes in place of a frame; they must be refused."""
    with pytest.raises(NotAnalysable) as refusal:
        decode_pixels(frame.dataset(stream))
    assert refusal.value.code is RefusalCode.UNDECODABLE


def test_the_corpus_is_there() -> None:
    """The streams that the test above needs are shipped."""
    assert len(CORPUS) >= 4


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7, 0.98])
@_each_frame
def test_cut_frames(frame: Frame, kept: float) -> None:
    """A compressed frame that is cut anywhere is refused, never filled up."""
    assert_undecodable(frame, frame.stream[: int(len(frame.stream) * kept)])


@pytest.mark.parametrize("frame", [f for f in _FRAMES if f.syntax not in _BLIND], ids=_name)
def test_cut_frames_that_were_closed_again(frame: Frame) -> None:
    """A frame cut to a tenth and closed by an end marker is refused, but for JPEG, which cannot always tell."""
    assert_undecodable(frame, frame.stream[: len(frame.stream) // 10] + b"\xff\xd9")


@pytest.mark.parametrize("syntax", [uid.JPEGLossless, uid.JPEGLosslessSV1])
def test_a_lossless_frame_too_short_for_its_pixels(syntax: str) -> None:
    """JPEG Lossless spends a bit on each pixel at least: what is shorter is refused, closed again or not."""
    frame = frames(8)[syntax]
    assert_undecodable(frame, frame.stream[: len(frame.stream) // 10] + b"\xff\xd9")


@_each_frame
def test_noise_in_place_of_a_frame(frame: Frame) -> None:
    """Random bytes are refused."""
    assert_undecodable(frame, np.random.default_rng(3).bytes(5000) + b"\xff\xd9")


@_each_frame
def test_damaged_frames_are_decoded_or_refused(frame: Frame) -> None:
    """Bits flipped, bytes lost, repeated and overwritten: nothing raises, hangs, or ends its process."""
    outcomes = decode_in_children(frame, range(_COUNT), _SEED)
    assert len(outcomes) == _COUNT
    assert {number: outcome for number, outcome in outcomes.items() if outcome.is_fault} == {}
    assert Outcome.REFUSED in outcomes.values()
