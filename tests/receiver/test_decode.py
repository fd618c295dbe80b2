"""OTLP requests are read whole or refused whole; bad items are counted, never fatal."""

import json
import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from manager_agent.receiver.content import Door
from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.json_form import protobuf_of
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.wire import MalformedRequestError
from tests.harness.captures import captures

DOOR = Door(b"k" * 32)


def request() -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = b"t" * 16, b"s" * 8, "chat"
    span.start_time_unix_nano, span.end_time_unix_nano = 10**18 + 1234, 10**18 + 5678
    span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    return message


def test_a_span_is_read_to_the_microsecond_that_the_store_keeps() -> None:
    (span,) = Decoder().decode(request().SerializeToString()).spans

    assert (span.trace_id, span.span_id, span.parent_id) == ("74" * 16, "73" * 8, "")
    assert (span.start_ns, span.end_ns) == (10**18 + 1000, 10**18 + 5000)
    assert span.attributes == {"gen_ai.operation.name": "chat"}


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        pytest.param("trace_id", b"", "invalid_trace_id", id="no trace id"),
        pytest.param("trace_id", bytes(16), "invalid_trace_id", id="trace id of zeros"),
        pytest.param("span_id", b"x", "invalid_span_id", id="short span id"),
        pytest.param("start_time_unix_nano", 0, "invalid_time", id="no start"),
        pytest.param("start_time_unix_nano", 2**63, "invalid_time", id="start beyond all clocks"),
    ],
)
def test_a_bad_span_is_refused_and_its_neighbours_kept(
    field: str, value: object, reason: str
) -> None:
    message = request()
    spans = message.resource_spans[0].scope_spans[0].spans
    spans.add().CopyFrom(spans[0])
    setattr(spans[1], field, value)

    decoded = Decoder().decode(message.SerializeToString())

    assert len(decoded.spans) == 1
    assert decoded.dropped == {reason: 1}


def test_text_that_is_no_utf8_costs_its_attribute_alone() -> None:
    raw = (
        request().SerializeToString().replace(b"gen_ai.operation.name", b"gen_ai.operation.nam\xff")
    )

    decoded = Decoder().decode(raw)

    assert decoded.dropped == {"malformed_attribute": 1}
    assert decoded.spans[0].name == "chat"


def test_an_end_before_the_start_is_taken_as_the_start() -> None:
    message = request()
    message.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano = 1

    (span,) = Decoder().decode(message.SerializeToString()).spans

    assert span.end_ns == span.start_ns


def test_deep_nesting_is_no_way_in() -> None:
    message = request()
    value = message.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="deep").value
    for _ in range(90):
        value = value.array_value.values.add()
    value.string_value = "x"

    decoded = Decoder().decode(message.SerializeToString())

    assert len(decoded.spans) == 1


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(captures()) - 1), st.randoms(use_true_random=False))
def test_damaged_requests_are_refused_or_read_but_never_fatal(
    index: int, dice: random.Random
) -> None:
    raw = bytearray(captures()[index].payload)
    for _ in range(dice.randint(1, 8)):
        raw[dice.randrange(len(raw))] = dice.randrange(256)
    payload = bytes(raw[: dice.randrange(len(raw))] if dice.random() < 0.3 else raw)

    try:
        spans = Decoder().decode(payload).spans
    except MalformedRequestError:
        return
    for span in spans:
        recognise(span, DOOR)
        json.loads(DOOR.kept(span.attributes))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_never_fatal(payload: bytes) -> None:
    with suppress(MalformedRequestError):
        Decoder().decode(payload)


def test_what_is_no_request_is_told_what_to_check() -> None:
    with pytest.raises(MalformedRequestError, match=r"no protobuf .*protocol and endpoint"):
        Decoder().decode(b"\xff\xff\xff")


def test_json_becomes_the_same_spans() -> None:
    body = {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": "74" * 16,
                                "spanId": "73" * 8,
                                "name": "chat",
                                "startTimeUnixNano": str(10**18 + 1234),
                                "endTimeUnixNano": 10**18 + 5678,
                                "attributes": [
                                    {
                                        "key": "gen_ai.operation.name",
                                        "value": {"stringValue": "chat"},
                                    }
                                ],
                                "unknownField": 1,
                            },
                            {"traceId": "no hex", "spanId": "73" * 8},
                        ]
                    }
                ]
            }
        ]
    }

    decoded = Decoder().decode(protobuf_of(json.dumps(body).encode()))

    plainly = Decoder().decode(request().SerializeToString())
    assert [span.alone() for span in decoded.spans] == [span.alone() for span in plainly.spans]
    assert decoded.dropped == {"invalid_trace_id": 1}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b'{"resourceSpans": 5}', id="a number for a list"),
        pytest.param(b'{"resourceSpans": [5]}', id="a number for an object"),
        pytest.param(b'{"resourceSpans": [{"scopeSpans": [{"spans": [5]}]}]}', id="no span"),
        pytest.param(b"[" * 100_000, id="nested beyond reason"),
        pytest.param(b'{"resourceSpans":' * 5000, id="objects beyond reason"),
        pytest.param(b"\xff\xfe", id="no text at all"),
    ],
)
def test_bad_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequestError, match="OTLP/JSON"):
        protobuf_of(body)
