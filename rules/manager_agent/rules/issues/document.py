"""Issues and patterns as JSON, and back."""

import json
from dataclasses import asdict
from typing import Any

from manager_agent.rules.issues.fingerprint import Scope
from manager_agent.rules.issues.issue import Counted, Issue, Pattern, Tally
from manager_agent.rules.issues.templates import Template


def issue_text(issue: Issue) -> str:
    """Return an issue as one JSON object."""
    return json.dumps(asdict(issue), ensure_ascii=False)


def issue_of(text: str) -> Issue:
    """Return the issue that `issue_text` wrote. Raises `ValueError`, `KeyError`, `TypeError`."""
    said = json.loads(text)
    return Issue(**{**said, "scope": Scope(**said["scope"]), "sum": _tally(said["sum"])})


def pattern_text(pattern: Pattern) -> str:
    """Return a pattern as one JSON object."""
    return json.dumps(asdict(pattern), ensure_ascii=False)


def pattern_of(text: str) -> Pattern:
    """Return the pattern that `pattern_text` wrote. Raises as `issue_of` does."""
    said = json.loads(text)
    template = said["template"]
    whole = {"scope": Scope(**template["scope"]), "tokens": tuple(template["tokens"])}
    return Pattern(
        Template(**{**template, **whole}),
        said["issue_id"],
        _tally(said["tally"]),
        said["variants"],
    )


def counted_text(one: Counted) -> str:
    """Return what was counted of an error as a JSON list."""
    return json.dumps(list(asdict(one).values()), ensure_ascii=False)


def counted_of(text: str) -> Counted:
    """Return what `counted_text` wrote. Raises as `issue_of` does."""
    return Counted(*json.loads(text))


def _tally(said: dict[str, Any]) -> Tally:
    """JSON has no numbers for keys: hours come back as text."""
    hours = {int(hour): count for hour, count in said["hours"].items()}
    hourly_cost = {int(hour): cost for hour, cost in said["hourly_cost"].items()}
    return Tally(**{**said, "hours": hours, "hourly_cost": hourly_cost})
