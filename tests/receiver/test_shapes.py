"""What is worked out once for spans of one shape is what each span says by itself."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from manager_agent.receiver.content import Door
from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.fact import from_json, to_json
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.span import Attributes, Span
from manager_agent.receiver.traits import Traits, read_traits
from tests.harness.captures import LAB, Capture, captures

DOOR = Door(b"k" * 32)
CAPTURES = (*captures(), *captures(LAB))

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 50_000),
    st.floats(allow_nan=True, width=32),
    st.sampled_from(["", "chat", "execute_tool", "gpt-4o", "claude-sonnet-4-5", "anthropic", "17"]),
    st.sampled_from(["stop", "resp_123456", "req_1", "true", "provider", '["stop"]', "EUR", "[]"]),
    st.text(max_size=8),
    st.lists(st.text(max_size=4), max_size=2),
)


def check(spans: Sequence[Span]) -> None:
    """Every span says the same with its shape and without."""
    for span in spans:
        alone = span.alone()
        fact = recognise(span, DOOR)
        assert fact == recognise(alone, DOOR)
        assert fact is None or from_json(to_json(fact)) == fact
        kept = DOOR.kept(span.own, span.shape)
        assert json.loads(kept) == json.loads(DOOR.kept(alone.attributes))


@pytest.mark.parametrize("case", CAPTURES, ids=lambda case: case.name)
def test_recorded_spans_say_the_same_when_their_shape_is_known(case: Capture) -> None:
    decoder = Decoder()
    for _ in range(3):
        check(decoder.decode(case.payload).spans)


def test_nearly_all_recorded_spans_have_a_shape() -> None:
    spans = [span for case in CAPTURES for span in Decoder().decode(case.payload).spans]

    assert sum(span.shape is None for span in spans) < len(spans) / 100


def put(into: AnyValue, value: Any) -> None:
    into.Clear()
    match value:
        case None:
            return
        case bool():
            into.bool_value = value
        case int():
            into.int_value = value
        case float():
            into.double_value = value
        case str():
            into.string_value = value
        case list():
            into.array_value.SetInParent()
            for item in value:
                into.array_value.values.add().string_value = item


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_spans_whose_values_change_say_the_same(data: st.DataObject) -> None:
    """One decoder sees many variations of one request: keys become varying, shapes multiply."""
    decoder = Decoder()
    case = data.draw(st.sampled_from(CAPTURES))
    request = ExportTraceServiceRequest.FromString(case.payload)
    pairs = [
        pair
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
        for pair in span.attributes
    ]
    for number in range(70):  # more values than are shared, for those that change each time
        for pair in pairs:
            if pair.value.HasField("int_value"):
                pair.value.int_value = number
    check(decoder.decode(request.SerializeToString()).spans)
    for _ in range(6):
        for pair in data.draw(st.lists(st.sampled_from(pairs), max_size=4)) if pairs else ():
            put(pair.value, data.draw(values))
        raw = request.SerializeToString()
        anew = [told(span) for span in Decoder().decode(raw).spans]
        for _ in range(3):
            spans = decoder.decode(raw).spans
            check(spans)
            assert [told(span) for span in spans] == anew


def told(span: Span) -> str:
    """Return all that a span says, whatever of it is shared; NaN is equal to itself here."""
    return repr((span._replace(own={}, shape=None), sorted(span.attributes.items(), key=str)))


def test_attributes_that_change_places_or_names_are_read_anew() -> None:
    """The decoder has learnt where to expect what: it must not be misled by that."""
    decoder = Decoder()
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="chat", start_time_unix_nano=10**18)
    )
    keys = ["gen_ai.usage.input_tokens", "gen_ai.response.id", "gen_ai.usage.output_token_"]
    for number in range(200):
        if number % 3 == 2:
            keys.reverse()
        if number % 7 == 6:
            keys[-1] = keys[-1][:-1] + str(number % 2)  # as long as before
        del span.attributes[:]
        for place, key in enumerate(keys):
            value: int | str = number << place if place % 2 else f"{number} {place}"
            put(span.attributes.add(key=key).value, value)
        raw = request.SerializeToString()

        assert list(map(told, decoder.decode(raw).spans)) == list(
            map(told, Decoder().decode(raw).spans)
        )


@pytest.mark.parametrize("key", ["gen_ai.usage.input_tokens", "gen_ai.response.id", "http.url"])
def test_a_key_with_many_values_varies_and_is_not_kept_for_each(key: str) -> None:
    decoder = Decoder()
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="chat", start_time_unix_nano=10**18)
    )
    span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    span.attributes.add(key=key)
    shapes = set()
    for number in range(200):
        put(span.attributes[1].value, f"value {number}")
        (read,) = decoder.decode(request.SerializeToString()).spans
        check([read])
        shapes.add(id(read.shape))

    assert read.shape is not None
    assert read.shape.varying == (key,)
    assert len(shapes) < 100


def test_spans_that_agree_in_what_decides_are_worked_out_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long text differs each time, but not the model that is named in it; answers stream."""
    decoder = Decoder()
    worked_out: list[str] = []

    def read(span: Span, attributes: Attributes, varying: Collection[str]) -> Traits | None:
        worked_out.append(span.span_id)
        return read_traits(span, attributes, varying)

    monkeypatch.setattr("manager_agent.receiver.recognise.read_traits", read)
    for number in range(120):
        (span,) = decoder.decode(one_of_many(number)).spans
        done = len(worked_out)
        fact = recognise(span, DOOR)
        done = len(worked_out) - done

        assert fact == recognise(span.alone(), DOOR)
        assert fact is not None
        assert fact.call is not None
        assert fact.call.request_model == ("gpt-4o", "o3")[number % 2]
        assert fact.call.streaming is (True if number % 3 == 0 else None)
    assert done == 0


def one_of_many(number: int) -> bytes:
    request = ExportTraceServiceRequest()
    scope_spans = request.resource_spans.add().scope_spans.add()
    scope_spans.scope.name = "openinference.instrumentation.openai"
    span = scope_spans.spans.add(
        trace_id=b"t" * 16, span_id=b"s" * 8, name="chat", start_time_unix_nano=10**18 + number
    )
    asked = json.dumps({"model": ("gpt-4o", "o3")[number % 2], "seed": number, "user": "x" * 160})
    span.attributes.add(key="openinference.span.kind").value.string_value = "LLM"
    span.attributes.add(key="llm.invocation_parameters").value.string_value = asked
    span.attributes.add(key="llm.token_count.prompt").value.int_value = 7 + number
    if number % 3 == 0:
        span.events.add(name="First Token Stream Event", time_unix_nano=10**18 + number)
    return request.SerializeToString()
