"""urllib3's responses, as requests and botocore hold them, with the meter reading along."""

from collections.abc import Iterator
from typing import Any

from manager_agent.instrumentation.meter import Call


class RawTee:
    """Stands for a raw response; what is read of it, by whatever method, is metered once.

    Everything else is asked of the response itself, private parts included: both clients reach
    for its socket.
    """

    def __init__(self, call: Call, raw: Any) -> None:
        """Stand for `raw`, whose head `call` was told of."""
        self._call = call
        self._raw = raw

    def stream(self, amt: int = 65536, decode_content: bool | None = None) -> Iterator[bytes]:
        """Yield the body in pieces, decoded if asked."""
        pieces = _pieces(self._raw, amt, decode_content)
        try:
            for piece in pieces:
                self._call.chunk(piece, decoded=self._decodes(decode_content))
                yield piece
        except BaseException as error:
            self._call.failed(error)
            raise
        self._call.finished()

    def read(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        """Read so many bytes, or all."""
        decode = kwargs.get("decode_content", args[0] if args else None)
        piece: bytes = self._did(lambda: self._raw.read(amt, *args, **kwargs), decode)
        if amt is None or amt < 0 or (amt and not piece):
            self._call.finished()
        return piece

    def read1(self, *args: Any, **kwargs: Any) -> bytes:
        """Read what one system call gives."""
        return self._did(lambda: self._raw.read1(*args, **kwargs), kwargs.get("decode_content"))

    def readline(self, *args: Any) -> bytes:
        """Read a line."""
        return self._did(lambda: self._raw.readline(*args), None)

    def readlines(self, *args: Any) -> list[bytes]:
        """Read all lines."""
        lines = list(self)
        self._call.finished()
        return lines

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; return how much was read."""
        with memoryview(buffer) as view:
            piece = self._did(lambda: bytes(view[: self._raw.readinto(view)]), None)
        if not piece:
            self._call.finished()
        return len(piece)

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line
        self._call.finished()

    def close(self) -> None:
        """Close; what was not read by now is not going to be."""
        try:
            self._raw.close()
        finally:
            self._call.left()

    def release_conn(self) -> None:
        """Give the connection back."""
        release = getattr(self._raw, "release_conn", None)
        try:
            if release is not None:
                release()
        finally:
            self._call.left()

    def __getattr__(self, name: str) -> Any:
        if name == "_raw":  # a copy in the making has nothing yet
            raise AttributeError(name)
        return getattr(self._raw, name)

    def _did(self, read: Any, decode_content: bool | None) -> bytes:
        try:
            piece: bytes = read()
        except BaseException as error:
            self._call.failed(error)
            raise
        if piece:
            self._call.chunk(piece, decoded=self._decodes(decode_content))
        return piece

    def _decodes(self, asked: bool | None) -> bool:
        return bool(getattr(self._raw, "decode_content", False) if asked is None else asked)


def _pieces(raw: Any, amt: int, decode_content: bool | None) -> Iterator[bytes]:
    """Iterate as requests does, over responses of adapters that cannot stream too."""
    if hasattr(raw, "stream"):
        yield from raw.stream(amt, decode_content=decode_content)
        return
    while piece := raw.read(amt):
        yield piece
