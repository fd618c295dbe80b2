"""Each kind of message sent for trial through each notifier, marked as a test."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from manager_agent.delivery.lane import Lane
from manager_agent.delivery.notifier import Failed, Outcome
from manager_agent.delivery.samples import samples
from manager_agent.rules.message import Message

CONNECTION = "connection_test"
"""Kind of the message that says only that it arrived."""

LONGEST_WAIT_SECONDS = 60.0
"""Longest that a notifier's wish to be left alone is waited for."""

_NOTE = "sent by manager-agent alerts test: nothing happened"


@dataclass(frozen=True, slots=True)
class Trial:
    """How the messages of one kind fared at one notifier; `error`: why not, None where they did."""

    notifier: str
    kind: str
    error: str | None

    @property
    def title(self) -> str:
        """What was tried, in words."""
        if self.kind != CONNECTION:
            return self.kind
        slack = self.notifier.startswith("slack")
        return "Slack Connection Test" if slack else "Connection Test"


def kinds(now: datetime) -> list[str]:
    """Return every kind that can be tried."""
    return list(dict.fromkeys([CONNECTION, *(one.kind for one in samples(now))]))


async def trials(lanes: Sequence[Lane], wanted: Sequence[str], now: datetime) -> list[Trial]:
    """Send the samples of the kinds `wanted`, all where it is empty, to whom they are meant for.

    The word that a notifier is connected goes to each. Waits between two messages as Slack asks.
    """
    told = [_connection(now), *samples(now)]
    run = uuid.uuid4().hex[:8]
    chosen = [_marked(one, run, number) for number, one in enumerate(told)]
    chosen = [one for one in chosen if not wanted or one.kind in wanted]
    found = await asyncio.gather(*(_lane(lane, chosen) for lane in lanes))
    return [trial for each in found for trial in each]


def _connection(now: datetime) -> Message:
    text = "This is a test: alerts about agents' spending will appear here"
    return Message("connection", "", CONNECTION, "firing", "info", None, text, now, {})


def _marked(message: Message, run: str, number: int) -> Message:
    """Return a sample as a message of its own that says what it is. No card follows it."""
    return replace(
        message,
        key=f"test:{run}:{number}",
        alert_id="",
        headline=f"TEST: {message.headline}",
        facts={"test": _NOTE, **message.facts},
    )


async def _lane(lane: Lane, messages: Sequence[Message]) -> list[Trial]:
    errors: dict[str, str | None] = {}
    stopped: str | None = None
    for message in messages:
        if message.kind != CONNECTION and not lane.wants(message):
            continue
        error = stopped
        if error is None:
            outcome = await _sent(lane, message)
            if isinstance(outcome, Failed):
                error = outcome.reason
                stopped = error if outcome.stops else None
        errors[message.kind] = errors.get(message.kind) or error
        if stopped is None:
            await asyncio.sleep(lane.pace_seconds)
    return [Trial(lane.name, kind, error) for kind, error in errors.items()]


async def _sent(lane: Lane, message: Message) -> Outcome:
    """Send once, and once more after the wait that the other side asked for."""
    outcome = await lane.notifier.send(message)
    asked = outcome.retry_after_seconds if isinstance(outcome, Failed) else None
    if asked is None or asked > LONGEST_WAIT_SECONDS:
        return outcome
    await asyncio.sleep(asked)
    return await lane.notifier.send(message)
