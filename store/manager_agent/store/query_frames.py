"""How the API and a query worker speak: frames of bytes on the worker's stdin and stdout.

A frame is its length (four bytes, big-endian) and that many bytes. A request is one frame of JSON,
an answer is a frame of JSON that describes it and a frame that is the result.
"""

from typing import BinaryIO

_HEAD = 4


class FrameError(Exception):
    """The other side sent what is no frame, or more than was allowed."""


def write_frame(stream: BinaryIO, payload: bytes) -> None:
    """Write one frame and flush. Raises `OSError` where the other side is gone."""
    stream.write(len(payload).to_bytes(_HEAD, "big"))
    stream.write(payload)
    stream.flush()


def read_frame(stream: BinaryIO, limit: int) -> bytes | None:
    """Return the next frame, None at the end of the stream.

    Raises `FrameError` on a frame over `limit` bytes, and where the stream ends inside one.
    """
    head = stream.read(_HEAD)
    if not head:
        return None
    size = int.from_bytes(head, "big")
    if len(head) < _HEAD or size > limit:
        raise FrameError(f"a frame of {size:,} bytes (most allowed: {limit:,})")
    payload = stream.read(size)
    if len(payload) < size:
        raise FrameError(f"the stream ended after {len(payload):,} of {size:,} bytes")
    return payload
