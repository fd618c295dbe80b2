"""The worker over any order of answers, crashes, restarts and outages; and the plans of lanes."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.delivery.digest import LEAST
from manager_agent.delivery.lane import Lane
from manager_agent.delivery.notifier import Failed, Outcome, Sent
from manager_agent.delivery.routing import Quiet
from manager_agent.delivery.testing import MemoryOutbox, ScriptedClock, ScriptedNotifier
from manager_agent.delivery.worker import Worker
from manager_agent.rules.message import Message, Severity, State

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
DOWN = Failed("HTTP 500: rollup_error", permanent=False)
ASKED = Failed("HTTP 429: rate_limited", permanent=False, retry_after_seconds=30)
REFUSED = Failed("invalid_blocks", permanent=True)
STOPPED = Failed("token_revoked: install the app again", permanent=True, stops=True)


class Dying(MemoryOutbox):
    """Dies at the marks whose numbers are in `at`: what was sent is not noted."""

    def __init__(self, at: set[int]) -> None:
        super().__init__()
        self.marks, self.at = 0, at

    def done(self, *args: Any) -> None:
        self.marks += 1
        if self.marks in self.at:
            raise KeyboardInterrupt
        super().done(*args)


def message(
    key: str, alert: str = "", severity: Severity = "info", state: State = "firing"
) -> Message:
    return Message(key, alert, "note", state, severity, "a1", f"about {key}", START, {})


def step(worker: Worker) -> bool:
    """Deliver what is due; return whether it lived."""
    try:
        asyncio.run(worker.deliver_due())
    except KeyboardInterrupt:
        return False
    return True


answers = st.sampled_from([Sent(), Sent(), DOWN, ASKED, REFUSED, STOPPED, ValueError("bug")])


@settings(deadline=None, max_examples=20)
@given(
    console=st.lists(answers, max_size=10),
    slack=st.lists(answers, max_size=14),
    waits=st.lists(st.floats(0, 40), min_size=1, max_size=12),
    restarts=st.sets(st.integers(0, 11)),
    crashes=st.sets(st.integers(1, 24), max_size=3),
)
def test_nothing_is_lost_or_told_twice_or_out_of_order(
    console: list[Outcome | Exception],
    slack: list[Outcome | Exception],
    waits: list[float],
    restarts: set[int],
    crashes: set[int],
) -> None:
    """Twice only what was under way in a crash; refused only what the other side refused."""
    clock, outbox = ScriptedClock(START), Dying(crashes)
    notifiers = [ScriptedNotifier("console", console), ScriptedNotifier("slack", slack)]
    worker = Worker(outbox, notifiers, clock)
    died = 0
    for number, wait in enumerate([*waits, *[300.0] * 40]):
        if number < len(waits):
            outbox.put(message(f"k{number}", alert=f"a{number % 3}"), clock.now)
        clock.forward(wait)
        alive = step(worker)
        died += not alive
        if not alive or number in restarts:
            worker = Worker(outbox, notifiers, clock)
        if number >= len(waits):
            worker.release()
            if not outbox.outbox_counts()["pending"]:
                break

    assert outbox.outbox_counts()["pending"] == 0
    keys = [f"k{number}" for number in range(len(waits))]
    for one in notifiers:
        refused = {key for key in keys if outbox.state(key, one.name) == "refused"}
        assert set(keys) - refused <= set(one.received)
        assert len(one.received) - len(set(one.received)) <= died
        for alert in range(3):
            mine = [key for key in keys[alert::3] if key in one.received]
            first = list(dict.fromkeys(key for key in one.received if key in mine))
            assert first == mine, "order of one alert"


def test_after_a_restart_nobody_gets_again_what_he_had() -> None:
    outbox, clock = MemoryOutbox(), ScriptedClock(START)
    console, slack = ScriptedNotifier("console"), ScriptedNotifier("slack", [DOWN])
    outbox.put(message("a"), START)
    asyncio.run(Worker(outbox, [console, slack], clock).deliver_due())
    clock.forward(2)
    asyncio.run(Worker(outbox, [console, slack], clock).deliver_due())

    assert (console.tried, slack.received) == (["a"], ["a"])


def test_a_revoked_token_stops_everything_until_something_is_changed() -> None:
    outbox, clock = MemoryOutbox(), ScriptedClock(START)
    slack = ScriptedNotifier("slack", [STOPPED])
    worker = Worker(outbox, [slack], clock)
    for key in "abc":
        outbox.put(message(key), START)
    for _ in range(5):
        asyncio.run(worker.deliver_due())
        clock.forward(3600)
    assert slack.tried == ["a"], "nothing is sent again by itself"
    assert worker.channels()[0].health == "stopped"
    assert outbox.outbox_counts()["pending"] == 3

    assert worker.release() == ["slack"]
    asyncio.run(worker.deliver_due())
    assert slack.received == ["a", "b", "c"]


def lane(notifier: ScriptedNotifier, **plan: Any) -> Lane:
    return Lane(notifier, **plan)


def test_one_message_a_second() -> None:
    outbox, clock, slack = MemoryOutbox(), ScriptedClock(START), ScriptedNotifier("slack")
    worker = Worker(outbox, [lane(slack, pace_seconds=1.0)], clock)
    for key in "abc":
        outbox.put(message(key), START)
    seen = []
    for _ in range(5):
        asyncio.run(worker.deliver_due())
        seen.append(len(slack.received))
        clock.forward(0.5)
    assert seen == [1, 1, 2, 2, 3]


def test_what_is_not_for_a_lane_holds_up_nothing() -> None:
    outbox, clock, slack = MemoryOutbox(), ScriptedClock(START), ScriptedNotifier("slack")
    critical = lane(slack, wants=lambda one: one.severity == "critical")
    outbox.put(message("a"), START)
    outbox.put(message("b", severity="critical"), START)
    asyncio.run(Worker(outbox, [critical], clock).deliver_due())
    assert slack.received == ["b"]
    assert outbox.outbox_counts()["pending"] == 0


class Keeping(ScriptedNotifier):
    """Keeps the messages themselves."""

    def __init__(self, answer: Callable[[], Outcome]) -> None:
        super().__init__("slack")
        self.answer = answer
        self.messages: list[Message] = []

    async def send(self, message: Message) -> Outcome:
        answer = self.answer()
        self.messages += [message] if answer else []
        return answer


def told(messages: Sequence[Message]) -> list[str]:
    return [one.kind if one.kind == "digest" else one.key for one in messages]


def test_a_day_without_slack_ends_in_one_digest_and_what_is_critical_still() -> None:
    outbox, clock = MemoryOutbox(), ScriptedClock(START)
    back = START + timedelta(days=1, seconds=1)
    slack = Keeping(lambda: Sent() if clock.now >= back else DOWN)
    worker = Worker(outbox, [lane(slack, digest_after=900.0)], clock)
    outbox.put(message("money", alert="a", severity="critical"), clock.now)
    outbox.put(message("gone", alert="b", severity="critical"), clock.now)
    for hour in range(24):
        outbox.put(message(f"small{hour}", alert=f"s{hour}"), clock.now)
        clock.forward(3600)
        asyncio.run(worker.deliver_due())
    outbox.put(message("over", alert="b", severity="critical", state="resolved"), clock.now)
    clock.forward(301)
    asyncio.run(worker.deliver_due())

    assert told(slack.messages) == ["digest", "money"]
    digest = slack.messages[0]
    assert (digest.facts["alerts"], digest.facts["still_open"]) == (26, 25)
    assert outbox.outbox_counts()["pending"] == 0


def test_quiet_hours_hold_the_small_and_let_the_critical_pass() -> None:
    zone = ZoneInfo("Europe/Berlin")
    evening = datetime(2026, 11, 23, 23, 0, tzinfo=zone)
    outbox, clock = MemoryOutbox(), ScriptedClock(evening.astimezone(UTC))
    slack = Keeping(lambda: Sent())
    quiet = Quiet(time(22), time(7), zone)
    worker = Worker(outbox, [lane(slack, quiet=quiet.until, digest_after=900.0)], clock)
    for number in range(LEAST):
        outbox.put(message(f"k{number}", alert=f"a{number}", severity="warning"), clock.now)
    outbox.put(message("worse", alert="a0", severity="critical"), clock.now)
    asyncio.run(worker.deliver_due())
    assert told(slack.messages) == ["worse"]

    clock.forward(8 * 3600 - 1)
    asyncio.run(worker.deliver_due())
    assert len(slack.messages) == 1
    outbox.put(message("k9", alert="a9", severity="warning"), clock.now - timedelta(seconds=9))
    clock.forward(1)
    asyncio.run(worker.deliver_due())
    assert told(slack.messages) == ["worse", "digest"]
    assert slack.messages[1].facts["alerts"] == LEAST, "a0 was told already, and is stale here"
