"""The demonstration on the terminal: pure, from a `Reading` to what rich or a pipe prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from manager_agent.app.demo.reading import AgentRow, Reading
from manager_agent.app.demo.slack_frame import slack_frame
from manager_agent.app.demo.story import Told
from manager_agent.delivery.console import draw
from manager_agent.delivery.wording import card
from manager_agent.rules.message import Message

BAR = 20  # characters
SHOWN_ALERTS = 1  # the newest; a terminal of 40 lines holds it


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert and how many seconds after the server was up it was first seen."""

    alert: Message
    after_seconds: float


def screen(
    reading: Reading,
    seen: Sequence[Seen],
    *,
    now: datetime,
    up_seconds: float,
    api_url: str,
    told: Sequence[Told] = (),
) -> RenderableType:
    """Return the whole screen; `told`: what happened so far."""
    head = Text.assemble(
        ("Manager Agent", "bold"), f"  up {up_seconds:.0f} s", "  ", totals(reading)
    )
    alerts: list[RenderableType] = [slack_frame(entry.alert) for entry in seen[-SHOWN_ALERTS:]]
    waiting = Text("no alert yet: research-agent is on its way to its budget", style="dim")
    return Group(
        head,
        spend(reading.agents, now),
        *(Text(story_line(each), style="bold magenta") for each in told),
        Text("#alerts, as Slack would show them", style="bold"),
        *(Text(_earlier(entry), style="dim", no_wrap=True) for entry in seen[:-SHOWN_ALERTS]),
        *(alerts or [waiting]),
        Text("try in another terminal (Ctrl-C ends the demo)", style="bold"),
        *(Text(f"  {line}", style="cyan", no_wrap=True) for line in lines_to_try(api_url)),
    )


def totals(reading: Reading) -> str:
    """Return this month's sums in a line."""
    return f"this month {usd(reading.cost)}, {reading.calls} calls, {reading.tokens:,} tokens"


def spend(agents: Sequence[AgentRow], now: datetime) -> Table:
    """Return the table of what each agent has spent of its budget."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("agent")
    table.add_column("monthly budget", no_wrap=True)
    for title in ("spent", "limit", "calls/h", "tokens/h", "ok", "seen"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in agents:
        share = used(row)
        table.add_row(
            row.agent,
            Text(bar(share), style=_style(share)),
            Text(usd(row.spent), style=_style(share)),
            "-" if row.limit is None else f"${row.limit:.2f}",
            str(row.calls),
            "-" if row.tokens is None else f"{row.tokens:,}",
            "-" if row.success_rate is None else f"{row.success_rate:.0%}",
            _ago(row.last_seen, now),
        )
    return table


def alert_text(entry: Seen) -> str:
    """Return an alert for a pipe, as the manager's console shows it."""
    head = f"alert, {entry.after_seconds:.1f} s after the server was up:"
    return f"{head}\n{draw(card(entry.alert))}"


def story_line(told: Told) -> str:
    """Return one thing that happened."""
    return f"{told.after_seconds:6.1f} s  {told.text}"


def progress_line(reading: Reading, up_seconds: float) -> str:
    """Return the state in one line, for a pipe."""
    agents = "  ".join(
        f"{row.agent} {usd(row.spent)}" + ("" if row.limit is None else f" of ${row.limit:.2f}")
        for row in reading.agents
    )
    return f"[{up_seconds:5.1f} s] {totals(reading)} | {agents}"


def lines_to_try(api_url: str) -> Sequence[str]:
    """Return command lines that work while the demonstration runs."""
    return (
        f"export MANAGER_API_URL={api_url}",
        "manager-agent status",
        'manager-agent sql "SELECT agent, sum(cost_usd) FROM llm_calls GROUP BY 1"',
        'manager-agent sql "SELECT emitters, count(*) FROM llm_calls GROUP BY 1"',
        f"curl {api_url}/api/v1/manager/dashboard",
    )


def used(row: AgentRow) -> float | None:
    """Return the share of its budget an agent has spent, None without a budget."""
    return None if not row.limit else float(row.spent / row.limit)


def bar(share: float | None) -> str:
    """Return a bar of `BAR` characters and the share in per cent."""
    if share is None:
        return "no limit"
    filled = min(BAR, int(share * BAR))
    return "█" * filled + "░" * (BAR - filled) + f" {share:4.0%}"


def usd(amount: Decimal) -> str:
    """Return an amount as people read it, to a hundredth of a cent."""
    return f"${amount:.4f}"


def _earlier(entry: Seen) -> str:
    return f"  {entry.after_seconds:.1f} s  {entry.alert.headline}"


def _style(share: float | None) -> str:
    if share is None or share < 0.5:
        return "green"
    return "yellow" if share < 1 else "bold red"


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    return f"{max(0.0, (now - moment).total_seconds()):.0f} s ago"
