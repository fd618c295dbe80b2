"""The demonstration's configuration: a budget for each agent, and a tick every two seconds."""

from collections.abc import Iterable
from typing import Any

import yaml

from manager_agent.app.demo.roster import Member

CHECK_SECONDS = 2  # somebody is watching,
SNAPSHOT_SECONDS = 5  # and asking in SQL


def config_yaml(fleet: Iterable[Member]) -> str:
    """Return the YAML of a configuration file."""
    budgets = {member.agent: _budget(member) for member in fleet}
    config = {
        "agent_budgets": budgets,
        "monitoring": {"check_interval_seconds": CHECK_SECONDS},
        "storage": {"snapshot_seconds": SNAPSHOT_SECONDS},
    }
    return yaml.safe_dump(config, sort_keys=False)


def _budget(member: Member) -> dict[str, Any]:
    # Watched, not enforced: the demonstration shows who is told, not who is stopped.
    return {"hourly_limit_usd": float(member.hourly_limit_usd), "enforcement": "observe"}
