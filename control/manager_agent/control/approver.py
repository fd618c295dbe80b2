"""Who may answer a question, and why not: the one check behind Slack, the API and the terminal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from manager_agent.contract.approval import Decider
from manager_agent.control.approval_rows import Approval


@dataclass(frozen=True, slots=True)
class Approvers:
    """Who may answer: names of API tokens, Slack users (`U...`), Slack user groups (`S...`).

    `by_priority`: of agents of these priorities they alone may, of the others `everyone`. Where
    nobody is named, everybody may who can reach the manager.
    """

    everyone: frozenset[str] = frozenset()
    by_priority: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def of(self, priority: int) -> frozenset[str]:
        """Return who is named for agents of a priority."""
        return self.by_priority.get(priority) or self.everyone


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not answer. `text`: a sentence with what to do about it."""

    reason: Literal["own_question", "not_an_approver"]
    text: str


def may_decide(who: Decider, approval: Approval, rules: Approvers) -> Refusal | None:
    """Return why `who` may not answer a question; None: they may."""
    if who.name == approval.agent:
        return Refusal(
            "own_question",
            f"{approval.id}: {who.name} asks and cannot answer; somebody else must",
        )
    listed = rules.of(approval.priority)
    if not listed or not listed.isdisjoint(_known_as(who)):
        return None
    own = bool(rules.by_priority.get(approval.priority))
    key = f"approval.approvers_by_priority.{approval.priority}" if own else "approval.approvers"
    return Refusal(
        "not_an_approver",
        f"{approval.id}: {who.name or who.user or 'nobody'} is not among {key}"
        f" ({', '.join(sorted(listed))}); ask one of them, or add the name there",
    )


def _known_as(who: Decider) -> frozenset[str]:
    """Return what stands for somebody in a list. Names in Slack are anybody's to choose."""
    if who.source == "slack":
        return who.groups | ({who.user} if who.user else frozenset())
    return frozenset({who.name} if who.name else ())
