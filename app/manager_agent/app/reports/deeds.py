"""What the manager did in a period, and the dollars that it kept."""

from collections.abc import Iterator

from manager_agent.app.reports import words
from manager_agent.app.reports.gathered import TREND_DAYS, Gathered
from manager_agent.rules.amounts import counted, dollars
from manager_agent.rules.message import Section

_REASONS = 6


def deeds_section(of: Gathered) -> Section:
    """Return what was blocked, approved and recovered; a sentence where that is nothing."""
    lines = list(_lines(of)) or ["Nothing had to be done."]
    refused = of.seen.refused
    rows = tuple(
        (words.name(one.agent), (one.reason or "unknown").replace("_", " "), f"{one.calls:,}")
        for one in refused[:_REASONS]
    )
    columns = ("Refused", "Why", "Calls") if rows else ()
    return Section("What the manager did", "\n".join(lines), columns, rows)


def _lines(of: Gathered) -> Iterator[str]:
    seen = of.seen
    if seen.refused:
        yield f"Blocked: {counted(seen.refused_calls, 'call')} refused; {_kept(of)}"
    approved, denied = seen.did("approval", *_APPROVED), seen.did("approval", "denied", "refused")
    if approved or denied:
        expired = seen.did("approval", "expired", "timeout")
        yield f"Approvals: {approved} given, {denied} denied, {expired} ran out"
    opened, closed = seen.did("breaker", "open"), seen.did("breaker", "closed")
    if opened or closed:
        yield f"Circuit breakers: opened {_times(opened)}, recovered {_times(closed)}"
    paused, resumed = seen.did("pause", "paused"), seen.did("pause", "running")
    if paused or resumed:
        yield f"Agents: paused {_times(paused)}, resumed {_times(resumed)}"
    alerted = seen.alerted
    if alerted.fired or alerted.resolved or alerted.open:
        yield f"Alerts: {alerted.fired} fired, {alerted.resolved} resolved, {alerted.open} open"


_APPROVED = ("approved", "approved_once", "approved_amount", "cheaper_model")


def _kept(of: Gathered) -> str:
    if of.kept is None:
        return "what they would have cost is not known"
    return (
        f"about {dollars(of.kept)} kept, at what their agents' calls cost in the mean of"
        f" {TREND_DAYS} days"
    )


def _times(count: int) -> str:
    return counted(count, "time")
