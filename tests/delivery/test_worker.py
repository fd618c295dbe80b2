"""The worker carries every message to every notifier, in order, whatever goes wrong."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from manager_agent.contract.metric import Metric
from manager_agent.delivery.channel import DOUBTED_AFTER
from manager_agent.delivery.notifier import Failed, Outcome, Sent
from manager_agent.delivery.testing import MemoryOutbox, ScriptedClock, ScriptedNotifier
from manager_agent.delivery.worker import CLAIM, Worker
from manager_agent.rules.message import Message

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
DOWN = Failed("HTTP 500: rollup_error", permanent=False)
ASKED = Failed("HTTP 429: rate_limited", permanent=False, retry_after_seconds=30)
REFUSED = Failed("HTTP 404 no_service: revoked", permanent=True)


class Bench:
    """A worker with its outbox, clock and notifiers; messages are named by their keys."""

    def __init__(self, **answers: Sequence[Outcome | Exception]) -> None:
        self.clock = ScriptedClock(START)
        self.outbox = MemoryOutbox()
        self.notifiers = {name: ScriptedNotifier(name, given) for name, given in answers.items()}
        self.worker = self.restarted()

    def restarted(self) -> Worker:
        self.worker = Worker(self.outbox, list(self.notifiers.values()), self.clock)
        return self.worker

    def put(self, *keys: str) -> None:
        for key in keys:
            self.outbox.put(message(key), self.clock.now)

    def deliver(self, after: float = 0) -> None:
        self.deliver_often([after])

    def deliver_often(self, waits: Iterable[float]) -> None:
        async def all_of_them() -> None:
            for wait in waits:
                self.clock.forward(wait)
                await self.worker.deliver_due()

        asyncio.run(all_of_them())


class Moody(ScriptedNotifier):
    """Answers each message as `mood` says."""

    def __init__(self, name: str, mood: Callable[[str], Outcome]) -> None:
        super().__init__(name)
        self.mood = mood

    async def send(self, message: Message) -> Outcome:
        outcome = self.mood(message.key)
        self.tried.append(message.key)
        self.received += [message.key] if outcome else []
        return outcome


def message(key: str) -> Message:
    return Message(key, key, "note", "firing", "info", "a1", f"about {key}", START, {})


def by_label(metrics: list[Metric], name: str) -> Mapping[tuple[str, ...], float]:
    [found] = [metric for metric in metrics if metric.name == name]
    return {tuple(text for _, text in one.labels): one.value for one in found.samples}


def test_messages_are_sent_in_order_and_once() -> None:
    bench = Bench(slack=[])
    keys = [f"k{i}" for i in range(2 * CLAIM + 5)]
    bench.put(*keys)

    bench.deliver()
    bench.put("k3")
    bench.deliver(after=3600)

    assert bench.notifiers["slack"].received == keys
    assert bench.outbox.outbox_counts() == {"pending": 0, "sent": len(keys), "given_up": 0}


def test_nothing_is_sent_while_slack_asked_to_be_left_alone() -> None:
    """Retry-After holds for the channel: for that message and for those behind it."""
    bench = Bench(slack=[ASKED])
    slack = bench.notifiers["slack"]
    bench.put("a", "b")

    bench.deliver()
    bench.put("c")
    bench.deliver(after=29.9)
    assert slack.tried == ["a"]

    bench.deliver(after=0.1)
    assert slack.received == ["a", "b", "c"]


def test_failures_back_off_and_success_ends_it() -> None:
    bench = Bench(slack=[DOWN, DOWN, DOWN, Sent(), DOWN])
    slack = bench.notifiers["slack"]
    bench.put("a")

    bench.deliver()
    for wait in (1, 2, 4):
        tries = len(slack.tried)
        bench.deliver(after=wait - 0.1)
        assert len(slack.tried) == tries
        bench.deliver(after=0.1)
        assert len(slack.tried) == tries + 1

    bench.put("b")
    bench.deliver()
    bench.deliver(after=1)
    assert slack.received == ["a", "b"]


def test_a_day_without_slack_loses_nothing_and_keeps_the_order() -> None:
    bench = Bench()
    outage_ends = START + timedelta(days=1, seconds=1)
    slack = Moody("slack", lambda _: DOWN if bench.clock.now < outage_ends else Sent())
    bench.notifiers["slack"] = slack
    bench.restarted()
    for quarter in range(96):
        bench.put(f"m{quarter:02}")
        bench.deliver_often([300] * 3)
    assert len(slack.tried) <= 2 * 288 + 20, "a probe, or two, in five minutes"

    bench.deliver(after=301)

    assert slack.received == [f"m{quarter:02}" for quarter in range(96)]


def test_a_message_that_always_fails_lets_the_others_pass() -> None:
    bench = Bench()
    slack = Moody("slack", lambda key: DOWN if key == "poison" else Sent())
    bench.notifiers["slack"] = slack
    bench.restarted()
    bench.put("poison", "a", "b")
    bench.deliver_often([300] * (DOUBTED_AFTER + 1))
    assert slack.received == ["a", "b"]

    for hour in range(24):
        bench.clock.forward(3600)
        bench.put(f"c{hour}")
        bench.deliver()
        assert slack.received[-1] == f"c{hour}", "nobody waits for it any more"
    assert bench.outbox.state("poison") == "pending"


def test_a_permanent_error_is_kept_with_its_reason_and_holds_up_nobody() -> None:
    bench = Bench(slack=[REFUSED])
    bench.put("a", "b")

    bench.deliver()

    assert bench.outbox.state("a") == "given_up"
    assert bench.outbox.error("a") == "slack: HTTP 404 no_service: revoked"
    assert bench.notifiers["slack"].received == ["b"]


def test_the_console_goes_on_while_slack_is_down_and_repeats_nothing() -> None:
    bench = Bench(console=[], slack=[DOWN, DOWN])
    console, slack = bench.notifiers["console"], bench.notifiers["slack"]
    bench.put("a", "b")

    bench.deliver()
    assert console.received == ["a", "b"]
    assert bench.outbox.outbox_counts()["pending"] == 2

    bench.deliver(after=1)
    bench.deliver(after=2)
    assert slack.received == console.received == ["a", "b"]
    assert bench.outbox.outbox_counts()["sent"] == 2


def test_a_refusal_by_one_waits_for_the_other() -> None:
    bench = Bench(console=[REFUSED], slack=[DOWN])
    bench.put("a")

    bench.deliver()
    assert bench.outbox.state("a") == "pending"
    bench.deliver(after=1)

    assert bench.notifiers["slack"].received == ["a"]
    assert bench.notifiers["console"].tried == ["a"]
    assert bench.outbox.state("a") == "given_up"


def test_a_crash_before_the_mark_repeats_the_message_and_loses_none() -> None:
    bench = Bench(slack=[])
    bench.put("a", "b")

    def die(*_: object) -> None:
        raise OSError("killed")

    marked, bench.outbox.done = bench.outbox.done, die  # type: ignore[method-assign,assignment]
    with pytest.raises(OSError, match="killed"):
        bench.deliver()
    bench.outbox.done = marked  # type: ignore[method-assign]
    bench.restarted()
    bench.deliver()

    assert bench.notifiers["slack"].received == ["a", "a", "b"]


def test_a_notifier_that_raises_delays_only_that_message() -> None:
    bench = Bench(slack=[ValueError("a secret perhaps")])
    bench.put("a", "b")

    bench.deliver()
    assert bench.notifiers["slack"].received == ["b"]
    assert bench.outbox.error("a") == "slack: raised ValueError"

    bench.deliver(after=1)
    assert bench.notifiers["slack"].received == ["b", "a"]


def test_the_numbers_tell_what_happened() -> None:
    bench = Bench(console=[], slack=[DOWN, Sent(), REFUSED, ValueError()])
    bench.put("a")
    bench.deliver()
    bench.put("b", "c")
    assert by_label(bench.worker.metrics(), "manager_notifier_up") == {
        ("console",): 1,
        ("slack",): 0,
    }
    assert [channel.health for channel in bench.worker.channels()] == ["ok", "retrying"]

    bench.deliver(after=1)

    assert by_label(bench.worker.metrics(), "manager_notifications_total") == {
        ("console", "sent"): 3,
        ("slack", "retried"): 1,
        ("slack", "sent"): 1,
        ("slack", "refused"): 1,
        ("slack", "error"): 1,
    }
    assert by_label(bench.worker.metrics(), "manager_outbox_pending") == {(): 1}
    assert bench.worker.channels()[1].reason == REFUSED.reason
