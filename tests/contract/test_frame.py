"""Frames: several messages in one of the stream, in order, in bounds, as protobuf reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.frame import frames, messages_of
from manager_agent.contract.guard import (
    Bye,
    FromGuard,
    FromManager,
    Grant,
    Hello,
    Pauses,
    Report,
)
from manager_agent.contract.wire_format import MAX_BYTES, WireError, decode, encode
from tests.contract.proto_file import classes

PROTO = classes()
said = st.one_of(
    st.builds(lambda seq: FromGuard(report=Report("h", seq)), st.integers(0, 9)),
    st.builds(lambda name: FromGuard(hello=Hello(name)), st.text(max_size=5)),
    st.just(FromGuard(bye=Bye("h"))),
)


@given(st.lists(said, max_size=600))
def test_messages_come_back_in_order_in_few_frames(messages: list[FromGuard]) -> None:
    sent = list(frames(messages))

    assert [one for frame in sent for one in messages_of(FromGuard, frame)] == messages
    assert len(sent) == -(-len(messages) // 256)


def test_one_alone_is_as_it_always_was() -> None:
    alone = FromManager(pauses=Pauses(7))

    assert list(frames([alone])) == [encode(alone)]


def test_protobuf_reads_a_frame() -> None:
    [frame] = frames([FromManager(grant=Grant("h", 1)), FromManager(grant=Grant("h", 2))])

    read = PROTO["FromManager"].FromString(frame)

    assert read.grant.lease == 1
    assert [one.grant.lease for one in read.more] == [2]


def test_who_knows_no_frames_reads_the_first_message() -> None:
    [frame] = frames([FromGuard(report=Report("h", 1)), FromGuard(report=Report("h", 2))])

    assert decode(FromGuard, frame).report == Report("h", 1)


def test_a_frame_may_always_be_read() -> None:
    """However large the messages in it are: one that would be too large for its reader is cut."""
    large = [FromGuard(hello=Hello("h", host="x" * 200_000, pid=number)) for number in range(20)]

    sent = list(frames(large))

    assert max(map(len, sent)) < MAX_BYTES
    assert [one for frame in sent for one in messages_of(FromGuard, frame)] == large


def test_frames_inside_of_frames_are_refused_where_they_are_deep() -> None:
    frame = encode(FromGuard(bye=Bye("h")))
    for _ in range(9):
        frame = encode(FromGuard(bye=Bye("h"))) + b"\x7a" + _length(frame) + frame

    with pytest.raises(WireError, match="nested deeper"):
        messages_of(FromGuard, frame)


def _length(data: bytes) -> bytes:
    assert len(data) < 128, "one byte"
    return bytes([len(data)])
