"""What a demonstration has shown, in a few lines: pure."""

from collections.abc import Sequence

from manager_agent.app.demo.ledger import Served
from manager_agent.app.demo.reading import Reading, Saving
from manager_agent.app.demo.roster import LOOPING
from manager_agent.app.demo.screen import Seen, usd
from manager_agent.app.demo.story import Story

NEXT = (
    "next:",
    "  manager-agent demo     runs until Ctrl-C: time to query it with SQL",
    "  manager-agent serve    a manager for your own agents, OTLP on ports 4317 and 4318",
)
SHOWN_SAVINGS = 3
ALERT_BY_SECONDS = 45.0  # a run shorter than this may end before the first alert


def summary(
    reading: Reading,
    seen: Sequence[Seen],
    *,
    tokens_served: int,
    tokens_counted: int,
    up_seconds: float,
    savings: Sequence[Saving] = (),
) -> str:
    """Return the summary: spend per agent, alerts, and the provider's count beside ours."""
    rows = [f"\n{up_seconds:.0f} s, this month {usd(reading.cost)} in {reading.calls} calls"]
    for row in reading.agents:
        limit = "no budget" if row.limit is None else f"budget ${row.limit:.2f} a month"
        rows.append(f"  {row.agent:<16} {usd(row.spent):>9}   {limit}")
    rows += [_alerts(seen), *_savings(savings), _proof(tokens_served, tokens_counted), *NEXT]
    return "\n".join(rows)


def exit_code(seen: Sequence[Seen], story: Story, seconds: float | None) -> int:
    """Return 0, or 1 where the looping agent had time to be found and stopped, and was not."""
    found = any(entry.alert.agent == LOOPING.agent for entry in seen)
    missed = not found or not story.told
    return int(seconds is not None and seconds >= ALERT_BY_SECONDS and missed)


def tokens_served(served: Sequence[Served]) -> int:
    """Return all tokens the provider has answered with, input and output.

    What a client did not wait for is not among them: nobody can know how much it was.
    """
    return sum(
        entry.usage.prompt.total + entry.usage.output
        for entry in served
        if entry.usage and entry.ending == "whole"
    )


def _alerts(seen: Sequence[Seen]) -> str:
    if not seen:
        return "no alert"
    lines = [f"  {entry.after_seconds:5.1f} s  {entry.alert.headline}" for entry in seen]
    first = f"first alert {seen[0].after_seconds:.1f} s after the server was up"
    return "\n".join([f"alerts: {len(seen)}, {first}", *lines])


def _savings(found: Sequence[Saving]) -> Sequence[str]:
    """Return the largest savings, a line each."""
    if not found:
        return ()
    lines = [
        f"  ${one.low:,.2f} to ${one.high:,.2f} a month  {one.kind} of {one.agent}, {one.model}"
        for one in found[:SHOWN_SAVINGS]
    ]
    return ("$ manager-agent suggest", *lines)


def _proof(served: int, counted: int) -> str:
    """Return the provider's own count of tokens beside the manager's."""
    text = f"the provider served {served:,} tokens, the manager counted {counted:,}"
    if served != counted:
        return f"{text}: a call was under way, or its spans did not arrive"
    return f"{text} (each call was reported by two emitters, and counted once)"
