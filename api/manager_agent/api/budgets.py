"""Budgets over REST: the entry that holds, what is left of it, and whether a call would fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from manager_agent.api.fields import Fields
from manager_agent.api.standing import Standing
from manager_agent.contract.budget import BudgetPolicy, Enforcement, Limits, Unit
from manager_agent.contract.command import SetBudget
from manager_agent.contract.money import nano_usd, usd
from manager_agent.contract.window import Period

MOST_USD = 9_000_000_000  # what an int64 of nano-USD holds
_MOST_TOKENS = 10**15
_USD = ("hourly_limit_usd", "daily_limit_usd", "monthly_limit_usd")
_TOKENS = ("hourly_token_limit", "daily_token_limit", "monthly_token_limit")
KNOWN = (*_USD, *_TOKENS, "priority", "enforcement", "why", "agent_id")
_NAMES: dict[tuple[Unit, Period], str] = dict(
    zip(
        [(unit, period) for unit in get_args(Unit) for period in get_args(Period)],
        [*_USD, *_TOKENS],
        strict=True,
    )
)

DEFAULT = "default"
Source = Literal["set", "configured", "default", "none"]
CheckReason = Literal["within_budget", "over_budget", "no_budget", "observed", "paused"]


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a call would fit into its agent's budgets, and by which limit that was decided.

    `reason`: `observed`: over a limit that is only watched. `row`: the limit that is in the way,
    else the one with the least left; None without limits.
    """

    allowed: bool
    reason: CheckReason
    row: Standing | None = None


def checked(rows: Sequence[Standing], estimated_nano: int) -> Checked:
    """Return whether a call of `estimated_nano` nano-USD fits under all of an agent's limits.

    A limit that is used up lets nothing through, not even a call that costs nothing.
    """
    if not rows:
        return Checked(True, "no_budget")
    over = [row for row in rows if row.left <= 0 or row.left < _cost(row, estimated_nano)]
    if not over:
        return Checked(True, "within_budget", min(rows, key=_share_left))
    # The one that ends last: until then, nothing helps.
    last = max(over, key=lambda row: (row.resets_at, -_share_left(row)))
    if last.enforcement == "observe":
        return Checked(True, "observed", last)
    return Checked(False, "over_budget", last)


def limit_name(row: Standing) -> str:
    """Return the name of a limit as the configuration has it, such as `daily_limit_usd`."""
    return _NAMES[row.unit, row.period]


@dataclass(frozen=True, slots=True)
class Change:
    """Single limits to be put in place of others: nano-USD or tokens; None takes one away."""

    amounts: Mapping[tuple[Unit, Period], int | None]
    why: str


def changed(body: Mapping[str, Any]) -> Change:
    """Return what the body of a PATCH changes; null takes a limit away.

    Raises `Problem` with all mistakes.
    """
    fields = Fields(body, (*_USD, *_TOKENS, "why"))
    amounts: dict[tuple[Unit, Period], int | None] = {}
    for (unit, period), name in _NAMES.items():
        if unit == "usd":
            money = fields.usd(name, MOST_USD)
            amount = None if money is None else nano_usd(money)
        else:
            amount = fields.whole(name, most=_MOST_TOKENS)
        if name in body:
            amounts[unit, period] = amount
    why = fields.text("why")
    if not amounts:
        fields.wrong(f"no limit is named; give at least one of {', '.join((*_USD, *_TOKENS))}")
    fields.done()
    return Change(amounts, why or "")


def amended(limits: Limits | None, change: Change, otherwise: Enforcement) -> Limits:
    """Return an entry with other amounts; `otherwise`: how its limits bind if it is new."""
    amounts: dict[str, Any] = {
        _NAMES[unit, period]: usd(amount) if unit == "usd" and amount is not None else amount
        for (unit, period), amount in change.amounts.items()
    }
    return replace(limits or Limits(enforcement=otherwise), **amounts)


def set_budget(
    agent: str, body: Mapping[str, Any], who: str, at: datetime, otherwise: Enforcement
) -> SetBudget:
    """Return the command of the body of a PUT. Raises `Problem` with all mistakes.

    The entry replaces the agent's former one entirely, as an entry of the configuration does.
    `otherwise`: how limits bind where the body does not say.
    """
    fields = Fields(body, KNOWN)
    named = fields.text("agent_id")
    if named not in (None, agent):
        fields.wrong(f"agent_id = {named!r} is not the agent of the address, {agent!r}")
    if len(agent) > 200 or not agent.isprintable():
        fields.wrong("the agent's name must be of at most 200 characters")
    enforcement = fields.text("enforcement")
    if enforcement is not None and enforcement not in get_args(Enforcement):
        fields.wrong(f"enforcement = {enforcement!r} must be one of hard, firm, soft, observe")
    limits: dict[str, Any] = {name: fields.usd(name, MOST_USD) for name in _USD}
    limits |= {name: fields.whole(name, most=_MOST_TOKENS) for name in _TOKENS}
    priority = fields.whole("priority", least=1, most=4)
    why = fields.text("why")
    fields.done()
    return SetBudget(
        agent,
        Limits(**limits, priority=priority or 3, enforcement=enforcement or otherwise),  # type: ignore[arg-type]  # checked above
        at,
        who,
        why,
    )


def entry_of(policy: BudgetPolicy, agent: str) -> Limits | None:
    """Return the entry that holds for `agent`; `default` is that of all without one."""
    return policy.default if agent == DEFAULT else policy.limits_of(agent)


def source_of(policy: BudgetPolicy, overridden: frozenset[str], agent: str) -> Source:
    """Return where the entry that holds for `agent` comes from."""
    if agent in overridden:
        return "set"
    if agent in policy.agents:
        return "configured"
    if policy.default is None:
        return "none"
    if agent == DEFAULT:
        return "configured"
    return "default"


def _cost(row: Standing, estimated_nano: int) -> int:
    return estimated_nano if row.unit == "usd" else 0


def _share_left(row: Standing) -> Decimal:
    return Decimal(row.left) / row.limit if row.limit else Decimal(0)


def estimate_of(text: str | None) -> int | None:
    """Return the nano-USD of `?estimated_cost=`, 0 where it is not given; None for no amount."""
    try:
        found = Decimal(text or "0")
    except ArithmeticError:
        return None
    return nano_usd(found) if found.is_finite() and 0 <= found <= MOST_USD else None
