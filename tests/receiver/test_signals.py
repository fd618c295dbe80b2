"""Spans, logs and metrics of one run tell of each call once, whichever come, in any order."""

import random
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from manager_agent.receiver.call import Call
from manager_agent.receiver.models import undated
from manager_agent.receiver.reading import Reader, Reading
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.row import row_of
from manager_agent.receiver.signals import SignalName
from manager_agent.receiver.testing import NOW_NS, MemoryStore
from manager_agent.receiver.wire import MalformedRequestError
from manager_agent.store.duck import FactStore
from tests.harness.captures import CAPTURES, LAB, Capture, captures, verdict
from tests.harness.facts import opened
from tests.harness.otlp import pairs
from tests.harness.runs import CLAUDE, CODEX, CUMULATIVE, DELTA, SIGNALS, Made, Run, truth
from tests.harness.stories import DOOR, Receiver

Piece = tuple[bytes, SignalName]
SUBSETS = [some for size in (1, 2, 3) for some in combinations(SIGNALS, size)]
CASES = [case for case in captures() if case.name.startswith("claude-code/")]
SECOND_NS = 10**9


def read(payload: bytes, signal: SignalName) -> Reading:
    return Reader(lambda span: recognise(span, DOOR)).read(payload, signal)


def play(
    pieces: Sequence[Sequence[Piece]], store: MemoryStore | FactStore, seconds: Sequence[float] = ()
) -> Receiver[MemoryStore] | Receiver[FactStore]:
    """Let each portion arrive, then time pass; a negative time is a restart after it."""
    receiver: Receiver[MemoryStore] | Receiver[FactStore] = Receiver(store)  # type: ignore[assignment]
    for number, portion in enumerate(pieces):
        receiver.take_in([a for piece in portion for a in read(*piece).arrived])
        waited = seconds[number % len(seconds)] if seconds else 0.0
        receiver.wait(abs(waited))
        if waited < 0:
            receiver.restart()
    return receiver


def summed(calls: Sequence[Call]) -> tuple[int, ...]:
    return tuple(
        sum(getattr(call, f"{name}_tokens") or 0 for call in calls)
        for name in ("input", "output", "cache_read", "cache_write")
    )


def by_model(calls: Sequence[Call]) -> list[tuple[str, int | None]]:
    """Return the model and output of each call."""
    named = [call.response_model or call.request_model or "" for call in calls]
    return sorted(zip(map(undated, named), [call.output_tokens for call in calls], strict=True))


def of_capture(case: Capture, signal: SignalName) -> Piece:
    suffix = "" if signal == "traces" else f".{signal}"
    path = CAPTURES / case.name.replace(".pb", f"{suffix}.pb")
    return path.read_bytes(), signal


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("signals", SUBSETS, ids=lambda some: "+".join(sorted(some)))
def test_claude_code_is_metered_by_any_of_its_signals(
    case: Capture, signals: tuple[SignalName, ...]
) -> None:
    """Metrics alone count tokens, and an answer that failed has none."""
    failed = all(call["error"] for call in case.truth)
    pieces = [of_capture(case, signal) for signal in signals]
    for order in (pieces, pieces[::-1], pieces * 2):
        store = MemoryStore()
        play([[piece] for piece in order], store, seconds=[700.0])
        rows = [row_of(call) for call in store.calls().values()]

        if failed and signals == ("metrics",):
            assert rows == []
        else:
            assert verdict(case.truth, rows) is None


def test_what_each_signal_adds_is_kept() -> None:
    """The model that answered comes from the record, the outcome of the stream from the span."""
    case = next(case for case in CASES if "print_hi" in case.name)
    store = MemoryStore()
    play([[of_capture(case, signal) for signal in SIGNALS]], store)

    (call,) = store.calls().values()
    assert call.response_model == "claude-sonnet-4-5-20250929"
    assert (call.streaming, call.finish_reason, call.usage_estimated) == (True, "end_turn", False)
    assert call.reported_cost_nano == 485_189_850
    assert set(call.emitters.split(",")) == {f"{CLAUDE}.tracing", f"{CLAUDE}.events"}


