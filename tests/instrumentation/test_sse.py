"""Server-sent events: what the standard says, from bytes cut anywhere, in bounded memory."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.instrumentation.bounded import KEPT_OF_LONG, LONGEST_EVENT
from manager_agent.instrumentation.sse import Sse
from tests.harness.wires import FEW, PLACES, cut, endpoint, sse, streamed


def by_the_book(data: bytes) -> list[bytes]:
    """Return the data of each event, as the standard puts it, from the whole stream."""
    events: list[bytes] = []
    lines: list[bytes] | None = None
    *ended, _ = re.split(rb"\r\n|\n|\r", data.removeprefix(b"\xef\xbb\xbf"))
    for line in ended:
        name, _, value = line.partition(b":")
        if not line:
            events += [] if lines is None else [b"\n".join(lines)]
            lines = None
        elif name == b"data":
            lines = [*(lines or []), value.removeprefix(b" ")]
    return events


def read(pieces: list[bytes]) -> list[bytes]:
    parser = Sse()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        pytest.param(b"data: a\n\ndata: b\n\n", [b"a", b"b"], id="LF"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"], id="CRLF"),
        pytest.param(b"data: a\r\rdata: b\r\r", [b"a", b"b"], id="CR"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [b"a"], id="byte order mark"),
        pytest.param(b": OPENROUTER PROCESSING\n\ndata: a\n\n", [b"a"], id="comment"),
        pytest.param(b"event: ping\nid: 1\ndata: a\n\n", [b"a"], id="other fields"),
        pytest.param(b"data: a\ndata:b\ndata\n\n", [b"a\nb\n"], id="several lines"),
        pytest.param(b"data:  a\n\n", [b" a"], id="only one space is taken"),
        pytest.param(b"data: \n\n", [b""], id="empty"),
        pytest.param(b"dataset: a\n\n", [], id="another name"),
        pytest.param(b"data: a\n", [], id="not ended"),
    ],
)
def test_events(stream: bytes, events: list[bytes]) -> None:
    assert by_the_book(stream) == events
    assert read([stream]) == events
    assert read([bytes([byte]) for byte in stream]) == events


PARTS = [b"data: ", b"data:", b"data", b"a", b"{}", b"\n", b"\r", b"\r\n", b"\n\n", b":", b" "]
STREAMS = st.lists(st.sampled_from([*PARTS, b"\xef\xbb\xbf", b"event: x\n"]), max_size=30)


@FEW
@given(parts=STREAMS, places=PLACES)
def test_any_stream_cut_anywhere_is_read_by_the_book(parts: list[bytes], places: list[int]) -> None:
    stream = b"".join(parts)

    assert read(cut(stream, places)) == by_the_book(stream)


def test_the_last_event_counts_without_its_empty_line() -> None:
    chat = endpoint("openai", "chat_completions")
    stream = sse({"id": "1", "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 2}})

    for missing in (1, 2):
        told = streamed(chat, stream[:-missing])
        assert told.usage is not None
        assert told.usage.output_tokens == 2


@pytest.mark.parametrize("size", [100, 65536, 1 << 22])
def test_a_long_event_keeps_its_ends_and_no_more(size: int) -> None:
    stream = b"data: " + b"a" * LONGEST_EVENT + b"b" * LONGEST_EVENT * 2 + b"c\n\n"
    parser = Sse()

    events = [
        event
        for start in range(0, len(stream), size)
        for event in parser.feed(stream[start : start + size])
    ]

    assert len(events) == 1
    assert events[0].startswith(b"aaa")
    assert events[0].endswith(b"bbbc")
    assert len(events[0]) <= 4 * KEPT_OF_LONG
    assert parser.cut == 1
    assert parser.feed(b"data: x\n\n") == [b"x"]
