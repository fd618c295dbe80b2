"""When to try again: a pure question about attempts, an answer and the time.

Transient failures are retried for ever, since a day without Slack may lose no alert. There is no
jitter: each manager has one sender, so there is no herd to spread.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from manager_agent.delivery.notifier import Failed

FIRST_SECONDS = 1.0
"""Wait after the first failure; it doubles with each further one."""

LONGEST_SECONDS = 300.0
"""Longest wait of our own choosing: five minutes after an outage ends, people know."""

LONGEST_ASKED_SECONDS = 3600.0
"""Longest `Retry-After` that is obeyed: a garbled header may not silence alerts for a day."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at `at` (UTC), and why then."""

    at: datetime
    why: Literal["asked", "backoff"]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Trying again cannot help."""

    reason: str


def decide(attempts: int, failed: Failed, now: datetime) -> Again | GiveUp:
    """Say what follows the failure that was attempt number `attempts` (from 1) at `now`."""
    if failed.permanent:
        return GiveUp(failed.reason)
    if failed.retry_after_seconds is not None:
        asked = min(max(failed.retry_after_seconds, FIRST_SECONDS), LONGEST_ASKED_SECONDS)
        return Again(now + timedelta(seconds=asked), "asked")
    return Again(now + timedelta(seconds=backoff_seconds(attempts)), "backoff")


def backoff_seconds(attempts: int) -> float:
    """Return the wait after `attempts` failures in a row: 1, 2, 4, ... 300 seconds."""
    doublings = min(max(attempts - 1, 0), 16)  # bounded, so that no count of attempts overflows
    return min(FIRST_SECONDS * float(2**doublings), LONGEST_SECONDS)
