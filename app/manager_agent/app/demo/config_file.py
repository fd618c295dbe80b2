"""The demonstration's configuration: a budget for each agent, and a tick every two seconds."""

from collections.abc import Iterable
from typing import Any

import yaml

from manager_agent.app.demo.roster import Member

CHECK_SECONDS = 2  # somebody is watching,
SNAPSHOT_SECONDS = 5  # and asking in SQL
OPEN_SECONDS = 5  # a breaker; nobody would wait for the usual five minutes


def config_yaml(fleet: Iterable[Member]) -> str:
    """Return the YAML of a configuration file."""
    budgets = {member.agent: _budget(member) for member in fleet}
    config = {
        "agent_budgets": budgets,
        "monitoring": {"check_interval_seconds": CHECK_SECONDS},
        "storage": {"snapshot_seconds": SNAPSHOT_SECONDS},
        "breaker": {"base_open_seconds": OPEN_SECONDS},
    }
    return yaml.safe_dump(config, sort_keys=False)


def _budget(member: Member) -> dict[str, Any]:
    return {"monthly_limit_usd": float(member.monthly_limit_usd), "enforcement": "hard"}
