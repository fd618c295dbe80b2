"""Messages in gRPC's frames: whole again wherever the bytes were cut, and never too much."""

import gzip
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.instrumentation.grpc_messages import MalformedError, Unframing, framed

MESSAGES = st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=6)


@given(MESSAGES, st.lists(st.integers(0, 2000), max_size=12))
def test_what_is_framed_comes_back_wherever_it_is_cut(
    messages: list[tuple[bytes, bool]], cuts: list[int]
) -> None:
    wire = b"".join(framed(message, compressed=packed) for message, packed in messages)
    at = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    unframing = Unframing()

    found = [message for start, end in pairwise(at) for message in unframing.feed(wire[start:end])]

    assert found == [message for message, _ in messages]
    assert not unframing.midway


@given(st.binary(min_size=1, max_size=100), st.integers(1, 100))
def test_a_part_of_a_message_is_none(message: bytes, missing: int) -> None:
    wire = framed(message, compressed=False)
    unframing = Unframing()

    assert unframing.feed(wire[: max(1, len(wire) - missing)]) == []
    assert unframing.midway


@given(st.binary(max_size=400))
def test_any_bytes_are_messages_or_malformed(wire: bytes) -> None:
    try:
        Unframing(1000).feed(wire)
    except MalformedError as error:
        assert str(error)  # noqa: PT017 - no other error is the promise


BOMB = gzip.compress(bytes(1001))
HALF = gzip.compress(b"some words")[:-9]


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"\x02\0\0\0\0", "begins with 0 or 1, found 2"),
        (b"\0\xff\xff\xff\xff", "4294967295 bytes; at most 1000"),
        (b"\x01\0\0\0\x03abc", "should be gzip"),
        (b"\x01\0\0\0" + bytes([len(BOMB)]) + BOMB, "unpacks to more than 1000"),
        (b"\x01\0\0\0" + bytes([len(HALF)]) + HALF, "ends too soon"),
    ],
    ids=["flag", "length", "no gzip", "bomb", "half"],
)
def test_what_is_no_message_is_named(wire: bytes, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        Unframing(1000).feed(wire)
