"""Whether a finding can be kept and told: what one rule got wrong must not stop the others."""

import math
from datetime import timedelta
from typing import get_args

from manager_agent.rules.finding import Finding, Mutes
from manager_agent.rules.message import Severity

_TEXTS = ("subject", "title", "headline")
_SEVERITIES = frozenset(get_args(Severity))
_ZERO = timedelta(0)


def fault_of(finding: object, rule: str) -> str | None:
    """Return what is wrong with what `rule` found, None where nothing is."""
    if not isinstance(finding, Finding):
        return f"found a {type(finding).__name__}, which is no Finding"
    if finding.rule != rule:
        return f"a finding is of rule {finding.rule!r}; it must be {rule!r}"
    wrong = _wrong_field(finding) or _wrong_fact(finding) or _wrong_mutes(finding)
    return None if wrong is None else f"{str(finding.subject)[:100]!r}: {wrong}"


def _wrong_field(finding: Finding) -> str | None:
    for name in _TEXTS:
        if not isinstance(getattr(finding, name), str):
            return f"{name} is no text"
    if not isinstance(finding.agent, str | None):
        return "agent is neither a text nor None"
    if finding.severity not in _SEVERITIES:
        return f"severity {finding.severity!r} is none of {', '.join(sorted(_SEVERITIES))}"
    if not isinstance(finding.level, int):
        return f"level {finding.level!r} is no whole number"
    if finding.until is not None and finding.until.utcoffset() is None:
        return f"until {finding.until} has no time zone"
    for name in ("hold", "keep"):
        if getattr(finding, name) < _ZERO:
            return f"{name} is below 0"
    return None


def _wrong_fact(finding: Finding) -> str | None:
    for name, value in finding.evidence.items():
        if not isinstance(name, str) or not isinstance(value, str | int | float | None):
            return f"evidence {name!r} is a {type(value).__name__}, no text, number, bool or None"
        if isinstance(value, float) and not math.isfinite(value):
            return f"evidence {name!r} is {value}, which is no number; None is for what is unknown"
    return None


def _wrong_mutes(finding: Finding) -> str | None:
    for one in finding.mutes:
        if not isinstance(one, Mutes) or one.linger < _ZERO or one.upto not in _SEVERITIES:
            return f"mutes {one!r} is no Mutes, or its linger or upto is none"
    return None
