"""The early answer is what the intake says once it has read a request, for every signal."""

import random

import pytest

from manager_agent.receiver.answer import Accepted, Answer, Refused
from manager_agent.receiver.early import accepted, early_answer
from manager_agent.receiver.reading import Reader
from manager_agent.receiver.signals import BY_NAME, SignalName
from manager_agent.receiver.wire import MalformedRequestError
from tests.harness.captures import Capture, captures
from tests.harness.otlp import one_call, request


def after_reading(payload: bytes, signal: SignalName) -> Answer:
    try:
        return accepted(signal, Reader(lambda span: None).read(payload, signal).dropped)
    except MalformedRequestError as error:
        return Refused(str(error), retryable=False)


CAPTURES = captures()


@pytest.mark.parametrize("signal", BY_NAME)
@pytest.mark.parametrize("capture", CAPTURES, ids=[each.name for each in CAPTURES])
def test_of_recorded_requests_and_damaged_ones(capture: Capture, signal: SignalName) -> None:
    rng = random.Random(capture.name)
    payloads = [capture.payload[:20_000]]
    for _ in range(8):
        damaged = bytearray(payloads[0])
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        payloads.append(bytes(damaged[: rng.randrange(1, len(damaged))]))

    for payload in payloads:
        assert early_answer(payload, signal) == after_reading(payload, signal)


def test_spans_without_id_or_time_are_told() -> None:
    message = request(one_call("some", seed) for seed in range(3))
    nameless, timeless, _ = (each.scope_spans[0].spans[0] for each in message.resource_spans)
    nameless.trace_id, timeless.start_time_unix_nano = b"short", 0

    answer = early_answer(message.SerializeToString(), "traces")

    assert answer == Accepted(2, "refused spans: 1 x invalid_time, 1 x invalid_trace_id")
