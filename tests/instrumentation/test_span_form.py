"""One attempt's span: every name as the conventions have it, and as our receiver reads it."""

from decimal import Decimal

import pytest
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import SpanKind, set_span_in_context
from opentelemetry.trace.status import StatusCode

from manager_agent.contract.decision import Refuse
from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.identity import Identity
from manager_agent.instrumentation.receipt import Receipt
from manager_agent.instrumentation.span_form import refusal_of, span_of
from manager_agent.instrumentation.told import Told
from manager_agent.receiver.call import Call
from manager_agent.receiver.reading import Reader
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.testing import MemoryStore
from tests.harness.metered import ANSWER, CHAT, MESSAGES, asked, ended
from tests.harness.stories import DOOR, Receiver

HERE = Resource({"service.name": "desk", "service.instance.id": "i1"})
WHO = Identity("writer", "context", "c1", "u1")


def received(*spans: ReadableSpan) -> list[Call]:
    """Return the calls that the manager makes of spans, sent as they are."""
    payload = encode_spans(spans).SerializeToString()
    receiver = Receiver(MemoryStore())
    receiver.take_in(Reader(lambda span: recognise(span, DOOR)).read(payload, "traces").arrived)
    return list(receiver.store.calls().values())


def call_of(one: Ended) -> Call:
    (call,) = received(span_of(one, HERE, {}))
    return call


def test_a_whole_call_is_read_as_it_was_told() -> None:
    usage = Usage(1000, 50, 200, 300, 100, 10)
    told = Told("claude-x-1", "msg_1", "end_turn", "priority", usage, complete=True)
    ask = asked(MESSAGES, Asked("claude-x", max_output_tokens=512, choices=1), WHO)

    span = span_of(ended(ask, told), HERE, {})

    assert span.name == "chat claude-x"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert (span.start_time, span.end_time) == (ask.started_ns, ask.started_ns + 10**8)
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-x",
        "gen_ai.request.max_tokens": 512,
        "gen_ai.response.model": "claude-x-1",
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ("end_turn",),
        "anthropic.response.service_tier": "priority",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 200,
        "gen_ai.usage.cache_write.input_tokens": 300,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 100,
        "gen_ai.usage.reasoning.output_tokens": 10,
        "http.response.status_code": 200,
        "server.address": "api.anthropic.com",
        "server.port": 443,
        "gen_ai.agent.name": "writer",
        "gen_ai.conversation.id": "c1",
        "user.id": "u1",
        "manager.agent.id": "writer",
        "manager.call.id": ask.call_id,
    }

    (call,) = received(span)
    assert call.call_id == ask.call_id
    assert (call.agent, call.service) == ("writer", "desk")
    assert (call.conversation_id, call.user_id) == ("c1", "u1")
    assert (call.input_tokens, call.output_tokens, call.reasoning_tokens) == (1000, 50, 10)
    assert (call.cache_read_tokens, call.cache_write_tokens) == (200, 300)
    assert call.cache_write_1h_tokens == 100
    assert (call.service_tier, call.finish_reason) == ("priority", "end_turn")
    assert (call.error, call.http_status, call.usage_estimated) == (False, 200, False)


@pytest.mark.parametrize(("endpoint", "tier"), [(CHAT, "flex"), (MESSAGES, "batch")])
def test_the_tier_that_served_is_what_is_priced_by(endpoint: Endpoint, tier: str) -> None:
    told = Told("m", usage=Usage(1, 1), tier=tier)

    assert call_of(ended(asked(endpoint), told)).service_tier == tier


def test_an_estimate_says_so() -> None:
    call = call_of(ended(told=Told(usage=Usage(10, 20), estimated=True)))

    assert (call.usage_estimated, call.output_tokens) == (True, 20)


def test_a_stream_says_when_it_began() -> None:
    ask = asked(ask=Asked("gpt-4o", streaming=True))

    span = span_of(ended(ask, first_chunk_ns=ask.started_ns + 2 * 10**8), HERE, {})

    attributes = dict(span.attributes or {})
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.response.time_to_first_chunk"] == 0.2
    assert received(span)[0].streaming is True


def test_an_answer_without_usage_is_unknown_not_nothing() -> None:
    call = call_of(ended(asked(ask=Asked("gpt-4o", streaming=True)), Told("gpt-4o")))

    assert (call.input_tokens, call.output_tokens, call.error) == (None, None, False)


