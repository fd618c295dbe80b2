"""Attributes that are read by hand: a text, a small number or a double under a known key.

On the wire a `KeyValue` is `0A n key 12 n value`. Most values that differ from span to span are of
these kinds, and reading them takes a third of the time that a protobuf message of their own does.
Whatever looks unlike it in any byte is left to protobuf.
"""

from struct import Struct
from typing import Any, Final

NOT_SIMPLE: Final = object()
"""Said of an attribute that protobuf must read."""

_VALUE, _TEXT, _NUMBER, _DOUBLE = 0x12, 0x0A, 0x18, 0x21
_MORE = 0x80
_double = Struct("<d").unpack_from


def head_of(raw: bytes) -> bytes:
    """Return the bytes that should be an attribute's key: `0A n key`."""
    return raw[: raw[1] + 2] if len(raw) > 1 else raw


def is_head(head: bytes, key: str) -> bool:
    """Tell whether an attribute that begins so does begin with its key, as nearly all do."""
    return head[:1] == b"\n" and head[2:] == key.encode()


def simple_value(raw: bytes, at: int, size: int) -> Any:
    """Return the value of an attribute whose key ends before `at`, `NOT_SIMPLE` if it is not.

    `size`: where in `raw` the attribute ends.
    """
    if at + 4 > size or raw[at] != _VALUE:
        return NOT_SIMPLE
    if size - at > 127:
        return _long_text(raw, at + 1, size)
    if raw[at + 1] != size - at - 2:
        return NOT_SIMPLE
    kind, first = raw[at + 2], raw[at + 3]
    if kind == _NUMBER:
        return _number(raw, at + 3, size)
    if kind == _TEXT and first == size - at - 4:
        try:
            return raw[at + 4 : size].decode()
        except UnicodeDecodeError:
            return NOT_SIMPLE
    if kind == _DOUBLE and size == at + 11:
        return _double(raw, at + 3)[0]
    return NOT_SIMPLE


def _long_text(raw: bytes, at: int, size: int) -> Any:
    """Return a text of more than some hundred bytes: a length, `0A`, a length, the text."""
    inside, at = _length(raw, at)
    if at + inside != size or not inside or raw[at] != _TEXT:
        return NOT_SIMPLE
    inside, at = _length(raw, at + 1)
    if at + inside != size:
        return NOT_SIMPLE
    try:
        return raw[at:size].decode()
    except UnicodeDecodeError:
        return NOT_SIMPLE


def _length(raw: bytes, at: int) -> tuple[int, int]:
    """Return a length of up to three bytes and where it ends; more than there is for any other."""
    length = shift = 0
    for byte in raw[at : at + 3]:
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < _MORE:
            return length, at
        shift += 7
    return len(raw) + 1, at


def _number(raw: bytes, at: int, size: int) -> Any:
    """Return a number of one to three bytes, least significant seven bits first."""
    first = raw[at]
    if size == at + 1:
        return first if first < _MORE else NOT_SIMPLE
    second = raw[at + 1]
    if first < _MORE:
        return NOT_SIMPLE
    if size == at + 2:
        return (first & 0x7F) | second << 7 if second < _MORE else NOT_SIMPLE
    if size == at + 3 and second >= _MORE and raw[at + 2] < _MORE:
        return (first & 0x7F) | (second & 0x7F) << 7 | raw[at + 2] << 14
    return NOT_SIMPLE