def test_a_row_of_metrics_says_that_it_is_coarse() -> None:
    case = next(case for case in CASES if "print_hi" in case.name)
    store = MemoryStore()
    play([[of_capture(case, "metrics")]], store)

    (call,) = store.calls().values()
    assert (call.usage_estimated, call.duration_ms, call.emitters) == (True, None, CLAUDE)
    assert call.conversation_id == "5eddf74c-f02a-4eb7-9947-2df75a7a3f89"


@st.composite
def made(draw: st.DrawFn) -> tuple[Made, ...]:
    """Calls of one run, one after the other: some within a second, some minutes apart."""
    at_ns, found = NOW_NS - 1800 * SECOND_NS, []
    for _ in range(draw(st.integers(1, 6))):
        lasted_ns = draw(st.integers(1, 20_000)) * 10**6
        at_ns += lasted_ns + draw(st.sampled_from([0, 10**7, 30 * SECOND_NS, 200 * SECOND_NS]))
        found.append(
            Made(
                at_ns,
                lasted_ns,
                draw(st.sampled_from(["claude-sonnet-4-5", "claude-haiku-4-5"])),
                fresh=draw(st.sampled_from([3, 3, 500])),
                output=draw(st.sampled_from([1, 200])),
                read=draw(st.sampled_from([0, 9_000])),
                written=draw(st.sampled_from([0, 700])),
            )
        )
    return tuple(found)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    tool = draw(st.sampled_from([CLAUDE, CODEX]))
    return Run(
        tool,
        "session-1",
        draw(made()),
        NOW_NS - 1800 * SECOND_NS,
        traced=draw(st.booleans()),
        alike=draw(st.booleans()),
        temporality=draw(st.sampled_from([DELTA, CUMULATIVE])),
        skew_ns=draw(st.sampled_from([0, 4 * 10**6, 300 * 10**6])),
    )


