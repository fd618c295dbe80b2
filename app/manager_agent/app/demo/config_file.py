"""The demonstration's configuration: a budget for each agent, and a tick every two seconds."""

from collections.abc import Iterable
from typing import Any

import yaml

from manager_agent.app.demo.roster import Member

CHECK_SECONDS = 2  # somebody is watching


def config_yaml(fleet: Iterable[Member]) -> str:
    """Return the YAML of a configuration file."""
    budgets = {member.agent: _budget(member) for member in fleet}
    monitoring = {"check_interval_seconds": CHECK_SECONDS}
    return yaml.safe_dump({"agent_budgets": budgets, "monitoring": monitoring}, sort_keys=False)


def _budget(member: Member) -> dict[str, Any]:
    return {"hourly_limit_usd": float(member.hourly_limit_usd)}
