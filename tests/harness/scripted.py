"""A whole manager in this process whose clock is the test's: OTLP in, looks when the test says so.

Receiver, store, ledger, breakers, issues, rules and outbox are the real ones, wired as `serve`
wires them; nothing is served and nothing is delivered.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from manager_agent.app import serve
from manager_agent.app.manager import Manager
from manager_agent.app.settings import Settings
from manager_agent.receiver.answer import Accepted, Answer
from manager_agent.rules.message import Message
from tests.harness.manager import WAITS
from tests.harness.otlp import Sending, request
from tests.harness.outbox import due, refused, sent

_DEADLINE = 30.0


class Scripted:
    """`messages`: all that was put into the outbox, in order, taken from it as delivered.

    `refuses`: what a notifier says to the next one, which it refuses for good.
    """

    def __init__(self, manager: Manager, clock: list[datetime]) -> None:
        self.manager = manager
        self.messages: list[Message] = []
        self.refuses: str | None = None
        self._clock = clock

    @property
    def now(self) -> datetime:
        return self._clock[0]

    def at(self, now: datetime) -> None:
        """Let it be `now`; what waits for time to pass (breakers) has noticed on return."""
        self._clock[0] = now
        time_us = ns(now) // 1000
        self.until(lambda: self.manager.clerk.look(lambda book, us: us) >= time_us)

    def send(self, spans: Iterable[Sending]) -> None:
        """Have spans taken in; they are stored, and told to breakers, on return."""
        assert isinstance(self.offer(request(spans).SerializeToString()), Accepted)

    def offer(self, payload: bytes) -> Answer:
        return self.manager.intake.offer(payload).result(_DEADLINE)

    def tell(self, *commands: Any) -> None:
        """Say what guards say; it is decided on return."""
        for command in commands:
            self.manager.clerk.ask(command).result(_DEADLINE)

    def look(self) -> None:
        """Have the rules look, and take what is to be told."""
        self.manager.ticker.tick(self.now)
        control = self.manager.control
        for outgoing in due(control, self.now):
            self.messages.append(outgoing.message)
            if self.refuses is None:
                sent(control, outgoing.message.key, self.now)
            else:
                refused(control, outgoing.message.key, self.now, self.refuses)
                self.refuses = None

    @staticmethod
    def until(found: Callable[[], Any]) -> None:
        ends = time.monotonic() + _DEADLINE
        while not found():
            assert time.monotonic() < ends, "it did not happen in time"
            time.sleep(0.002)


@contextmanager
def scripted(folder: Path, config: dict[str, Any], start: datetime) -> Iterator[Scripted]:
    """Yield a manager for which it is `start` (UTC) until the test says otherwise."""
    clock = [start]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serve, "time_ns", lambda: ns(clock[0]))
        patch.setattr(serve, "now", lambda: clock[0])
        about = {"storage": {"data_dir": str(folder)}, "receiver": WAITS}
        settings = Settings.model_validate({**config, **about})
        with serve._built(settings) as manager:
            yield Scripted(manager, clock)


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)