FAILURES = [
    pytest.param(
        ended(told=Told(error_type="insufficient_quota", error_message="no"), status=429),
        ("insufficient_quota", 429, 0),
        id="refused by the provider: nothing was used",
    ),
    pytest.param(ended(told=Told(), status=500), ("500", 500, 0), id="no word but the status"),
    pytest.param(
        ended(told=Told(), status=None, ending="broken", failure="ConnectError"),
        ("ConnectError", None, 0),
        id="never connected: nothing was used",
    ),
    pytest.param(
        ended(told=Told(), status=None, ending="broken", failure="ReadTimeout"),
        ("ReadTimeout", None, None),
        id="no answer in time: who knows",
    ),
    pytest.param(
        ended(told=Told(), status=None, ending="cancelled", failure="CancelledError"),
        ("CancelledError", None, None),
        id="cancelled while it was asked: who knows",
    ),
    pytest.param(
        ended(told=Told(), status=None, ending="broken", failure="RuntimeError"),
        ("RuntimeError", None, None),
        id="whatever the client ran into after it had asked: who knows",
    ),
    pytest.param(
        ended(told=Told(), status=None, ending="broken", failure="ClientConnectorDNSError"),
        ("ClientConnectorDNSError", None, 0),
        id="no such host: nothing was used",
    ),
    pytest.param(
        ended(told=Told(error_type="overloaded_error"), status=200, ending="whole"),
        ("overloaded_error", 200, None),
        id="an error inside a stream",
    ),
]


@pytest.mark.parametrize(("one", "expected"), FAILURES)
def test_a_failure_is_an_error_with_its_kind(
    one: Ended, expected: tuple[str, int | None, int | None]
) -> None:
    call = call_of(one)

    assert call.error
    assert (call.error_type, call.http_status, call.input_tokens) == expected


def test_whoever_has_enough_of_a_stream_makes_no_error() -> None:
    call = call_of(ended(told=Told("m"), ending="abandoned", failure="GeneratorExit"))

    assert not call.error


def test_it_hangs_where_the_call_was_made() -> None:
    with TracerProvider().get_tracer("app").start_as_current_span("work") as above:
        context = set_span_in_context(above, Context())
        span = span_of(ended(asked(context=context)), HERE, {})

    assert span.parent == above.get_span_context()
    assert span.context.trace_id == above.get_span_context().trace_id


def test_without_anything_around_it_its_trace_is_its_call() -> None:
    one = ended(asked(context=Context()))

    spans = [span_of(one, HERE, {}) for _ in range(2)]

    assert {span.context.trace_id for span in spans} == {int(one.ask.call_id, 16)}
    assert spans[0].context.span_id != spans[1].context.span_id
    assert spans[0].parent is None


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    one = ended()
    one.ended_ns = 1

    assert span_of(one, HERE, {}).end_time == one.ask.started_ns


def test_a_refusal_claims_no_call_and_says_why() -> None:
    refuse = Refuse(
        "over_budget",
        "the daily limit is reached",
        "raise it",
        limit_name="daily_limit_usd of agent writer",
        limit_usd=Decimal("10.50"),
        spent_usd=Decimal("1E+1"),
    )

    span = refusal_of(asked(who=WHO), refuse, 2 * 10**18, HERE)

    assert received(span) == []
    assert span.name == "manager.refused"
    told = dict(span.attributes or {})
    assert told["manager.decision"] == "refuse"
    assert told["manager.decision.reason"] == "over_budget"
    assert (told["manager.limit.usd"], told["manager.limit.spent_usd"]) == ("10.50", "10")
    assert "manager.limit.reserved_usd" not in told
    assert "gen_ai.operation.name" not in told


@pytest.mark.parametrize(
    ("receipt", "said"),
    [
        pytest.param(
            Receipt("h1", 3, 4, 900, 700),
            {"usd": 3, "tokens": 4, "reserved_nano_usd": 900, "settled_nano_usd": 700},
            id="both",
        ),
        pytest.param(Receipt("h1", 0, 4, 0, 700), {"tokens": 4}, id="only tokens are limited"),
        pytest.param(Receipt("h1", 0, 0, 0, 700), {}, id="nothing is limited"),
    ],
)
def test_a_span_says_to_which_leases_its_call_was_charged(
    receipt: Receipt, said: dict[str, int]
) -> None:
    one = ended(asked(CHAT, Asked("gpt-4o"), WHO), ANSWER)
    one.receipt = receipt

    found = dict(span_of(one, HERE, {}).attributes or {})

    assert (found["manager.guarded"], found["manager.holder"]) == (True, "h1")
    prefixes = {"usd": "manager.lease.", "tokens": "manager.lease."}
    expected = {prefixes.get(key, "manager.") + key: value for key, value in said.items()}
    keys = [*expected, "manager.lease.usd", "manager.lease.tokens", "manager.settled_nano_usd"]
    assert {key: found[key] for key in keys if key in found} == expected


def test_a_call_that_nobody_charged_says_nothing_of_leases() -> None:
    found = dict(
        span_of(ended(asked(CHAT, Asked("gpt-4o"), WHO), ANSWER), HERE, {}).attributes or {}
    )

    assert not [key for key in found if key.startswith(("manager.lease", "manager.guarded"))]
