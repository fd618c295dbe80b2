"""How one notifier is doing: pure, so that pausing and recovering can be read and replayed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from manager_agent.delivery.notifier import Failed, Outcome
from manager_agent.delivery.retry import GiveUp, decide

DOUBTED_AFTER = 10
"""Tries after which the fault may be the message's own: then one other message is tried too.

A message that the other side always chokes on would otherwise hold up all that follow it.
"""

Health = Literal["untried", "ok", "retrying", "refused", "stopped"]


@dataclass(frozen=True, slots=True)
class Channel:
    """The state of one notifier.

    `failures`: transient failures in a row. `paused_until` (UTC): nothing is sent before.
    `reason`: of the last failure, None once a message got through. `on_trial`: the last failure
    was put down to the message, so the next one shows whether that was right. `stopped` (health):
    nothing is sent until somebody changed something and said so, or the manager starts anew.
    """

    name: str
    health: Health = "untried"
    failures: int = 0
    paused_until: datetime | None = None
    reason: str | None = None
    on_trial: bool = False

    def paused(self, now: datetime) -> bool:
        """Whether the other side is to be left alone at `now`."""
        if self.health == "stopped":
            return True
        return self.paused_until is not None and now < self.paused_until

    def after(self, outcome: Outcome, now: datetime, tries: int = 1) -> "Channel":
        """Return the state that follows `outcome` at `now`, of a message's try number `tries`."""
        if not isinstance(outcome, Failed):
            return Channel(self.name, "ok")
        if outcome.stops:
            return Channel(self.name, "stopped", self.failures + 1, reason=outcome.reason)
        answer = decide(self.failures + 1, outcome, now)
        if isinstance(answer, GiveUp):
            return Channel(self.name, "refused", reason=outcome.reason)
        doubted = tries > DOUBTED_AFTER and not self.on_trial and answer.why == "backoff"
        return Channel(
            self.name,
            "retrying",
            failures=self.failures + 1,
            paused_until=None if doubted else answer.at,
            reason=outcome.reason,
            on_trial=doubted,
        )
