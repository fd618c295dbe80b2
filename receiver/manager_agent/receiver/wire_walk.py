"""The fields of a protobuf message, one after the other, without reading what is in them."""

from collections.abc import Iterator
from typing import NamedTuple

_VARINT, FIXED64, LENGTH, _FIXED32 = 0, 1, 2, 5


class WireField(NamedTuple):
    """A field: number, wire type, where it begins, and from where to where its value is."""

    number: int
    kind: int
    start: int
    value: int
    stop: int


def wire_fields(raw: bytes) -> Iterator[WireField]:
    """Yield the fields of a whole message; number 0 at the first that is of no kind OTLP has."""
    at = 0
    while at < len(raw):
        start = at
        tag, at = varint(raw, at)
        kind, value = tag & 7, at
        if kind == _VARINT:
            _, at = varint(raw, at)
        elif kind == LENGTH:
            size, value = varint(raw, at)
            at = value + size
        elif kind in (FIXED64, _FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            yield WireField(0, kind, start, value, at)
            return
        yield WireField(tag >> 3, kind, start, value, at)


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at` and where it ends. Raises `IndexError` where it has no end."""
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
