"""How guards are to treat the calls of each agent, told before the agent's first grant."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from manager_agent.contract.budget import Enforcement, Unit
from manager_agent.contract.guard import Policy
from manager_agent.control.approval_needs import Needs
from manager_agent.control.terms import Terms

HEARTBEAT_MS = 3000
"""Between two reports of a guard that has nothing else to say."""

_STRICTEST: tuple[Enforcement, ...] = ("hard", "firm", "soft", "observe")
_UNITS: tuple[Unit, ...] = ("usd", "tokens")


@dataclass(frozen=True, slots=True)
class Conduct:
    """What is configured for the guards of all agents.

    `unpriced`: refuse, ceiling or allow calls of a model without a price; `ceiling_nano_per_mtok`:
    nano-USD for a million of its tokens. `needs.above_nano`: a call whose worst cost is above it
    waits for a person, None: none does; so do others that `needs` says. `cheaper`: which model may
    run in the place of which; `cheaper_agents`: for whom, whatever they say themselves.
    """

    unpriced: str = "ceiling"
    ceiling_nano_per_mtok: int = 100_000_000_000
    max_wait_ms: int = 5000
    needs: Needs = field(default_factory=Needs)
    cheaper: Mapping[str, str] = field(default_factory=dict)
    cheaper_agents: tuple[str, ...] = ()
    approval_timeout_ms: int = 120_000
    allow_on_timeout: bool = False


class Policies:
    """The newest policy of each agent. Not for two threads at once."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self._known: dict[str, Policy] = {}
        self._terms: Terms | None = None
        self._current: set[str] = set()

    def of(self, agent: str, terms: Terms, now_us: int) -> Policy:
        """Return an agent's policy; its revision rises where something of it changed."""
        if terms is not self._terms:
            self._terms = terms
            self._current.clear()
        if agent in self._current:
            return self._known[agent]  # asked for with each grant
        self._current.add(agent)
        new = policy_of(agent, terms, self._conduct)
        known = self._known.get(agent)
        if known is None or replace(known, revision=0) != new:
            # Revisions rise over restarts, too, for a guard keeps the highest that it heard of.
            revision = max(now_us, known.revision + 1 if known else 0)
            known = self._known[agent] = replace(new, revision=revision)
        return known


def policy_of(agent: str, terms: Terms, conduct: Conduct) -> Policy:
    """Return the policy that holds for an agent, without a revision."""
    limits = [term for unit in _UNITS for term in terms.of(agent, unit) if term.amount is not None]
    found = {term.enforcement for term in limits}
    needs = conduct.needs
    every = needs.every_call_of(agent, terms.priority_of(agent))
    return Policy(
        agent=agent,
        enforcement=next((one for one in _STRICTEST if one in found), "observe"),
        unpriced=conduct.unpriced,
        ceiling_nano_per_mtok=conduct.ceiling_nano_per_mtok,
        unreachable=terms.policy.unreachable,
        max_wait_ms=conduct.max_wait_ms,
        heartbeat_ms=HEARTBEAT_MS,
        approve_above_nano=needs.above_nano,
        approve_models=("*",) if every else needs.models,
        approval_timeout_ms=conduct.approval_timeout_ms,
        allow_on_timeout=conduct.allow_on_timeout,
        approve_tools=needs.tools,
        ask_budget=needs.budget,
        cheaper=tuple(f"{model}={other}" for model, other in conduct.cheaper.items()),
        cheaper_allowed=any(fnmatchcase(agent, one) for one in conduct.cheaper_agents),
    )
