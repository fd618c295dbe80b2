"""What people say was spent of limits in their present windows: commands of a request's body."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from manager_agent.api.budgets import MOST_USD, limit_name
from manager_agent.api.fields import Fields
from manager_agent.api.problem import Problem
from manager_agent.api.standing import Standing
from manager_agent.contract.budget import Unit
from manager_agent.contract.money import nano_usd
from manager_agent.contract.window import Period
from manager_agent.control.commands import Correct
from manager_agent.control.rows import Scope

_KNOWN = ("period", "unit", "spent_usd", "spent_tokens", "why")


def corrections(
    body: Mapping[str, Any], rows: Sequence[Standing], of: tuple[Scope, str], by: str
) -> list[Correct]:
    """Return the commands: all limits that fit `period` and `unit` are set to `spent`, else to 0.

    Raises `Problem` with all mistakes, and where there is no such limit.
    """
    fields = Fields(body, _KNOWN)
    period = _one_of(fields, "period", get_args(Period))
    unit = _one_of(fields, "unit", get_args(Unit))
    money, tokens = fields.usd("spent_usd", MOST_USD), fields.whole("spent_tokens")
    why = fields.text("why") or ""
    if money is not None and tokens is not None:
        fields.wrong("spent_usd and spent_tokens are both given; correct one after the other")
    given = "usd" if money is not None else "tokens" if tokens is not None else unit
    if unit not in (None, given):
        fields.wrong(f"unit = {unit!r} does not fit what was spent, which is in {given}")
    fields.done()
    fitting = [row for row in rows if period in (None, row.period) and given in (None, row.unit)]
    if (money or tokens) and len(fitting) > 1:
        detail = "a sum is of one window; name its period: hour, day or month"
        raise Problem(400, "bad-request", detail, errors=[detail])
    if not fitting:
        raise _no_limit(rows, of, period, given)
    spent = nano_usd(money) if money is not None else tokens or 0
    return [Correct(*of, row.period, row.unit, spent, by, why) for row in fitting]


def _one_of(fields: Fields, name: str, allowed: Sequence[str]) -> str | None:
    found = fields.text(name)
    if found is not None and found not in allowed:
        fields.wrong(f"{name} = {found!r} must be one of {', '.join(allowed)}")
    return found


def _no_limit(
    rows: Sequence[Standing], of: tuple[Scope, str], period: str | None, unit: str | None
) -> Problem:
    asked = " ".join(filter(None, (period, unit)))
    known = ", ".join(limit_name(row) for row in rows) or "none"
    subject = " ".join(filter(None, of))
    detail = f"{subject} has no limit{f' by {asked}' if asked else ''}; it has: {known}"
    return Problem(404, "unknown-budget", detail)
