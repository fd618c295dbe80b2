"""Which calls people are asked about, and by which policy a question is asked."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from manager_agent.contract.guard import Question
from manager_agent.control.approval_rows import Reason


@dataclass(frozen=True, slots=True)
class Needs:
    """What is configured. Models, agents and tools are names or patterns such as `gpt-5*`.

    `above_nano`: a call that may cost more, nano-USD; None: none for its cost. `budget`: calls
    whose budget is used up, before they are refused.
    """

    above_nano: int | None = None
    models: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    priorities: frozenset[int] = frozenset()
    budget: bool = False

    def every_call_of(self, agent: str, priority: int) -> Reason:
        """Return why all calls of an agent are asked about; "" where they are not."""
        if _matches(agent, self.agents):
            return "agent"
        return "priority" if priority in self.priorities else ""


def reason_of(question: Question, priority: int, needs: Needs) -> Reason:
    """Return by which policy a question is asked, the narrowest that fits.

    A guard that holds by a policy that was changed since asks for its cost.
    """
    if question.limit_name:
        return "budget"
    if question.tools:
        return "tool"
    if _matches(question.model, needs.models):
        return "model"
    above = needs.above_nano
    if above is not None and (question.bound_nano <= 0 or question.bound_nano > above):
        return "cost"
    return needs.every_call_of(question.agent, priority) or "cost"


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
