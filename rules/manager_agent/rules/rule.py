"""A rule: frozen settings that people write, and one pure method that names what is wrong."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar, dataclass_transform

from pydantic import ConfigDict, with_config

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding

T = TypeVar("T")

_STRICT = ConfigDict(use_attribute_docstrings=True, extra="forbid")


class Rule(Protocol):
    """What the engine asks of a rule. Its fields are its settings, under `rules.<its name>`."""

    def find(self, frames: Frames, now: datetime) -> Iterable[Finding]:
        """Yield what is wrong at `now` (UTC); pure, so that it can be replayed over old time."""
        ...


@dataclass_transform(kw_only_default=True, frozen_default=True)
def rule(cls: type[T]) -> type[T]:
    """Make a rule of a class: a frozen dataclass, keyword-only, that pydantic can validate.

    Each field needs a default and a docstring below it: together they are the rule's manual.
    """
    made = dataclass(frozen=True, kw_only=True)(cls)
    return with_config(_STRICT)(made)


def name_of(rule: Rule | type[Rule]) -> str:
    """Return the name of a rule in settings and alerts: `CostSpike` is `cost_spike`."""
    cls = rule if isinstance(rule, type) else type(rule)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
