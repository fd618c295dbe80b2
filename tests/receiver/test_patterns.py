"""A decoder that knows the bytes of spans reads what protobuf reads, whatever comes."""

import random
from itertools import islice
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from manager_agent.app.bench.payload import Shape, batches
from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.pattern_book import PatternBook
from manager_agent.receiver.span import Span
from manager_agent.receiver.wire import MalformedRequestError, WireSpan, parse_span
from tests.harness.captures import LAB, captures

NOW = 1_790_000_000 * 10**9
CAPTURES = (*captures(), *captures(LAB))


def told(span: Span) -> str:
    """Return all that a span says, whatever of it is shared; NaN is equal to itself here."""
    return repr((span._replace(own={}, shape=None), sorted(span.attributes.items(), key=str)))


def read(decoder: Decoder, raw: bytes) -> object:
    """Return what a request tells, what is left out of it, or that it is none."""
    try:
        decoded = decoder.decode(raw)
    except MalformedRequestError:
        return "malformed"
    return [told(span) for span in decoded.spans], decoded.dropped


def a_span(**attributes: Any) -> SpanProto:
    span = SpanProto(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        parent_span_id=b"p" * 8,
        name="chat",
        kind=SpanProto.SPAN_KIND_CLIENT,
        start_time_unix_nano=NOW,
        end_time_unix_nano=NOW + 10**9,
        status=Status(code=Status.STATUS_CODE_OK),
    )
    for key, value in {"gen_ai.operation.name": "chat", **attributes}.items():
        kind = {str: "string", int: "int", float: "double", bool: "bool", bytes: "bytes"}
        setattr(span.attributes.add(key=key).value, f"{kind[type(value)]}_value", value)
    return span


def of(*spans: SpanProto) -> bytes:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    return request.SerializeToString()


def taught() -> Decoder:
    """Return a decoder that knows how spans with four attributes that vary look."""
    decoder = Decoder()
    for number in range(140):
        varying = {"a.text": f"text {number}", "a.number": number, "a.long": 1000 * number}
        decoder.decode(of(a_span(**varying, **{"a.double": number / 7}, constant="yes")))
    return decoder


TAUGHT = taught()


