"""Receiver drops: requests that were refused, or parts of them that nobody could read."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, resolved, said, sample, titled
from manager_agent.rules.message import Message

_DO = {
    "no_room": "Make room on the manager's disk.",
    "too_large": "Send smaller batches, or raise `receiver.max_request_mib`.",
    "malformed": "`manager-agent decode` says what is wrong with a recorded request.",
    "missing": "Set `MANAGER_TOKEN` where the sender runs.",
    "unknown": "Put the sender's token into `receiver.tokens`, or take it from the sender.",
}


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "receiver_drops",
        "warning",
        None,
        "28 requests of telemetry were turned away unread in ten minutes (missing): the sender "
        "shows no token; set MANAGER_TOKEN where it runs",
        {"kind": "denied", "reason": "missing", "number": 28, "minutes": 10},
    )
    yield one
    yield resolved(one, "the receiver drops denied: missing")


KIND = Kind(
    title=titled("Telemetry is turned away", "reason"),
    samples=_samples,
    labels={"reason": "Why", "number": "How many", "minutes": "Minutes looked at"},
    hidden=frozenset({"kind"}),
    over=lambda message: "Telemetry is taken in again.",
    advice=lambda message: _DO.get(
        said(message, "reason") or "", "See what arrives: `manager-agent status`."
    ),
)
