"""Who may answer a question."""

import pytest

from manager_agent.contract.approval import Decider
from manager_agent.control.approval_rows import Approval
from manager_agent.control.approver import Approvers, may_decide

RULES = Approvers(frozenset({"ops", "U1", "S1"}), {1: frozenset({"chief", "S9"})})


def asked(priority: int) -> Approval:
    whose = ("research", "openai", "gpt-4o", "chat", "")
    return Approval("q1", "print", *whose, 5, "h1", 0, 9, priority=priority)


@pytest.mark.parametrize(
    ("who", "priority", "refused"),
    [
        pytest.param(Decider("ops"), 3, None, id="a token's name"),
        pytest.param(Decider("intern"), 3, "not_an_approver", id="another's"),
        pytest.param(Decider(""), 3, "not_an_approver", id="nobody's"),
        pytest.param(Decider("x", "slack", "U1"), 3, None, id="a Slack user"),
        pytest.param(Decider("x", "slack", "U2", frozenset({"S1"})), 3, None, id="of a group"),
        pytest.param(
            Decider("ops", "slack", "U2"), 3, "not_an_approver", id="who calls himself so in Slack"
        ),
        pytest.param(Decider("U1"), 3, None, id="a token that is called like a user"),
        pytest.param(Decider("ops"), 1, "not_an_approver", id="not of a critical agent"),
        pytest.param(Decider("chief"), 1, None, id="of a critical one"),
        pytest.param(Decider("x", "slack", "U3", frozenset({"S9"})), 1, None, id="its group"),
        pytest.param(Decider("research"), 3, "own_question", id="who asks"),
    ],
)
def test_who_may_answer(who: Decider, priority: int, refused: str | None) -> None:
    found = may_decide(who, asked(priority), RULES)

    assert (found.reason if found else None) == refused


def test_the_refusal_names_the_key_and_who_may() -> None:
    found = may_decide(Decider("ann"), asked(1), RULES)

    assert found is not None
    assert "approval.approvers_by_priority.1 (S9, chief)" in found.text


def test_everyone_may_where_nobody_is_named_but_never_who_asks() -> None:
    assert may_decide(Decider("api 127.0.0.1"), asked(3), Approvers()) is None
    assert may_decide(Decider("research"), asked(3), Approvers()) is not None