@pytest.fixture
def by_protobuf(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The spans that no pattern told."""
    seen: list[bytes] = []

    def parse(raw: bytes) -> WireSpan:
        seen.append(raw)
        return parse_span(raw)

    monkeypatch.setattr("manager_agent.receiver.decode.parse_span", parse)
    return seen


@pytest.mark.parametrize("content", [False, True], ids=["plain", "content"])
def test_what_a_fleet_sends_is_soon_told_by_its_bytes_alone(
    by_protobuf: list[bytes], content: bool
) -> None:
    decoder = Decoder()
    for batch in islice(batches(Shape(64, content=content), 1, lambda: NOW), 25):
        learning = len(by_protobuf)
        learnt = read(decoder, batch.payload)
        by_hand = len(by_protobuf) - learning

        assert learnt == read(Decoder(), batch.payload)
    assert by_hand == 0


def test_the_decoder_of_the_next_tests_needs_no_protobuf(by_protobuf: list[bytes]) -> None:
    for number in (5, 300, 70_000, 2**40):
        span = a_span(**{"a.text": "text", "a.number": 7, "a.long": number, "a.double": 0.5})
        span.attributes.add(key="constant").value.string_value = "yes"
        for _ in range(2):  # by a tree of what is known, and then by a stencil
            read(TAUGHT, of(span))

    assert not by_protobuf


# What changes of a span, and how: its value, where it lies, or its form on the wire.
texts = st.text(max_size=150)
numbers = st.one_of(st.integers(0, 2**15), st.integers(-(2**63), 2**63 - 1))
values = st.one_of(texts, numbers, st.floats(), st.booleans(), st.binary(max_size=8))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.fixed_dictionaries(
                {"a.text": values, "a.number": values, "a.long": values, "a.double": values},
                optional={"constant": st.sampled_from(["yes", "no"]), "a.new": values},
            ),
            st.sampled_from([b"", b"p" * 8, bytes(8), b"short"]),
            st.sampled_from([NOW, NOW + 1, 0, 2**63]),
            st.sampled_from(["", "it broke"]),
        ),
        max_size=4,
    )
)
@example([({"a.text": "", "a.number": 0, "a.long": 0, "a.double": 0.0}, b"", NOW, "")])
@example(
    [({"a.text": "\ud7ff" * 50, "a.number": 2**62, "a.long": -1, "a.double": 1}, b"", NOW, "")]
)
def test_spans_like_known_ones_are_read_as_anew(
    varied: list[tuple[dict[str, Any], bytes, int, str]],
) -> None:
    spans = []
    for attributes, parent, start, message in varied:
        span = a_span(**attributes)
        span.parent_span_id = parent
        span.start_time_unix_nano = start
        span.status.message = message
        spans.append(span)
    raw = of(*spans)

    for _ in range(3):
        assert read(TAUGHT, raw) == read(Decoder(), raw)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=3),
    st.sampled_from([0, 0, 0, 1, 20]),
    st.sampled_from([5, 300]),
)
def test_a_damaged_span_is_read_as_protobuf_reads_it(
    changes: list[tuple[int, int]], cut: int, size: int
) -> None:
    """Any byte may be another one: tags, lengths, keys, values, one or several of them."""
    span = a_span(**{"a.text": "text", "a.number": size, "a.long": 7, "a.double": 0.5})
    span.attributes.add(key="constant").value.string_value = "yes"
    damaged = bytearray(span.SerializeToString())
    for at, byte in changes:
        damaged[at % len(damaged)] = byte
    raw = field(1, field(2, field(2, bytes(damaged[: len(damaged) - cut]))))

    assert read(TAUGHT, raw) == read(Decoder(), raw)


def field(number: int, value: bytes) -> bytes:
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + length + value


def test_damaged_captures_are_read_as_protobuf_reads_them() -> None:
    dice = random.Random(7)
    decoder = Decoder()
    for _ in range(3):
        for case in CAPTURES:
            decoder.decode(case.payload)
    for case in CAPTURES:
        raw = bytearray(case.payload)
        for _ in range(dice.choice([1, 1, 3])):
            raw[dice.randrange(len(raw))] = dice.randrange(256)

        assert read(decoder, bytes(raw)) == read(Decoder(), bytes(raw))


def test_fields_that_come_twice_or_in_another_order_are_read_as_anew() -> None:
    whole = a_span(**{"a.text": "text", "a.number": 5, "a.long": 7, "a.double": 0.5})
    raw = whole.SerializeToString()
    again = [
        SpanProto(name="other"),
        SpanProto(trace_id=b"x" * 16),
        SpanProto(end_time_unix_nano=1),
    ]
    again += [SpanProto(trace_state="a=b"), SpanProto(flags=257), a_span(constant="no")]
    for more in again:
        added = more.SerializeToString()
        for spans in ([raw + added], [added + raw], [raw + added, raw]):
            request = field(1, field(2, b"".join(field(2, span) for span in spans)))
            for _ in range(3):
                assert read(TAUGHT, request) == read(Decoder(), request)


def test_strangers_cannot_fill_the_memory_with_patterns() -> None:
    """Each span has keys of its own, and comes three times: that is worth a pattern."""
    decoder = Decoder()
    book = decoder._shapes.book = PatternBook(most_bytes=300_000)
    dice = random.Random(3)
    most = 0
    for number in range(100):
        span = a_span(**{f"key {number} {n}": dice.random() for n in range(10)})
        for n in range(66):  # each of its keys varies then
            for pair in span.attributes[1:]:
                pair.value.double_value = n
            decoder.decode(of(span))
        most = max(most, book.room.taken)

    assert 300_000 - 20_000 < most < 300_000 + 20_000  # all of it was used, and by one span more
