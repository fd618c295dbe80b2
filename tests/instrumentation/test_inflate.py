"""Compressed bodies are read as they pass, with the decoders that are there."""

import gzip
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.instrumentation.inflate import inflater
from tests.harness.wires import FEW, PLACES, cut


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
    ("zstd", zstd),
    ("GZIP", gzip.compress),
    ("identity", bytes),
    ("", bytes),
    ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
    ("br, zstd", lambda data: zstd(brotli.compress(data))),
    ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    ("gzip", lambda data: gzip.compress(data) + b"\0" * 8),
    ("zstd", lambda data: zstd(data[:9]) + zstd(data[9:])),
]


@pytest.mark.parametrize(("encoding", "pack"), PACKERS)
@FEW
@given(data=st.binary(max_size=3000), places=PLACES)
def test_a_body_cut_anywhere(
    encoding: str, pack: Callable[[bytes], bytes], data: bytes, places: list[int]
) -> None:
    undo = inflater(encoding)

    assert undo is not None
    assert b"".join(undo.feed(piece) for piece in cut(pack(data), places)) == data
    assert not undo.broken


@pytest.mark.parametrize(("encoding", "window"), [("gzip", 31), ("deflate", 15)])
def test_what_a_stream_flushed_is_there_at_once(encoding: str, window: int) -> None:
    packer, undo = zlib.compressobj(wbits=window), inflater(encoding)

    assert undo is not None
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        packed = packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)
        assert undo.feed(packed) == event


@pytest.mark.parametrize("encoding", ["lzma", "gzip, aes128gcm", "compress"])
def test_an_unknown_encoding_is_said(encoding: str) -> None:
    assert inflater(encoding) is None


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@FEW
@given(data=st.binary(min_size=1, max_size=200), places=PLACES)
def test_garbage_raises_nothing(encoding: str, data: bytes, places: list[int]) -> None:
    undo = inflater(encoding)

    assert undo is not None
    for piece in cut(b"\xff\xff\xff\xff" + data, places):
        undo.feed(piece)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_a_bomb_is_not_read_to_its_end(encoding: str) -> None:
    bomb = {
        "gzip": gzip.compress,
        "br": lambda data: brotli.compress(data, quality=1),
        "zstd": zstd,
    }[encoding](bytes(8 << 20))
    undo = inflater(encoding, largest=1 << 20)

    assert undo is not None
    assert len(undo.feed(bomb)) <= 1 << 20
    assert undo.broken
