"""What people do in Slack, answered: the same whether it came by socket or by signed HTTP.

Slack wants to hear within 3 seconds that something arrived. It is told once what was decided is on
the disk, and after `PATIENCE_SECONDS` in any case; what follows reaches people by itself.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from manager_agent.contract.metric import Metric, Sample
from manager_agent.delivery.slack.commands import Commands
from manager_agent.delivery.slack.desk import Desk, Home, Noted
from manager_agent.delivery.slack.interaction import Person, interaction
from manager_agent.delivery.slack.presses import Presses
from manager_agent.delivery.slack.replying import Reply

_log = structlog.get_logger()

PATIENCE_SECONDS = 2.5
MOST_AT_ONCE = 16
Kind = Literal["interactive", "slash_commands"]
Ack = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Parts:
    """Who answers what: `presses` of buttons and forms, `commands`."""

    presses: Presses
    commands: Commands


class Inbound:
    """Takes payloads of Slack, from any thread, a few at a time."""

    def __init__(self, parts: Parts, home: Home, desk: Desk) -> None:
        self._parts = parts
        self._home = home
        self._desk = desk
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._counts: Counter[tuple[str, str]] = Counter()

    def take(self, kind: Kind, payload: Mapping[str, Any]) -> Ack:
        """Do what somebody asks, and return what Slack is to be told at once; None: only that."""
        if not self._room.acquire(blocking=False):
            self._count(kind, "busy")
            return None
        acked: Future[Ack] = Future()
        work = lambda: self._work(kind, payload, acked)  # noqa: E731
        threading.Thread(target=work, name="manager-slack-inbound", daemon=True).start()
        try:
            return acked.result(PATIENCE_SECONDS)
        except NotYet:
            return None

    def metrics(self) -> list[Metric]:
        """Return `manager_slack_inbound_total{kind=...,outcome=...}`."""
        samples = [
            Sample(number, (("kind", kind), ("outcome", outcome)))
            for (kind, outcome), number in sorted(self._counts.items())
        ]
        about = "What people did in Slack: buttons, forms and commands, and what came of it."
        return [Metric("manager_slack_inbound_total", "counter", about, samples)]

    def _work(self, kind: Kind, payload: Mapping[str, Any], acked: "Future[Ack]") -> None:
        try:
            reply = self._reply(kind, payload)
            self._count(kind, reply.outcome)
            acked.set_result(reply.ack)
            if reply.after is not None:
                reply.after()
        except Exception as error:  # noqa: BLE001 - one bad payload must not end the others
            self._count(kind, "error")
            _log.exception("slack_inbound_failed", kind=kind, error=repr(error))
        finally:
            if not acked.done():
                acked.set_result(None)
            self._room.release()

    def _reply(self, kind: Kind, payload: Mapping[str, Any]) -> Reply:
        if kind == "slash_commands":
            who = _typist(payload)
            return self._foreign(who) or self._parts.commands.typed(payload, who)
        found = interaction(payload)
        return self._foreign(found.who) or self._parts.presses.did(found)

    def _foreign(self, who: Person) -> Reply | None:
        """Refuse what is of another workspace or app than ours."""
        why = self._home.foreign(who)
        if why is None:
            return None
        self._desk.note(Noted("foreign", "slack", who.shown, why))
        return Reply("foreign")

    def _count(self, kind: str, outcome: str) -> None:
        self._counts[kind, outcome] += 1


def _typist(payload: Mapping[str, Any]) -> Person:
    named = ("user_id", "user_name", "team_id", "api_app_id")
    return Person(*(str(payload.get(name) or "") for name in named))


Take = Callable[[Kind, Mapping[str, Any]], Ack]
