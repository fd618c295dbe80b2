"""Undoes a body's compression as it passes, with whatever decoder the client has too."""

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any

LARGEST = 64 << 20
"""Bytes that one body may inflate to; what comes beyond is not read (a decompression bomb)."""
_STEP = 1 << 10
"""Compressed bytes that are undone at a time: a thousand of zstd may be 30 MB."""

Decoder = Callable[[bytes], bytes]


class Inflater:
    """Undoes one or several compressions; never raises.

    `broken`: the bytes were not what the header says, or inflated to more than `largest` bytes;
    from there on nothing is given.
    """

    def __init__(self, decoders: list[Decoder], largest: int) -> None:
        self._decoders = decoders
        self._left = largest
        self.broken = False

    def feed(self, data: bytes) -> bytes:
        """Return the decoded bytes that `data`, cut anywhere, adds."""
        if not self._decoders:
            return data
        given: list[bytes] = []
        for start in range(0, len(data), _STEP):
            if self.broken:
                break
            given.append(self._step(data[start : start + _STEP]))
        return b"".join(given)

    def _step(self, data: bytes) -> bytes:
        try:
            for decode in self._decoders:
                data = decode(data)
        except Exception:  # noqa: BLE001 - each library has its own; `broken` counts it
            self.broken = True
            return b""
        self._left -= len(data)
        if self._left < 0:
            self.broken = True
            return b""
        return data


def inflater(encoding: str | None, largest: int = LARGEST) -> Inflater | None:
    """Return what undoes a `content-encoding`, None where one in it cannot be undone here.

    Encodings are listed in the order in which they were applied.
    """
    decoders: list[Decoder] = []
    for name in reversed((encoding or "").lower().split(",")):
        name = name.strip()
        if name in ("", "identity"):
            continue
        decoder = _decoder(name)
        if decoder is None:
            return None
        decoders.append(decoder)
    return Inflater(decoders, largest)


def _decoder(name: str) -> Decoder | None:
    match name:
        case "gzip" | "x-gzip":
            return _Frames(lambda: zlib.decompressobj(31))
        case "deflate":
            return _Deflate()
        case "br":
            return _brotli()
        case "zstd":
            return _zstd()
        case _:
            return None


class _Frames:
    """One or more compressed frames after each other; what follows them and is none is left."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._frame = make()
        self._further = False  # a frame was complete, and this one has given nothing yet
        self._over = False

    def __call__(self, data: bytes) -> bytes:
        given: list[bytes] = []
        while data and not self._over:
            if self._frame.eof:
                self._frame, self._further = self._make(), True
            try:
                given.append(self._frame.decompress(data))
            except Exception:
                if not self._further:
                    raise
                self._over = True  # padding after the last frame, which clients pass over too
                break
            self._further = self._further and not given[-1]
            data = self._frame.unused_data if self._frame.eof else b""
        return b"".join(given)


class _Deflate:
    """`deflate`, which is zlib's format by the standard and raw deflate from some servers."""

    def __init__(self) -> None:
        self._frame = zlib.decompressobj()
        self._first = b""
        self._sure = False

    def __call__(self, data: bytes) -> bytes:
        if self._sure:
            return self._frame.decompress(data)
        self._first += data
        if len(self._first) < 2:
            return b""
        self._sure = True
        head = self._first[0] << 8 | self._first[1]
        if self._first[0] & 15 != 8 or head % 31:
            self._frame = zlib.decompressobj(-15)
        return self._frame.decompress(self._first)


def _module(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


def _brotli() -> Decoder | None:
    brotli = _module("brotli", "brotlicffi")
    if brotli is None:
        return None
    made = brotli.Decompressor()
    undo: Decoder = made.process if hasattr(made, "process") else made.decompress
    return undo


def _zstd() -> Decoder | None:
    modern = _module("compression.zstd", "backports.zstd", "pyzstd")
    if modern is not None:
        return _Frames(modern.ZstdDecompressor)
    zstandard = _module("zstandard")
    return zstandard and _Frames(lambda: zstandard.ZstdDecompressor().decompressobj())
