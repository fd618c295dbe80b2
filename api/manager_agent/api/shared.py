"""Limits that agents share, a group's and the fleet's, as clients see them."""

from collections.abc import Sequence
from typing import Any

from manager_agent.api import shapes
from manager_agent.api.problem import Problem
from manager_agent.api.services import Oversight
from manager_agent.api.standing import shared
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.control.rows import LimitKey
from manager_agent.control.views import AccountView


def every_shared(oversight: Oversight | None) -> dict[str, Any]:
    """Return the `groups`, and the `fleet`, null where it has no limits. Raises `BusyError`."""
    if oversight is None:
        return {"groups": [], "fleet": None}
    policy, accounts = oversight.policy(), oversight.accounts()
    set_limits = oversight.set_limits()
    groups = [_group(name, policy, accounts, set_limits) for name in sorted(policy.groups)]
    fleet = _fleet(policy, accounts, set_limits)
    return {"groups": groups, "fleet": fleet if fleet["budgets"] else None}


def group_shown(oversight: Oversight, name: str) -> dict[str, Any]:
    """Return one group. Raises `BusyError`, and `Problem` where there is none of that name."""
    policy = oversight.policy()
    if name not in policy.groups:
        known = ", ".join(sorted(policy.groups)) or "none"
        detail = f"no group {name!r} is configured under `groups`; there are: {known}"
        raise Problem(404, "unknown-group", detail)
    return _group(name, policy, oversight.accounts(), oversight.set_limits())


def fleet_shown(oversight: Oversight) -> dict[str, Any]:
    """Return the limits of all agents together. Raises `BusyError`."""
    return _fleet(oversight.policy(), oversight.accounts(), oversight.set_limits())


def _group(
    name: str,
    policy: BudgetPolicy,
    accounts: Sequence[AccountView],
    set_limits: frozenset[LimitKey],
) -> dict[str, Any]:
    group = policy.groups[name]
    changed = any(key[:2] == ("group", name) for key in set_limits)
    return {
        "group": name,
        "agents": sorted(group.agents),
        "source": "set" if changed else "configured",
        **shapes.limits(group.limits),
        "floors": {str(priority): float(share) for priority, share in group.floors.items()},
        "budgets": [shapes.budget(row) for row in shared(accounts, "group", name)],
    }


def _fleet(
    policy: BudgetPolicy, accounts: Sequence[AccountView], set_limits: frozenset[LimitKey]
) -> dict[str, Any]:
    changed = any(key[0] == "fleet" for key in set_limits)
    configured = "configured" if policy.fleet else "none"
    return {
        "source": "set" if changed else configured,
        **shapes.limits(policy.fleet),
        "budgets": [shapes.budget(row) for row in shared(accounts, "fleet")],
    }
