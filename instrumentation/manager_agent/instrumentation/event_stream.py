"""AWS's binary events (`application/vnd.amazon.eventstream`), read from bytes cut anywhere."""

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from manager_agent.instrumentation.bounded import LONGEST_EVENT

_PRELUDE = struct.Struct(">III")
_LENGTHS = struct.Struct(">II")
_TRAILER = 4
_MOST = 24 << 20
"""Bytes that AWS allows in one message."""
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type; 6 and 7 (bytes, text) have their length in front."""
_TEXT = 7
_USUAL = 512
"""Bytes of a block of headers that is remembered."""


class Message(NamedTuple):
    """One message: its headers that are text, and its payload, mostly JSON."""

    headers: Mapping[str, str]
    payload: bytes


class EventStream:
    """Gives each message. A payload above `LONGEST_EVENT` is passed over and counted in `cut`.

    `broken`: the bytes are no such stream, or a checksum of lengths is wrong; nothing is given
    from there on. Checksums of payloads are the client's to check: what it reads, we read.
    """

    def __init__(self) -> None:
        self._begun = bytearray()
        self._skip = 0
        self.cut = 0
        self.broken = False

    def feed(self, data: bytes) -> list[Message]:
        """Read on, and return the messages that are complete now."""
        if self.broken:
            return []
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._begun += data
        messages: list[Message] = []
        while not self.broken and (length := self._length()) <= len(self._begun):
            message = _message(bytes(self._begun[:length]))
            del self._begun[:length]
            if message is None:
                self._break()
            else:
                messages.append(message)
        return messages

    def _length(self) -> int:
        """Return the length of the message that has begun, more than there can be if unknown."""
        if len(self._begun) < _PRELUDE.size:
            return _MOST + 1
        total, headers, checksum = _PRELUDE.unpack_from(self._begun)
        least = _PRELUDE.size + headers + _TRAILER
        if crc32(self._begun[: _LENGTHS.size]) != checksum or not least <= total <= _MOST:
            self._break()
            return _MOST + 1
        if total > LONGEST_EVENT:
            self.cut += 1
            here = min(int(total), len(self._begun))
            self._skip = total - here
            del self._begun[:here]
            return self._length() if not self._skip else _MOST + 1
        return int(total)

    def _break(self) -> None:
        self.broken = True
        self._begun.clear()


def _message(frame: bytes) -> Message | None:
    _, size, _ = _PRELUDE.unpack_from(frame)
    end = _PRELUDE.size + size
    block = frame[_PRELUDE.size : end]
    headers = _named(block) if size <= _USUAL else _read(block)
    return None if headers is None else Message(headers, frame[end:-_TRAILER])


@lru_cache(64)
def _named(block: bytes) -> Mapping[str, str] | None:
    return _read(block)  # the same block for all events of a kind


def _read(block: bytes) -> Mapping[str, str] | None:
    """Return the headers in a block, None where it is none."""
    try:
        return dict(_headers(block))
    except (struct.error, IndexError, KeyError):
        return None


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(data):
        length = data[at]
        name = data[at + 1 : at + 1 + length]
        at += 1 + length
        kind = data[at]
        at += 1
        if kind in (6, _TEXT):
            (size,) = struct.unpack_from(">H", data, at)
            at += 2
        else:
            size = _FIXED[kind]
        if kind == _TEXT:
            yield name.decode("utf-8", "replace"), data[at : at + size].decode("utf-8", "replace")
        at += size