@st.composite
def plays(draw: st.DrawFn) -> tuple[Run, tuple[SignalName, ...], list[list[Piece]], list[float]]:
    """A run, the signals of it that are sent, in which portions, and the time between them."""
    run = draw(runs())
    signals = draw(st.sampled_from(SUBSETS))
    pieces = [
        (payload, signal) for signal in SIGNALS if signal in signals for payload in run.told(signal)
    ]
    rng = random.Random(draw(st.integers(0, 10**6)))
    order = pieces + rng.sample(pieces, len(pieces) // 2)
    rng.shuffle(order)
    portions = []
    while order:
        size = rng.choice([1, 2, 5, len(order)])
        portions.append(order[:size])
        order = order[size:]
    seconds = draw(st.lists(st.sampled_from([0.0, 0.0, 1.0, 700.0, -1.0, -700.0]), min_size=1))
    return run, signals, portions, seconds


def codex_calls(
    *calls: tuple[float, float], skew: float
) -> tuple[Run, tuple[SignalName, ...], list[list[Piece]], list[float]]:
    """Calls of Codex with equal counts, as ends and lengths in seconds; records come first."""
    begun_ns = NOW_NS - 1800 * SECOND_NS
    made = tuple(
        Made(begun_ns + round(end * SECOND_NS), round(lasted * SECOND_NS), "gpt-5", 3, 200)
        for end, lasted in calls
    )
    skew_ns = round(skew * SECOND_NS)
    run = Run(CODEX, "session-1", made, begun_ns, traced=False, alike=False, skew_ns=skew_ns)
    pieces: list[Piece] = [(told, "logs") for told in run.told("logs")]
    pieces += [(told, "traces") for told in run.told("traces")]
    return run, ("traces", "logs"), [pieces], [0.0]


# The first record fits either span, the second record only its own. Who gives the first one to the
# second span, because it lies within, leaves a span and a record alone: one call too many.
A_RECORD_INSIDE_THE_NEXT = codex_calls((4.386, 4.386), (6.389, 2.003), skew=0.3)
# Here the first record is written as the second span ends; even by their ends it fits that better.
A_RECORD_AS_THE_NEXT_ENDS = codex_calls((2.0, 2.0), (3.9, 1.9), skew=1.9)


@settings(max_examples=150, deadline=None)
@example(played=A_RECORD_INSIDE_THE_NEXT)
@example(played=A_RECORD_AS_THE_NEXT_ENDS)
@given(played=plays())
def test_order_portions_repeats_and_restarts_do_not_matter(
    played: tuple[Run, tuple[SignalName, ...], list[list[Piece]], list[float]],
) -> None:
    run, signals, portions, seconds = played
    store = MemoryStore()
    play(portions, store, seconds)

    calls = list(store.calls().values())
    assert summed(calls) == truth(run.calls)
    if signals != ("metrics",):
        assert len(calls) == len(run.calls)
        assert by_model(calls) == sorted((call.model, call.output) for call in run.calls)
        assert not any(call.usage_estimated for call in calls)
    assert sum(delta.output_tokens for delta in store.usage.values()) == truth(run.calls)[1]
    assert sum(delta.calls for delta in store.usage.values()) == len(calls)


@settings(max_examples=8, deadline=None)
@given(played=plays())
def test_the_store_gives_back_what_the_window_forgot(
    tmp_path_factory: pytest.TempPathFactory,
    played: tuple[Run, tuple[SignalName, ...], list[list[Piece]], list[float]],
) -> None:
    """The outcome in DuckDB is that of a store in memory."""
    _, _, portions, seconds = played
    memory = MemoryStore()
    play(portions, memory, seconds)
    store = opened(tmp_path_factory.mktemp("signals"))
    try:
        receiver = play(portions, store, seconds)
        _, published, _ = receiver.store.recent(0, 10**6)
        rows = {p.name: p.row for p in published if isinstance(p.row, Call)}
    finally:
        store.close()

    assert rows == memory.calls()


def test_a_span_without_counts_takes_those_of_its_record() -> None:
    """The record names the model with its date, the span without."""
    run = Run(CLAUDE, "s", (Made(NOW_NS, 10**9, "claude-sonnet-4-5", 5, 6, 7, 8),), NOW_NS - 10**10)
    bare = ExportTraceServiceRequest.FromString(run.told("traces")[0])
    (span,) = bare.resource_spans[0].scope_spans[0].spans
    kept = [pair for pair in span.attributes if "tokens" not in pair.key]
    del span.attributes[:]
    span.attributes.extend(kept)
    pieces: list[Piece] = [(bare.SerializeToString(), "traces"), (run.told("logs")[0], "logs")]
    for order in (pieces, pieces[::-1]):
        store = MemoryStore()
        play([[piece] for piece in order], store, seconds=[700.0])

        (call,) = store.calls().values()
        assert (call.input_tokens, call.output_tokens) == (20, 6)


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5[1m]", "claude-sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("gpt-5-2025-08-07", "gpt-5"),
        ("gpt-5.6-luna", "gpt-5.6-luna"),
    ],
)
def test_models_are_compared_without_date_and_route(name: str, bare: str) -> None:
    assert undated(name) == bare


CODEX_CASES = [case for case in captures(LAB) if case.name.startswith("codex-cli/")]


def codex_records(case: Capture, scope: str = "codex_otel.log_only") -> list[Piece]:
    """Return the records that Codex's source writes beside the recorded spans of answers.

    One for the stream's event and one with the counts; both name the trace, not the process.
    """
    found: list[Piece] = []
    for span in read(case.payload, "traces").arrived:
        if span.fact is None or span.fact.call is None:
            continue
        usage = span.fact.call
        common = {
            "event.name": "codex.sse_event",
            "event.kind": "response.completed",
            "conversation.id": "01a20680-5cc0-7263-956d-cd90be4e60bf",
            "model": "gpt-5",
        }
        counts = {
            "input_token_count": str(usage.input_tokens),
            "output_token_count": str(usage.output_tokens),
            "cached_token_count": usage.cache_read_tokens,
            "reasoning_token_count": usage.reasoning_tokens,
        }
        for more in ({"duration_ms": "3"}, counts):
            message = ExportLogsServiceRequest()
            logs = message.resource_logs.add()
            about = {"service.name": span.span.resource.service, "host.name": "laptop"}
            logs.resource.attributes.extend(pairs(about))
            scoped = logs.scope_logs.add()
            scoped.scope.name = scope
            record = scoped.log_records.add(
                observed_time_unix_nano=span.span.start_ns - 500_000,
                trace_id=bytes.fromhex(span.span.trace_id),
                span_id=bytes.fromhex(span.span.parent_id),
            )
            record.attributes.extend(pairs({**common, **more}))
            found.append((message.SerializeToString(), "logs"))
    return found


