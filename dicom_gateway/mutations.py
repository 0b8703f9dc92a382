"""Damage to bytes as disks, networks and attackers do it, for drills and tests; the same for the same seed."""

from collections.abc import Callable

import numpy as np

#: Bytes that mean much to codecs and protocols: zero, one, sign bits, marker prefixes.
_TELLING = bytes((0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF))
_HEADER_BYTES = 200
_MOST_CHANGES = 8
_MOST_SPAN = 64
_LEAST_BYTES = 2
#: Shares of the streams whose end marker is put back, and of the cuts that really cut.
_ENDS_RIGHT, _CUTS = 0.8, 0.2

_Random = np.random.Generator
_Mutation = Callable[[bytearray, _Random], None]


def mutate(stream: bytes, seed: tuple[int, ...], end: bytes = b"\xff\xd9") -> bytes:
    """Give the stream with one to eight damages; its end marker is often put back, so that decoders see the rest."""
    random = np.random.default_rng(seed)
    damaged = bytearray(stream)
    for _ in range(int(random.integers(1, _MOST_CHANGES + 1))):
        _MUTATIONS[int(random.integers(len(_MUTATIONS)))](damaged, random)
        if len(damaged) < _LEAST_BYTES:
            damaged = bytearray(stream)
    if random.random() < _ENDS_RIGHT and end:
        damaged[-len(end) :] = end
    return bytes(damaged)


def _flip_bit(data: bytearray, random: _Random) -> None:
    data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))


def _flip_header_bit(data: bytearray, random: _Random) -> None:
    data[int(random.integers(min(len(data), _HEADER_BYTES)))] ^= 1 << int(random.integers(8))


def _set_header_byte(data: bytearray, random: _Random) -> None:
    data[int(random.integers(min(len(data), _HEADER_BYTES)))] = _TELLING[int(random.integers(len(_TELLING)))]


def _set_byte(data: bytearray, random: _Random) -> None:
    data[int(random.integers(len(data)))] = int(random.integers(256))


def _remove_span(data: bytearray, random: _Random) -> None:
    start = int(random.integers(len(data)))
    del data[start : start + int(random.integers(1, _MOST_SPAN))]


def _repeat_span(data: bytearray, random: _Random) -> None:
    start, place = int(random.integers(len(data))), int(random.integers(len(data)))
    data[place:place] = data[start : start + int(random.integers(1, _MOST_SPAN))]


def _fill_span(data: bytearray, random: _Random) -> None:
    start = int(random.integers(len(data)))
    end = min(len(data), start + int(random.integers(1, _MOST_SPAN)))
    data[start:end] = bytes((_TELLING[int(random.integers(len(_TELLING)))],)) * (end - start)


def _noise_span(data: bytearray, random: _Random) -> None:
    start = int(random.integers(len(data)))
    end = min(len(data), start + int(random.integers(1, _MOST_SPAN)))
    data[start:end] = random.bytes(end - start)


def _insert_marker(data: bytearray, random: _Random) -> None:
    place = int(random.integers(len(data)))
    data[place:place] = bytes((0xFF, int(random.integers(0x30, 0x100))))


def _cut(data: bytearray, random: _Random) -> None:
    if random.random() < _CUTS:
        del data[int(random.integers(1, len(data) + 1)) :]


_MUTATIONS: tuple[_Mutation, ...] = (
    _flip_bit,
    _flip_header_bit,
    _set_header_byte,
    _set_byte,
    _remove_span,
    _repeat_span,
    _fill_span,
    _noise_span,
    _insert_marker,
    _cut,
)
