"""Limits of agents, groups and the fleet in one form, with what their agents spent lately."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from manager_agent.analytics.frames import Frames
from manager_agent.contract.budget import Unit
from manager_agent.contract.window import Period, Window, window_key
from manager_agent.rules.amounts import dollars, usd_text
from manager_agent.rules.message import Fact

SPAN = {"hour": "hourly", "day": "daily", "month": "monthly"}


@dataclass(frozen=True, slots=True)
class Line:
    """One limit in its present window. `limit`, `spent`: nano-USD or tokens, by `unit`.

    `who`: an agent, `group x`, or `the fleet`. `agents`: who spend from it, None being all;
    `spenders`: those who spent most. Times are UTC.
    """

    who: str
    agent: str | None
    agents: frozenset[str] | None
    period: Period
    unit: Unit
    limit: int
    spent: int
    window_start: datetime
    resets_at: datetime
    unpriced_calls: int
    priority: int
    enforcement: str
    spenders: tuple[str, ...] = ()

    def shown(self, amount: int) -> str:
        """Return an amount for people."""
        return dollars(amount) if self.unit == "usd" else f"{amount:,} tokens"

    def facts(self, **amounts: int) -> dict[str, Fact]:
        """Return amounts as facts, exactly, under keys that say their unit."""
        usd = self.unit == "usd"
        return {
            f"{name}_{'usd' if usd else 'tokens'}": usd_text(amount) if usd else amount
            for name, amount in amounts.items()
        }

    @property
    def name(self) -> str:
        """Return what people call it: `daily limit`, `hourly token limit`."""
        return f"{SPAN[self.period]} {'limit' if self.unit == 'usd' else 'token limit'}"

    def subject(self, zone: ZoneInfo) -> str:
        """Return what names it in its window for ever; a limit that was changed is another."""
        key = window_key(Window(self.period, self.window_start, self.resets_at), zone)
        return f"{self.who}|{self.unit}|{self.limit}|{key}"


def lines(frames: Frames) -> Iterator[Line]:
    """Yield the limits of agents, then those of groups and the fleet."""
    for row in frames.budgets.iter_rows(named=True):
        mine = frozenset([row["agent"]])
        yield Line(who=row["agent"], agents=mine, **row)
    yield from pools(frames)


def lasting(
    frames: Frames, near: Callable[..., pl.DataFrame] | None = None, *given: object
) -> Iterator[Line]:
    """Yield the limits of days and months that something is spent of and that are not reached.

    Those that may not last: what is left out is dropped before it costs anything. `near`: which of
    the agents' limits are worth a closer look, asked with these and `given`.
    """
    known = frames.remembered
    budgets, pools = (known.once(_open, table) for table in (frames.budgets, frames.pools))
    if near is not None:
        budgets = known.once(near, budgets, *given)
    yield from lines(replace(frames, budgets=budgets, pools=pools))


def _open(limits: pl.DataFrame) -> pl.DataFrame:
    return limits.filter(
        (pl.col("period") != "hour") & (pl.col("spent") > 0) & (pl.col("spent") < pl.col("limit"))
    )


def pools(frames: Frames) -> Iterator[Line]:
    """Yield the limits of the fleet and of groups."""
    for row in frames.pools.iter_rows(named=True):
        scope, name, agents, spenders = (
            row.pop(key) for key in ("scope", "name", "agents", "spenders")
        )
        yield Line(
            who="the fleet" if scope == "fleet" else f"group {name}",
            agent=None,
            agents=None if agents is None else frozenset(agents),
            spenders=tuple(spenders or ()),
            **row,
        )


def clock(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Return a time of day, with the date where it is not today's: `14:35 CET`."""
    local = moment.astimezone(zone)
    same = local.date() == now.astimezone(zone).date()
    return f"{local:%H:%M %Z}" if same else f"{local:%Y-%m-%d %H:%M %Z}"