@pytest.mark.parametrize("case", CODEX_CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("signals", [("traces",), ("logs",), ("traces", "logs")], ids="+".join)
def test_codex_is_metered_by_spans_or_records(
    case: Capture, signals: tuple[SignalName, ...]
) -> None:
    pieces: list[Piece] = codex_records(case) if "logs" in signals else []
    pieces += [(case.payload, "traces")] if "traces" in signals else []
    for order in (pieces, pieces[::-1], pieces * 2):
        store = MemoryStore()
        play([[piece] for piece in order], store, seconds=[700.0])

        assert verdict(case.truth, [row_of(call) for call in store.calls().values()]) is None


@pytest.mark.parametrize("case", CODEX_CASES, ids=lambda case: case.name)
def test_spans_of_codex_know_their_model_from_those_around_them(case: Capture) -> None:
    """Without a model a call has no price."""
    for order in (1, -1):
        spans = read(case.payload, "traces").arrived[::order]
        receiver = Receiver(store := MemoryStore())
        for each in spans:
            receiver.take_in([each])

        calls = store.calls().values()
        assert {call.request_model for call in calls} == {"gpt-5"}


def test_codex_that_writes_each_record_for_two_targets_is_counted_once() -> None:
    case = CODEX_CASES[0]
    both = codex_records(case) + codex_records(case, "codex_otel.trace_safe")
    store = MemoryStore()
    play([both], store)

    assert verdict(case.truth, [row_of(call) for call in store.calls().values()]) is None


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"http.response.status_code": 429, "endpoint": "/responses"}, 429),
        ({"http.response.status_code": "503"}, 503),
        ({"error.message": "connection refused", "endpoint": "/responses"}, None),
        ({"http.response.status_code": 200, "endpoint": "/responses"}, "nothing"),
        ({"http.response.status_code": 500, "endpoint": "/models"}, "nothing"),
    ],
)
def test_codex_requests_that_failed_are_calls(attributes: dict[str, object], told: object) -> None:
    message = ExportLogsServiceRequest()
    scoped = message.resource_logs.add().scope_logs.add()
    scoped.scope.name = "codex_otel.log_only"
    record = scoped.log_records.add(observed_time_unix_nano=NOW_NS)
    about = {"event.name": "codex.api_request", "model": "gpt-5", "duration_ms": "120"}
    record.attributes.extend(pairs({**about, **attributes}))
    store = MemoryStore()
    play([[(message.SerializeToString(), "logs")]], store)

    calls = list(store.calls().values())
    if told == "nothing":
        assert calls == []
        return
    (call,) = calls
    assert (call.error, call.http_status, call.provider) == (True, told, "openai")
    assert call.duration_ms == 120.0


def test_damaged_requests_are_read_or_refused() -> None:
    """Flipped, cut and stuffed bytes: what is left is read, or the request is malformed."""
    rng = random.Random(5)
    run = Run(CODEX, "s", (Made(NOW_NS, 10**9, "gpt-5", 5, 6, 7, 8),), NOW_NS - 10**10)
    seeds = [of_capture(case, signal) for case in CASES for signal in SIGNALS[1:]]
    seeds += [(payload, signal) for signal in SIGNALS[1:] for payload in run.told(signal)]
    outcomes = {"read": 0, "malformed": 0}
    for _ in range(3000):
        payload, signal = rng.choice(seeds)
        damaged = bytearray(payload)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(damaged))
            damaged[at : at + rng.randrange(2)] = rng.randbytes(rng.randrange(3))
        try:
            read(bytes(damaged[: rng.choice([len(damaged), rng.randrange(len(damaged))])]), signal)
            outcomes["read"] += 1
        except MalformedRequestError:
            outcomes["malformed"] += 1

    assert min(outcomes.values()) > 100
