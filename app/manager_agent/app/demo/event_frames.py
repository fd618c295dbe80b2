"""Amazon's event stream: `application/vnd.amazon.eventstream`, one binary frame for each event.

A frame is: its length, the length of its headers, a checksum of both, headers, payload, and a
checksum of all before it; numbers are big-endian, checksums CRC-32.
"""

import base64
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FRAMES = "application/vnd.amazon.eventstream"
_STRING = 7  # the type of a header whose value is text


@dataclass(frozen=True, slots=True)
class Frame:
    """One event. `packed`: the payload travels in base64 inside another object, as `bytes`."""

    event: str
    payload: Mapping[str, Any]
    packed: bool = False


def encode(frame: Frame) -> bytes:
    """Return the bytes of a frame."""
    payload = json.dumps(frame.payload, separators=(",", ":")).encode()
    if frame.packed:
        payload = json.dumps({"bytes": base64.b64encode(payload).decode()}).encode()
    told = {":event-type": frame.event, ":content-type": "application/json"}
    headers = b"".join(_header(*item) for item in {**told, ":message-type": "event"}.items())
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    head = lengths + struct.pack(">I", zlib.crc32(lengths))
    return head + headers + payload + struct.pack(">I", zlib.crc32(head + headers + payload))


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return bytes([len(name)]) + name.encode() + struct.pack(">BH", _STRING, len(text)) + text
