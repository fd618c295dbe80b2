"""Which models their providers have announced the end of: `data/retirements.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Retirement:
    """An announced end: the day after which calls fail, what to use instead, who says so."""

    provider: str
    model: str
    ends: date
    instead: str
    source: str


@cache
def retirements() -> Mapping[tuple[str, str], Retirement]:
    """Return the announced ends by provider and model."""
    text = (files("manager_agent.rules") / "data" / "retirements.json").read_text("utf-8")
    found = [
        Retirement(**{**one, "ends": date.fromisoformat(one["ends"])})
        for one in json.loads(text)["models"]
    ]
    return {(one.provider, one.model): one for one in found}
