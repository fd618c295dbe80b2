"""The section `approval` of the configuration: which calls wait for people, and who may answer."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from manager_agent.app.sections import Duration, Priority, Section, Usd


class Approval(Section):
    """Calls that wait for a person's yes."""

    cost_usd: Usd | None = None
    """A call whose worst cost is above this many USD waits. Left out: none does for its cost."""
    models: tuple[str, ...] = ()
    """Models whose calls always wait; `gpt-5*` is a pattern."""
    agents: tuple[str, ...] = ()
    """Agents all of whose calls wait; patterns, too."""
    tools: tuple[str, ...] = ()
    """Tools; a call that declares one of these waits; patterns, too."""
    priorities: tuple[Priority, ...] = ()
    """Priorities of agents all of whose calls wait."""
    budget: bool = False
    """Whether a call waits, in place of being refused, when a limit in USD is used up."""
    timeout_seconds: Duration = 120
    """Seconds a call waits for an answer."""
    on_timeout: Literal["deny", "allow"] = "deny"
    """What happens without one; a limit that is used up refuses in any case."""
    approvers: tuple[str, ...] = ()
    """Who may answer: names of API tokens, Slack users `U...`, groups `S...`; empty: everyone."""
    approvers_by_priority: Mapping[Priority, tuple[str, ...]] = Field(default_factory=dict)
    """Who alone may answer for agents of a priority, such as `{1: [S0123, ops]}`."""
    amount_usd: Usd | None = None
    """What "approve more" offers; left out: ten times what the call may cost."""
    amount_seconds: Duration = 3600
    """For how long it offers that."""
    cheaper: Mapping[str, str] = Field(default_factory=dict)
    """Which model may run in the place of which: `{gpt-5: gpt-5-mini}`, where the agent allows."""
    cheaper_agents: tuple[str, ...] = ()
    """Agents that allow it, patterns, beside those run with `MANAGER_ALLOW_CHEAPER=1`."""
