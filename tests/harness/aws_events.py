"""Writes AWS's binary events."""

import base64
import struct
from typing import Any
from zlib import crc32

from tests.harness.wires import dumps


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """Write one message; all headers are text."""
    block = b"".join(_header(*(each.encode() for each in item)) for item in headers.items())
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return message + struct.pack(">I", crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value


def event(name: str, body: Any) -> bytes:
    """Write an event, as `converse_stream` has them."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, dumps(body).encode())


def chunk(body: Any) -> bytes:
    """Write a model's own event, as `invoke_model_with_response_stream` has them."""
    return event("chunk", {"bytes": base64.b64encode(dumps(body).encode()).decode(), "p": "abcdef"})


def failure(name: str, message: str) -> bytes:
    """Write an exception inside a stream."""
    headers = {":exception-type": name, ":message-type": "exception"}
    return frame(headers, dumps({"message": message}).encode())
