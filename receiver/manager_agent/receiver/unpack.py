"""Unpacking a compressed body in steps, so that a small one cannot become a huge one unnoticed."""

import zlib

_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_STEP = 1024 * 1024

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
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk. Raises `TooLargeError`, or `zlib.error` where it is damaged."""
        while chunk:
            chunk = self._step(chunk)
            if len(self._body) > self._most_bytes:
                raise TooLargeError

    def whole(self) -> bytes:
        """Return the unpacked body. Raises `zlib.error` where its end is missing."""
        if self._member is not None and not self._member.eof:
            raise zlib.error("the compressed body is cut short")
        return bytes(self._body)

    def _step(self, chunk: bytes) -> bytes:
        """Unpack some of `chunk`; return what is left of it."""
        if self._member is None:
            self._body += chunk
            return b""
        if self._member.eof:  # gzip members that follow one another are one body (RFC 1952)
            self._member = zlib.decompressobj(self._bits or 0)
        self._body += self._member.decompress(chunk, _STEP)
        return self._member.unconsumed_tail or self._member.unused_data
