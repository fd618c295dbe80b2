"""AWS's binary events: equal to botocore's own reader, from bytes cut anywhere."""

import struct
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.instrumentation.bounded import LONGEST_EVENT
from manager_agent.instrumentation.event_stream import EventStream, Message
from tests.harness.aws_events import event, frame
from tests.harness.wires import FEW, PLACES, cut

NAMES = st.text("abc:-", min_size=1, max_size=20)
MESSAGES = st.lists(
    st.tuples(st.dictionaries(NAMES, st.text(max_size=20), max_size=4), st.binary(max_size=99)),
    max_size=6,
)


def read(pieces: list[bytes]) -> list[Message]:
    stream = EventStream()
    return [message for piece in pieces for message in stream.feed(piece)]


@FEW
@given(messages=MESSAGES, places=PLACES)
def test_what_is_read_is_what_botocore_reads(
    messages: list[tuple[dict[str, str], bytes]], places: list[int]
) -> None:
    data = b"".join(frame(*message) for message in messages)
    buffer = EventStreamBuffer()
    buffer.add_data(data)

    theirs = [Message(found.headers, found.payload) for found in buffer]
    assert read(cut(data, places)) == theirs == [Message(*message) for message in messages]


def test_headers_of_every_type_are_passed_over() -> None:
    values = [(0, b""), (1, b""), (2, b"1"), (3, b"12"), (4, b"1234"), (5, b"12345678")]
    values += [(6, b"\0\x03abc"), (7, b"\0\x02ok"), (8, b"12345678"), (9, b"x" * 16)]
    block = b"".join(b"\x02h%d" % kind + bytes([kind]) + value for kind, value in values)
    prelude = struct.pack(">II", 16 + len(block), len(block))
    message = prelude + struct.pack(">I", crc32(prelude)) + block
    message += struct.pack(">I", crc32(message))

    assert read([message]) == [Message({"h7": "ok"}, b"")]


def test_a_message_that_is_too_long_is_passed_over_and_counted() -> None:
    long = event("contentBlockDelta", {"delta": {"text": "x" * LONGEST_EVENT}})
    data = event("messageStart", {}) + long + event("messageStop", {})

    for pieces in ([data], cut(data, list(range(0, len(data), 60_000)))):
        stream = EventStream()
        names = [m.headers[":event-type"] for piece in pieces for m in stream.feed(piece)]
        assert (names, stream.cut, stream.broken) == (["messageStart", "messageStop"], 1, False)


@pytest.mark.parametrize("byte", range(12))
def test_a_wrong_length_ends_the_reading(byte: int) -> None:
    data = bytearray(event("messageStart", {}))
    data[byte] ^= 1
    stream = EventStream()

    assert stream.feed(bytes(data)) == []
    assert stream.broken
    assert stream.feed(event("messageStart", {})) == []


@FEW
@given(data=st.binary(max_size=200), places=PLACES)
def test_garbage_raises_nothing(data: bytes, places: list[int]) -> None:
    prelude = struct.pack(">II", 16 + len(data), len(data))
    block = prelude + struct.pack(">I", crc32(prelude)) + data + bytes(4)

    read(cut(data, places))
    read(cut(block, places))
