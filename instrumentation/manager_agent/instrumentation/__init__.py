"""Inside the agent: calls are metered, spans go out.

What users name is loaded when it is named: this package is imported at the start of processes
that may never call a model.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from manager_agent.instrumentation.client import (
        CostTracker,
        ManagerClient,
        ManagerError,
        cost_tracker,
    )
    from manager_agent.instrumentation.identity import agent
    from manager_agent.instrumentation.records import AgentBudget, APICall, UsageStats
    from manager_agent.instrumentation.track import BudgetExceededError, track_llm_call

__all__ = [
    "APICall",
    "AgentBudget",
    "BudgetExceededError",
    "CostTracker",
    "ManagerClient",
    "ManagerError",
    "UsageStats",
    "agent",
    "cost_tracker",
    "track_llm_call",
]

_HOMES = {
    "APICall": "records",
    "AgentBudget": "records",
    "BudgetExceededError": "track",
    "CostTracker": "client",
    "ManagerClient": "client",
    "ManagerError": "client",
    "UsageStats": "records",
    "agent": "identity",
    "cost_tracker": "client",
    "track_llm_call": "track",
}


def __getattr__(name: str) -> "Any":
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found  # the next one finds it at once
    return found


def __dir__() -> "list[str]":
    return sorted(__all__)
