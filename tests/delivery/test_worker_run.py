"""The worker as a task: it wakes, outlives trouble and stops in time."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from manager_agent.delivery import SlackNotifier
from manager_agent.delivery.notifier import Notifier, Outcome, Sent
from manager_agent.delivery.slack.fake import Answer, FakeSlack, rate_limited
from manager_agent.delivery.testing import MemoryOutbox, ScriptedClock, ScriptedNotifier
from manager_agent.delivery.worker import Worker
from manager_agent.rules.message import Message, Outgoing

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


class Running:
    """The worker's task in a thread of its own, as in a server."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._worker.run(self._stop))

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self.stop()
        self._thread.join(10)
        assert not self._thread.is_alive(), "the worker did not stop"


class CountingOutbox(MemoryOutbox):
    """Knows how often it was looked at, and fails the first `broken` times."""

    def __init__(self, *keys: str, broken: int = 0) -> None:
        super().__init__()
        self.looks = 0
        self._broken = broken
        for key in keys:
            self.add(key)

    def add(self, key: str) -> None:
        self.put(Message(key, key, "note", "firing", "info", "a1", key, START, {}), START)

    def due(self, notifier: str, now: datetime, limit: int) -> list[Outgoing]:
        self.looks += 1
        if self.looks <= self._broken:
            raise OSError("disk full")
        return super().due(notifier, now, limit)


def worker_of(outbox: MemoryOutbox, notifier: Notifier, poll: float = 3600) -> Worker:
    clock = ScriptedClock(START)
    return Worker(outbox, [notifier], clock, poll_seconds=poll, grace_seconds=0.3)


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "it did not become true in 10 s"
        time.sleep(0.005)


def test_waking_delivers_at_once() -> None:
    outbox = CountingOutbox()
    worker = worker_of(outbox, ScriptedNotifier("slack"))
    worker.wake()  # before it runs: not an error, since it looks first of all
    with Running(worker):
        eventually(lambda: outbox.looks == 1)
        outbox.add("a")
        worker.wake()
        eventually(lambda: outbox.state("a") == "sent")
    worker.wake()  # after it ran: not an error either


def test_without_waking_the_outbox_is_polled() -> None:
    outbox = CountingOutbox()
    with Running(worker_of(outbox, ScriptedNotifier("slack"), poll=0.01)):
        eventually(lambda: outbox.looks > 1)
        outbox.add("a")
        eventually(lambda: outbox.state("a") == "sent")


def test_a_broken_outbox_is_counted_and_outlived() -> None:
    outbox = CountingOutbox("a", broken=1)
    worker = worker_of(outbox, ScriptedNotifier("slack"))
    with Running(worker):
        eventually(lambda: outbox.state("a") == "sent")

    values = {metric.name: [one.value for one in metric.samples] for metric in worker.metrics()}
    assert values["manager_outbox_errors_total"] == [1]


def test_stopping_does_not_wait_for_a_notifier_that_hangs() -> None:
    """What hung is due again: the message stays in the outbox."""

    class Hanging(ScriptedNotifier):
        async def send(self, message: Message) -> Outcome:
            self.tried.append(message.key)
            await asyncio.Event().wait()
            return Sent()

    outbox, hanging = CountingOutbox("a"), Hanging("slack")
    with Running(worker_of(outbox, hanging)):
        eventually(lambda: hanging.tried == ["a"])

    assert outbox.state("a") == "pending"


def test_stopping_does_not_wait_for_a_slack_that_hangs() -> None:
    outbox = CountingOutbox("a")
    with FakeSlack([Answer(hold=True)]) as slack:
        with Running(worker_of(outbox, SlackNotifier(slack.url))):
            eventually(lambda: len(slack.tried) == 1)
            started = time.monotonic()
        assert time.monotonic() - started < 5

    assert outbox.state("a") == "pending"


def test_stopping_lets_the_message_under_way_finish_and_starts_no_other() -> None:
    class Slow(ScriptedNotifier):
        async def send(self, message: Message) -> Outcome:
            self.tried.append(message.key)
            stopping.result(10).stop()
            await asyncio.sleep(0.05)
            return Sent()

    stopping: Future[Running] = Future()  # the worker may send before the next line is reached
    outbox, slow = CountingOutbox("a", "b"), Slow("slack")
    with Running(worker_of(outbox, slow)) as running:
        stopping.set_result(running)
        eventually(lambda: outbox.state("a") == "sent")

    assert slow.tried == ["a"]


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param([rate_limited(20)], id="a rate limit"),
        pytest.param([Answer(500, "rollup_error")] * 4, id="errors of Slack's own"),
        pytest.param([Answer(reset=True)] * 4, id="broken connections"),
    ],
)
def test_after_trouble_slack_has_each_message_once_and_in_order(trouble: list[Answer]) -> None:
    """The whole way: outbox, worker, official client, HTTP; only the clock is ours."""
    outbox = CountingOutbox("a", "b", "c")
    clock = ScriptedClock(START)
    with FakeSlack(trouble) as slack:
        worker = Worker(outbox, [SlackNotifier(slack.url)], clock)
        for _ in range(19):
            asyncio.run(worker.deliver_due())
            clock.forward(1)
        early = len(slack.received)
        for _ in range(5):
            clock.forward(1)
            asyncio.run(worker.deliver_due())

        names = [payload["blocks"][1]["text"]["text"] for payload in slack.received]
    assert names == ["a", "b", "c"]
    assert early == (0 if trouble[0].status == 429 else 3), "Retry-After was honoured"
