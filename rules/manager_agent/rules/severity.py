"""How severe a finding is by whom it concerns: the one place where priorities count."""

from dataclasses import replace
from typing import Final

from manager_agent.contract.budget import BudgetPolicy
from manager_agent.rules.finding import Finding
from manager_agent.rules.message import Severity

_CRITICAL_AGENT = 1
_A_STEP_UP: Final[dict[Severity, Severity]] = {
    "info": "warning",
    "warning": "critical",
    "critical": "critical",
}


def weighed(finding: Finding, policy: BudgetPolicy) -> Finding:
    """Return it a step more severe where it asks for that and its agent's priority is 1."""
    if not finding.by_priority or finding.agent is None:
        return finding
    limits = policy.limits_of(finding.agent)
    if limits is None or limits.priority != _CRITICAL_AGENT:
        return finding
    return replace(finding, severity=_A_STEP_UP[finding.severity])
