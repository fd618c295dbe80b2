"""What is configured about budgets, as the ledger, the rules and the guards take it."""

from manager_agent.analytics.frames import Thresholds
from manager_agent.app.sections import BudgetEntry, Enforcement, Fleet
from manager_agent.app.sections import Group as GroupSection
from manager_agent.app.settings import Settings
from manager_agent.contract.budget import BudgetPolicy, Group, Limits
from manager_agent.contract.money import nano_usd
from manager_agent.control.approval_needs import Needs
from manager_agent.control.guard_policy import Conduct


def budget_policy(settings: Settings) -> BudgetPolicy:
    """Return the budgets as configured; none where nothing is."""
    otherwise = settings.budgets.enforcement
    entries = {agent: _limits(one, otherwise) for agent, one in settings.agent_budgets.items()}
    default = entries.pop("default", None)
    fleet = _limits(settings.fleet, otherwise)
    return BudgetPolicy(
        default,
        entries,
        warn_at=tuple(sorted(set(settings.budgets.warn_at))),
        zone=settings.zone,
        groups={name: _group(one, otherwise) for name, one in settings.groups.items()},
        fleet=fleet if any(fleet.each()) else None,
        unreachable=settings.budgets.unreachable,
    )


def thresholds(settings: Settings) -> Thresholds:
    """Return the simple limits as the rules take them; None where the key is not named."""
    named = settings.thresholds
    percent = named.cost_spike_percentage
    return Thresholds(
        cost_spike_percentage=None if percent is None else float(percent),
        infinite_loop_calls_per_minute=named.infinite_loop_calls_per_minute,
        max_consecutive_failures=named.max_consecutive_failures,
    )


def conduct(settings: Settings) -> Conduct:
    """Return how guards are to treat what budgets alone do not say."""
    budgets, approval = settings.budgets, settings.approval
    return Conduct(
        unpriced=budgets.unpriced,
        ceiling_nano_per_mtok=nano_usd(budgets.ceiling_usd_per_mtok),
        max_wait_ms=int(budgets.max_wait_seconds * 1000),
        needs=needs(settings),
        cheaper=dict(approval.cheaper),
        cheaper_agents=approval.cheaper_agents,
        approval_timeout_ms=int(approval.timeout_seconds * 1000),
        allow_on_timeout=approval.on_timeout == "allow",
    )


def needs(settings: Settings) -> Needs:
    """Return which calls people are asked about."""
    approval = settings.approval
    above = approval.cost_usd
    return Needs(
        above_nano=None if above is None else nano_usd(above),
        models=approval.models,
        agents=approval.agents,
        tools=approval.tools,
        priorities=frozenset(approval.priorities),
        budget=approval.budget,
    )


def _group(section: GroupSection, otherwise: Enforcement) -> Group:
    return Group(frozenset(section.agents), _limits(section, otherwise), dict(section.floors))


def _limits(section: BudgetEntry | GroupSection | Fleet, otherwise: Enforcement) -> Limits:
    apart = {"enforcement", "agents", "floors"}
    written = {key: value for key, value in dict(section).items() if key not in apart}
    return Limits(**written, enforcement=section.enforcement or otherwise)
