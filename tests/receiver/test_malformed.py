"""Whatever comes in, the decoder and the intake answer as they promise, in this process.

The same against a running server, in thousands: tests/faults/test_malformed.py.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manager_agent.analytics.install import install
from manager_agent.receiver.answer import Accepted, Answer, Refused
from manager_agent.receiver.content import Door
from manager_agent.receiver.decode import Decoded, Decoder
from manager_agent.receiver.intake import Intake
from manager_agent.receiver.json_form import protobuf_of
from manager_agent.receiver.reading import Reader
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.signals import LOGS, METRICS, Signal
from manager_agent.receiver.wire import MalformedRequestError
from manager_agent.store.duck import FactStore
from tests.harness.malformed import (
    damaged,
    field,
    hostile,
    hostile_json,
    json_seeds,
    json_seeds_of,
    number,
    seeds,
    seeds_of,
    wrong_json,
)
from tests.harness.otlp import as_json, one_call, request

HOSTILE = dict(hostile(1))

T = TypeVar("T")


def unless_refused(read: Callable[[], T]) -> T | None:
    """Return what is read, None where it is refused; anything else is a failure."""
    try:
        return read()
    except MalformedRequestError as error:
        said = str(error)
    assert 0 < len(said) < 500
    return None


def decoded(payload: bytes) -> Decoded | None:
    return unless_refused(lambda: Decoder().decode(payload))


def check_json(body: bytes) -> None:
    payload = unless_refused(lambda: protobuf_of(body))
    if payload is not None:
        check(payload)


def check(payload: bytes) -> None:
    found = decoded(payload)
    for span in found.spans if found else ():
        assert (len(span.trace_id), len(span.span_id)) == (32, 16)
        assert 0 <= span.start_ns <= span.end_ns < 2**62
        assert len(span.name) <= 1024
        assert all(len(key) <= 256 for key in span.attributes)


def test_damaged_requests_are_read_or_refused() -> None:
    rng = random.Random(1)
    for _ in range(600):
        check(damaged(rng, seeds()))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_are_read_or_refused_soon(name: str) -> None:
    started = time.process_time()

    check(HOSTILE[name])

    assert time.process_time() - started < 2


# Fields of any number and kind, nested as they come.
fields = st.recursive(
    st.builds(field, st.integers(1, 20), st.binary(max_size=40))
    | st.builds(lambda tag, value: number(tag << 3) + number(value),
                st.integers(1, 20), st.integers(0, 2**64 - 1))
    | st.builds(lambda tag, value: number(tag << 3 | 1) + value,
                st.integers(1, 20), st.binary(min_size=8, max_size=8)),
    lambda inner: st.builds(
        lambda tag, parts: field(tag, b"".join(parts)),
        st.sampled_from([1, 2, 2, 2, 5, 6, 9, 11, 15]),
        st.lists(inner, max_size=5),
    ),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(fields, max_size=4).map(b"".join) | st.binary(max_size=200))
def test_any_protobuf_is_read_or_refused(payload: bytes) -> None:
    check(payload)


def test_wrong_json_is_read_or_refused() -> None:
    rng = random.Random(2)
    for body in [
        *(wrong_json(rng, json_seeds()) for _ in range(300)),
        *dict(hostile_json()).values(),
    ]:
        check_json(body)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["resourceSpans", "scopeSpans", "spans", "resource", "attributes", "key", "value",
             "traceId", "spanId", "startTimeUnixNano", "intValue", "kvlistValue", "values", "x"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(documents.map(lambda document: {"resourceSpans": [document]}) | documents)
def test_any_json_is_read_or_refused(document: object) -> None:
    check_json(json.dumps(document).encode())


@pytest.mark.parametrize("signal", [LOGS, METRICS], ids=lambda signal: signal.name)
def test_damaged_logs_and_metrics_are_read_or_refused(signal: Signal) -> None:
    rng = random.Random(4)
    reader = Reader(lambda span: recognise(span, Door(b"k" * 32)))
    bodies = [wrong_json(rng, json_seeds_of(signal)) for _ in range(150)]
    made = [unless_refused(lambda body=body: protobuf_of(body, signal)) for body in bodies]  # type: ignore[misc]
    made += [damaged(rng, seeds_of(signal)) for _ in range(300)]
    for payload in made:
        if payload is not None:
            unless_refused(lambda payload=payload: reader.read(payload, signal.name))  # type: ignore[misc]


def crowded_points(much: bytes) -> bytes:
    """Return a metrics request of one sum whose points are `much`."""
    metric = field(1, b"claude_code.token.usage") + field(7, much + b"\x10\x01")
    return field(1, field(2, field(2, metric)))


@pytest.mark.parametrize(
    ("signal", "payload"),
    [
        pytest.param(LOGS, field(1, b"") * 500_000, id="empty resources of logs"),
        pytest.param(LOGS, field(1, field(2, field(2, b"") * 500_000)), id="empty records"),
        pytest.param(METRICS, field(1, field(2, field(2, b"") * 500_000)), id="empty metrics"),
        pytest.param(METRICS, crowded_points(field(1, b"") * 500_000), id="empty points"),
    ],
)
def test_crowds_of_logs_and_metrics_are_refused_unread(signal: Signal, payload: bytes) -> None:
    reader = Reader(lambda span: None)

    assert unless_refused(lambda: reader.read(payload, signal.name)) is None


def test_a_point_of_half_a_million_attributes_is_left_out() -> None:
    payload = crowded_points(field(1, field(7, b"") * 500_000))

    reading = Reader(lambda span: None).read(payload, "metrics")

    assert reading.dropped == {"invalid_point": 1}


def test_half_a_surrogate_pair_costs_a_letter_not_the_request() -> None:
    message = request([one_call("emoji", 1, **{"gen_ai.prompt": "cut here: X"})])
    body = as_json(message).replace(b"cut here: X", b"cut here: \\ud83d, whole: \\ud83d\\ude00")

    found = decoded(protobuf_of(body))

    assert found is not None
    [span] = found.spans
    assert span.attributes["gen_ai.prompt"] == "cut here: \ufffd, whole: \U0001f600"


@pytest.fixture(params=[False, True], ids=["digests", "content"])
def intake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Intake]:
    """A real intake on a real store, once with everything stored that spans say."""
    door = Door(b"k" * 32, capture=request.param)
    store = FactStore(tmp_path / "facts.duckdb", door, install)
    made = Intake(store, door, lambda call: call, time.time_ns)
    made.start()
    yield made
    made.stop()
    store.close()


def answers(intake: Intake, payloads: list[bytes]) -> list[Answer]:
    return [offered.result(60) for offered in [intake.offer(payload) for payload in payloads]]


def test_the_intake_takes_or_refuses_for_good_and_goes_on(intake: Intake) -> None:
    """Nothing is answered "later" for what is in it, and every refused span is counted."""
    rng = random.Random(3)
    payloads = [damaged(rng, seeds()) for _ in range(300)]
    payloads += [payload for payload in HOSTILE.values() if len(payload) < 200_000]

    got = answers(intake, payloads)

    assert not [answer for answer in got if isinstance(answer, Refused) and answer.retryable]
    taken = [answer for answer in got if isinstance(answer, Accepted)]
    refused = sum(answer.rejected for answer in taken)
    reasons = ("invalid_trace_id", "invalid_span_id", "invalid_time")
    assert refused == sum(intake.counts.of("dropped", reason) for reason in reasons) > 0
    assert intake.counts.of("requests", "malformed") == len(got) - len(taken) > 0
    assert intake.counts.of("dropped", "recognition_failed") == 0
    assert intake.counts.of("store", "failed") == 0
    read = [found for found in map(decoded, payloads) if found]
    stored = intake.counts.of("spans", "stored") + intake.counts.of("spans", "duplicate")
    assert stored == sum(len(found.spans) for found in read)
    assert intake.trouble is None
    good = request([one_call("good", 1)]).SerializeToString()
    assert answers(intake, [good]) == [Accepted()]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_nothing_that_hypothesis_makes_upsets_the_intake(
    intake: Intake, data: st.DataObject
) -> None:
    payload = data.draw(st.lists(fields, max_size=4).map(b"".join))

    [answer] = answers(intake, [payload])

    assert isinstance(answer, Accepted) or not answer.retryable
    assert intake.counts.of("store", "failed") == 0
