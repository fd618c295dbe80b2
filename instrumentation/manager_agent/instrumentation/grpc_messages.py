"""gRPC's frames around messages: a byte that says whether it is compressed, its length, itself."""

import zlib
from struct import Struct

MOST_BYTES = 64 * 1024 * 1024
"""No message of a manager is nearly as long; a longer one is not waited for."""

_HEAD = Struct(">BI")
_GZIP = 31
"""What `zlib` calls the gzip format with the largest window."""


class MalformedError(Exception):
    """What came is no message of gRPC; the message says what was found."""


def framed(message: bytes, *, compressed: bool) -> bytes:
    """Return a message as it is sent, by gzip where `compressed`."""
    if compressed:
        packing = zlib.compressobj(wbits=_GZIP)
        message = packing.compress(message) + packing.flush()
    return _HEAD.pack(compressed, len(message)) + message


class Unframing:
    """Takes bytes cut anywhere, returns the messages that are whole."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._buffer = bytearray()

    @property
    def midway(self) -> bool:
        """Tell whether a message has begun that is not whole."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Return what is whole with these bytes. Raises `MalformedError`."""
        self._buffer += data
        found = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < _HEAD.size:
            return None
        packed, length = _HEAD.unpack_from(buffer)
        if packed > 1:
            raise MalformedError(f"a message of gRPC begins with 0 or 1, found {packed}")
        if length > self._most:
            raise MalformedError(f"a message of {length} bytes; at most {self._most} are taken")
        end = _HEAD.size + length
        if len(buffer) < end:
            return None
        message = bytes(memoryview(buffer)[_HEAD.size : end])
        del buffer[:end]
        return _unpacked(message, self._most) if packed else message


def _unpacked(message: bytes, most: int) -> bytes:
    unpacking = zlib.decompressobj(_GZIP)
    try:
        whole = unpacking.decompress(message, most + 1)
    except zlib.error as error:
        raise MalformedError(f"a message that should be gzip is not: {error}") from error
    if len(whole) > most:
        raise MalformedError(f"a message unpacks to more than {most} bytes")
    if not unpacking.eof:
        raise MalformedError("a message of gzip that ends too soon")
    return whole
