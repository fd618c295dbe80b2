"""What each agent may spend, as configured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from manager_agent.contract.money import nano_usd
from manager_agent.contract.window import Period

Unit = Literal["usd", "tokens"]
Enforcement = Literal["hard", "firm", "soft", "observe"]
Unreachable = Literal["static", "closed", "open"]
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Limit:
    """Most that may be spent in one window: nano-USD or tokens, by `unit`."""

    period: Period
    unit: Unit
    amount: int


@dataclass(frozen=True, slots=True)
class Limits:
    """One agent's entry under `agent_budgets`; a limit of None is no limit.

    `priority`: 1 critical, 2 high, 3 medium, 4 low.
    """

    hourly_limit_usd: Decimal | None = None
    daily_limit_usd: Decimal | None = None
    monthly_limit_usd: Decimal | None = None
    hourly_token_limit: int | None = None
    daily_token_limit: int | None = None
    monthly_token_limit: int | None = None
    priority: int = 3
    enforcement: Enforcement = "hard"

    def each(self) -> Iterator[Limit]:
        """Yield the limits that are set: hour, day, month; in each USD before tokens."""
        written: tuple[tuple[Period, Decimal | None, int | None], ...] = (
            ("hour", self.hourly_limit_usd, self.hourly_token_limit),
            ("day", self.daily_limit_usd, self.daily_token_limit),
            ("month", self.monthly_limit_usd, self.monthly_token_limit),
        )
        for period, usd, tokens in written:
            if usd is not None:
                yield Limit(period, "usd", nano_usd(usd))
            if tokens is not None:
                yield Limit(period, "tokens", tokens)


@dataclass(frozen=True, slots=True)
class Group:
    """Agents that share limits, beside the limits of their own.

    `floors`: shares of each limit that are kept for agents of a priority, `{1: Decimal("0.2")}`
    being a fifth for the critical ones; beyond its floor a priority draws on what is left.
    """

    agents: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    floors: Mapping[int, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """All that is configured about budgets.

    `default`: for each agent that has no entry of its own. `agents`: entries by agent; one
    replaces `default` entirely. `warn_at`: shares of a limit at which people are told, 1 being all
    of it. `zone`: whose calendar hours, days and months follow. `groups`: by name. `fleet`: limits
    of all agents together. `unreachable`: what guards do without the manager: `static` use up what
    they hold and the allowance that they were given for that, `closed` stop, `open` go on.
    """

    default: Limits | None = None
    agents: Mapping[str, Limits] = field(default_factory=dict)
    warn_at: tuple[Decimal, ...] = (Decimal("0.5"), Decimal("0.8"), Decimal(1))
    zone: ZoneInfo = _UTC
    groups: Mapping[str, Group] = field(default_factory=dict)
    fleet: Limits | None = None
    unreachable: Unreachable = "static"

    def limits_of(self, agent: str) -> Limits | None:
        """Return the entry that holds for `agent`; None where it has no budget."""
        return self.agents.get(agent, self.default)

    def periods(self) -> frozenset[Period]:
        """Return the periods that some limit is set for: of an agent, a group or the fleet."""
        others = [one for one in (self.default, self.fleet) if one is not None]
        entries = [*self.agents.values(), *others, *(one.limits for one in self.groups.values())]
        return frozenset(limit.period for entry in entries for limit in entry.each())
