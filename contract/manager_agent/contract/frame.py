"""What is said together goes together: several messages in one of the stream.

A frame is a message with the others in its field `more`, so that one alone is as it always was. A
message on a stream costs either side far more than the bytes in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from manager_agent.contract.guard import MORE, FromGuard, FromManager
from manager_agent.contract.wire_format import MAX_BYTES, decode, encode, joined

M = TypeVar("M", FromGuard, FromManager)

_MOST = 256
_MOST_BYTES = MAX_BYTES // 4
"""Where a frame has so many bytes, what follows begins another."""


def frames(messages: Iterable[M]) -> Iterator[bytes]:
    """Yield messages in order as frames to send. Raises `WireError` where one cannot be written."""
    inside: list[bytes] = []
    size = 0
    for message in messages:
        raw = encode(message)
        if inside and (len(inside) == _MOST or size + len(raw) > _MOST_BYTES):
            yield joined(inside[0], inside[1:], MORE)
            inside, size = [], 0
        inside.append(raw)
        size += len(raw)
    if inside:
        yield joined(inside[0], inside[1:], MORE)


def messages_of(kind: type[M], frame: bytes) -> list[M]:
    """Return the messages of a frame, in order. Raises `WireError`."""
    first: M = decode(kind, frame)
    return [replace(first, more=()), *first.more] if first.more else [first]
