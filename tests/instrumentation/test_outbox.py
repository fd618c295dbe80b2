"""The way out of an agent: nothing waits for it, nothing is sent twice, and it says so once."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from manager_agent.instrumentation import outbox as module
from manager_agent.instrumentation.outbox import Bounds, Outbox, bounds
from manager_agent.instrumentation.sender import GaveUpError, UnreachableError
from tests.harness.manager import until
from tests.harness.metered import asked, ended


class Sender:
    """Keeps what is sent; fails as told."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.failing: Exception | None = None
        self.tried = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.closed = threading.Event()

    def learn(self, items: Sequence[Any]) -> None: ...

    def prepare(self, item: Any) -> Any:
        if item == "strange":
            raise LookupError("strange")
        return item

    def send(self, batch: Sequence[Any]) -> None:
        self.may_go_on.wait()
        self.tried += 1
        if self.failing:
            raise self.failing
        self.sent += batch

    def close(self) -> None:
        self.closed.set()

    def abandon(self) -> None: ...


Make = Callable[..., Outbox]


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def make(sender: Sender) -> Iterator[Make]:
    made: list[Outbox] = []

    def outbox(most: int = 1000, at_once: int = 100, delay: float = 0.01) -> Outbox:
        made.append(Outbox(lambda: sender, Bounds(most, delay, at_once)))
        return made[-1]

    yield outbox
    for each in made:
        each.close(5)
        if each._thread is not None:
            each._thread.join(10)


def test_what_is_put_in_is_sent_in_order_and_once(make: Make, sender: Sender) -> None:
    outbox = make()
    for number in range(1000):
        outbox.put(number)

    assert outbox.flush(10)
    assert sender.sent == list(range(1000))
    assert outbox.flush(10)
    assert len(sender.sent) == 1000


def test_it_goes_without_being_asked(make: Make, sender: Sender) -> None:
    make().put("call")

    assert until("the call is sent", lambda: sender.sent == ["call"])


def test_nothing_runs_before_the_first_call(make: Make) -> None:
    outbox = make()

    assert outbox.flush(0)
    assert outbox._thread is None


def test_a_strange_call_does_not_stop_the_others(make: Make, sender: Sender) -> None:
    outbox = make()
    for item in ("one", "strange", "two"):
        outbox.put(item)

    assert outbox.flush(10)
    assert sender.sent == ["one", "two"]
    assert outbox.dropped == 1


def test_while_nobody_answers_calls_wait_and_it_is_said_once(
    make: Make, sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = make()
    sender.failing = UnreachableError("nobody at h:1")
    with caplog.at_level(logging.WARNING, "manager_agent"):
        for number in range(5):
            outbox.put(number)
            assert not outbox.flush(10)
        assert sender.tried >= 5
        assert [record.message[:13] for record in caplog.records] == ["nobody at h:1"]
        sender.failing = None
        assert outbox.flush(10)

    assert sender.sent == list(range(5))
    assert "takes calls again" in caplog.records[-1].message
    assert outbox.dropped == 0


def test_too_many_are_dropped_counted_and_told_of_once(
    make: Make, sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = make(most=10, delay=60)
    sender.failing = UnreachableError("nobody")
    with caplog.at_level(logging.WARNING, "manager_agent"):
        for _ in range(3):
            for number in range(10):
                outbox.put(number)
            outbox.flush(10)

    assert outbox.dropped == 20
    assert sum("are dropped" in record.message for record in caplog.records) == 1
    sender.failing = None
    assert outbox.flush(10)
    assert sender.sent == list(range(10))


def test_what_will_never_be_taken_is_given_up(make: Make, sender: Sender) -> None:
    outbox = make()
    sender.failing = GaveUpError("bad spans")
    outbox.put("bad")
    assert outbox.flush(10)
    sender.failing = None
    outbox.put("good")

    assert outbox.flush(10)
    assert (sender.sent, outbox.dropped) == (["good"], 1)


def test_a_caller_never_waits_for_one_who_does_not_answer(make: Make, sender: Sender) -> None:
    outbox = make(most=50)
    sender.may_go_on.clear()
    for number in range(200):
        outbox.put(number)

    assert not outbox.flush(0.05)
    assert outbox.dropped > 0
    sender.may_go_on.set()
    assert outbox.flush(10)


def test_nothing_is_taken_after_the_end(make: Make, sender: Sender) -> None:
    outbox = make()
    outbox.put("call")
    assert outbox.close(10)
    outbox.put("late")

    assert sender.closed.wait(10)
    assert (sender.sent, outbox.dropped) == (["call"], 1)


def test_a_connection_that_cannot_be_made_is_tried_again(sender: Sender) -> None:
    tries: list[int] = []

    def connect() -> Sender:
        tries.append(1)
        if len(tries) == 1:
            raise FileNotFoundError("certificate")
        return sender

    outbox = Outbox(connect, Bounds(100, 0.01, 10))
    outbox.put("call")
    outbox.flush(10)

    assert outbox.flush(10)
    assert sender.sent == ["call"]
    outbox.close(5)
    assert sender.closed.wait(10)


def test_spans_that_cannot_be_sent_at_all_do_not_block_the_others(
    make: Make, sender: Sender
) -> None:
    outbox = make()
    sender.failing = TypeError("cannot be encoded")
    outbox.put("odd")
    assert outbox.flush(10)
    sender.failing = None
    outbox.put("call")

    assert outbox.flush(10)
    assert (sender.sent, outbox.dropped) == (["call"], 1)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, Bounds(8192, 1.0, 512)),
        (
            {
                "OTEL_BSP_MAX_QUEUE_SIZE": "10",
                "OTEL_BSP_SCHEDULE_DELAY": "250",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5",
            },
            Bounds(10, 0.25, 5),
        ),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "many", "OTEL_BSP_SCHEDULE_DELAY": "-1"}, Bounds()),
    ],
)
def test_bounds_are_those_of_opentelemetry(env: dict[str, str], expected: Bounds) -> None:
    assert bounds(env) == expected


def test_bodies_that_wait_to_be_read_take_a_bounded_space(
    make: Make, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_HELD_BYTES", 1000)
    outbox = make(delay=60)
    calls = [ended(asked()) for _ in range(3)]
    for call in calls:
        call.ask.body = b"x" * 400
        outbox.put(call)

    assert [call.ask.body is None for call in calls] == [False, False, True]
    assert calls[2].ask.body_digest == calls[1].ask.body_digest, "its digest stays"
    assert outbox.flush(20)
    assert sender.sent == calls
