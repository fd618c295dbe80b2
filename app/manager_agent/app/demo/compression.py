"""Answers in a content coding; each piece can be read before the next one comes."""

import importlib
import zlib
from collections.abc import Callable
from typing import Any

from manager_agent.app.demo.wire import BadRequest

Squeeze = Callable[[bytes, bool], bytes]
"""(piece, whether it is the last) -> its bytes, all that can be read of it included."""


def squeeze(encoding: str) -> Squeeze:
    """Return what encodes one answer; raises `BadRequest` where this installation cannot."""
    if encoding == "":
        return lambda piece, last: piece
    if encoding in ("gzip", "deflate"):
        return _zlib(31 if encoding == "gzip" else 15)
    if encoding == "br":
        return _brotli(_library("brotli", encoding))
    if encoding == "zstd":
        return _zstandard(_library("zstandard", encoding))
    raise BadRequest(f"fault encoding: {encoding!r} is none of gzip, deflate, br, zstd")


def _library(name: str, encoding: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise BadRequest(f"fault encoding: {encoding} needs `pip install {name}`") from error


def _zlib(bits: int) -> Squeeze:
    coder = zlib.compressobj(wbits=bits)

    def coded(piece: bytes, last: bool) -> bytes:
        return coder.compress(piece) + coder.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)

    return coded


def _brotli(library: Any) -> Squeeze:
    coder = library.Compressor()

    def coded(piece: bytes, last: bool) -> bytes:
        done: bytes = coder.process(piece) + (coder.finish() if last else coder.flush())
        return done

    return coded


def _zstandard(library: Any) -> Squeeze:
    coder = library.ZstdCompressor().compressobj()
    end, block = library.COMPRESSOBJ_FLUSH_FINISH, library.COMPRESSOBJ_FLUSH_BLOCK

    def coded(piece: bytes, last: bool) -> bytes:
        done: bytes = coder.compress(piece) + coder.flush(end if last else block)
        return done

    return coded
