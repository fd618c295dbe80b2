"""Receiver drops: requests that were refused, or parts of them that nobody could read."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule

_WHAT = {
    "items": "spans, records, points or parts of them were not taken in",
    "requests": "requests of telemetry were turned away",
    "denied": "requests of telemetry were turned away unread",
}
_DO = {
    "full": "too much waits for the disk; senders try again, and lose what they have no room for",
    "no_room": "the disk is nearly full: make room",
    "stopping": "the manager was stopping; senders try again",
    "too_large": "send smaller batches, or raise receiver.max_request_mib",
    "malformed": "the sender does not speak OTLP; `manager-agent decode` says what is wrong",
    "too_slow": "the sender took too long to send",
    "broken_off": "the sender broke off",
    "missing": "the sender shows no token; set MANAGER_TOKEN where it runs",
    "unknown": "the sender's token is not one of receiver.tokens",
}


@rule
class ReceiverDrops:
    """Tells when telemetry is turned away or not understood, with the reason.

    What is dropped is in no report, and senders rarely say.

    Log records and points of metrics that are about something else than calls do not count.
    """

    min_items: Annotated[int, Field(ge=1)] = 10
    """Spans, records, points, or parts of them, in ten minutes before it is told."""

    min_requests: Annotated[int, Field(ge=1)] = 5
    """Requests in ten minutes before it is told."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every reason for which enough is dropped."""
        for row in frames.drops.iter_rows(named=True):
            least = self.min_items if row["kind"] == "items" else self.min_requests
            if row["number"] >= least:
                yield _finding(row)


def _finding(row: dict[str, Any]) -> Finding:
    kind, reason, number = row["kind"], row["reason"], row["number"]
    do = f": {_DO[reason]}" if reason in _DO else ""
    return Finding(
        rule="receiver_drops",
        subject=f"{kind}|{reason}",
        agent=None,
        severity="info" if reason == "stopping" else "warning",
        title=f"the receiver drops {kind}: {reason}",
        headline=f"{number:,} {_WHAT[kind]} in ten minutes ({reason}){do}",
        evidence={"kind": kind, "reason": reason, "number": number, "minutes": 10},
        tell_resolved=True,
    )
