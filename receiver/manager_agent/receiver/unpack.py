"""Unpacking a compressed body in steps, so that a small one cannot become a huge one unnoticed."""

import zlib

_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_STEP = 1024 * 1024
_MOST_MEMBERS = 10_000
"""Gzip members of one body: empty ones cost time and add nothing that a limit of bytes sees."""

CODINGS = ("identity", "", *_WINDOW_BITS)
"""Content codings that are understood."""


class TooLargeError(Exception):
    """The body, once unpacked, is over the limit."""


class Unpacker:
    """Takes a body in chunks; `coding` is one of `CODINGS`, `most_bytes` the limit unpacked."""

    def __init__(self, coding: str, most_bytes: int) -> None:
        self._bits = _WINDOW_BITS.get(coding)
        self._most_bytes = most_bytes
        self._member = zlib.decompressobj(self._bits) if self._bits else None
        self._members = 1
        self._packed = 0
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk. Raises `TooLargeError`, or `zlib.error` where it is damaged."""
        self._packed += len(chunk)
        if self._packed > self._most_bytes + _STEP:  # blocks of nothing, without end
            raise TooLargeError
        rest = memoryview(chunk)
        while rest:
            rest = rest[len(rest) - self._step(rest) :]
            if len(self._body) > self._most_bytes:
                raise TooLargeError

    @property
    def size(self) -> int:
        """Bytes unpacked so far."""
        return len(self._body)

    def whole(self) -> bytes:
        """Return the unpacked body. Raises `zlib.error` where its end is missing."""
        if self._member is not None and not self._member.eof:
            raise zlib.error("the compressed body is cut short")
        return bytes(self._body)

    def _step(self, chunk: memoryview) -> int:
        """Unpack some of `chunk`; return how many of its bytes are left."""
        if self._member is None:
            self._body += chunk
            return 0
        if self._member.eof:  # gzip members that follow one another are one body (RFC 1952)
            self._members += 1
            if self._members > _MOST_MEMBERS:
                raise zlib.error(f"more than {_MOST_MEMBERS} gzip members in one body")
            self._member = zlib.decompressobj(self._bits or 0)
        self._body += self._member.decompress(chunk, _STEP)
        return len(self._member.unconsumed_tail or self._member.unused_data)
