"""Allowances: like questions are answered at once while there is money, and never beyond it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from manager_agent.contract.approval import Choice, DecideApproval, Decider
from manager_agent.contract.guard import Answer, Question
from manager_agent.control.approval_choice import ApprovalError
from manager_agent.control.approval_needs import Needs
from manager_agent.control.approvals import ApprovalCommand, Approvals, Rules
from manager_agent.control.commands import Extend, Tick, To
from manager_agent.control.keeper import KeeperError
from tests.control.test_approvals import ASKED, CENT, NOW, SECOND, MemoryApprovals

HOUR = 3600 * SECOND
NEEDS = Needs(models=("gpt-4o",), agents=("night-*",), priorities=frozenset({1}), budget=True)
BUDGET = replace(ASKED, limit_name="daily_limit_usd of agent research", fingerprint="limit")


class Desk:
    """Approvals whose ledger only writes down what it is told; `full` makes it fail."""

    def __init__(self) -> None:
        self.keeper = MemoryApprovals()
        self.seconds = 0
        self.added: list[Extend] = []
        self.full = False
        self.restart()

    def restart(self) -> None:
        rules = Rules(120 * SECOND, needs=NEEDS)
        self.approvals = Approvals(self.keeper, rules, self.now_us, extend=self.extend)

    @property
    def now_us(self) -> int:
        return NOW + self.seconds * SECOND

    def extend(self, additions: Sequence[Extend], now_us: int) -> list[To]:
        if self.full:
            raise KeeperError("no space left on device")
        self.added += additions
        return []

    def tell(self, *commands: ApprovalCommand) -> dict[str, Answer]:
        said = self.approvals.decide(commands, self.now_us)
        answers = [to.message for to in said]
        return {one.id: one for one in answers if isinstance(one, Answer)}

    def ask(self, id_: str, question: Question = ASKED, **values: object) -> str:
        values = {"fingerprint": id_, **values} if question is ASKED else values
        asked = replace(question, id=id_, **values)  # type: ignore[arg-type]
        return self.tell(asked)[id_].state

    def say(self, id_: str, choice: Choice, **values: object) -> dict[str, str]:
        command = DecideApproval(id_, choice, Decider("ann"), **values)  # type: ignore[arg-type]
        return {id_: one.state for id_, one in self.tell(command).items()}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_like_questions_are_answered_while_money_is_left(desk: Desk) -> None:
    desk.ask("q1")

    said = desk.say("q1", "amount", amount_nano=120 * CENT, until_us=desk.now_us + HOUR)

    assert said == {"q1": "approved"}
    assert desk.ask("q2") == "approved"
    assert desk.ask("q3") == "pending", "20 cents are left, and it may cost 50"
    assert desk.ask("q4", bound_nano=20 * CENT) == "approved"
    assert desk.ask("q5", bound_nano=1) == "pending"
    allowance, *drawn = [one for one in desk.approvals.views if one.state == "approved"]
    assert allowance.drawn_nano == 120 * CENT
    assert [one.drawn_from for one in drawn] == ["q1", "q1", "q1"]
    assert not any(one.shown for one in drawn), "nobody is shown what nobody was asked"


def test_a_restart_forgets_no_draw_and_draws_nothing_twice(desk: Desk) -> None:
    desk.ask("q1")
    desk.say("q1", "amount", amount_nano=120 * CENT, until_us=desk.now_us + HOUR)
    desk.ask("q2")

    desk.restart()

    assert desk.ask("q2") == "approved", "its answer was lost on the way"
    assert desk.ask("q1") == "approved"
    assert desk.ask("q3") == "pending"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"agent": "writer"}, id="of another agent"),
        pytest.param({"tools": ("wire",)}, id="for another reason"),
        pytest.param({"bound_nano": 0}, id="of which nobody knows what it costs"),
    ],
)
def test_it_is_for_like_questions_only(desk: Desk, other: dict[str, object]) -> None:
    desk.ask("q1")
    desk.say("q1", "amount", amount_nano=900 * CENT, until_us=desk.now_us + HOUR)

    assert desk.ask("q2", **other) == "pending"


def test_it_ends(desk: Desk) -> None:
    desk.ask("q1")
    desk.say("q1", "amount", amount_nano=900 * CENT, until_us=desk.now_us + HOUR)
    desk.seconds = 3599
    assert desk.ask("q2") == "approved"
    desk.seconds = 3600

    assert desk.ask("q3") == "pending"


def test_what_waits_already_is_answered_with_it(desk: Desk) -> None:
    for id_ in ("q1", "q2", "q3"):
        desk.ask(id_)

    said = desk.say("q1", "amount", amount_nano=100 * CENT, until_us=desk.now_us + HOUR)

    assert said == {"q1": "approved", "q2": "approved"}
    assert {one.id for one in desk.approvals.views if one.state == "pending"} == {"q3"}


def test_what_is_offered_is_ten_times_the_call_for_an_hour(desk: Desk) -> None:
    desk.ask("q1")
    desk.say("q1", "amount")

    row = desk.approvals.views[0]
    assert (row.amount_nano, row.until_us) == (500 * CENT, desk.now_us + HOUR)


@pytest.mark.parametrize(
    ("choice", "values", "kind"),
    [
        pytest.param("amount", {"amount_nano": 49 * CENT}, "bad_value", id="less than it costs"),
        pytest.param("amount", {"until_us": NOW}, "bad_value", id="until now"),
        pytest.param("amount", {"until_us": NOW + 800 * HOUR}, "bad_value", id="for ever"),
        pytest.param("cheaper", {}, "not_offered", id="cheaper, which its caller does not allow"),
    ],
)
def test_what_cannot_be_is_refused_and_noted(
    desk: Desk, choice: Choice, values: dict[str, object], kind: str
) -> None:
    desk.ask("q1")

    with pytest.raises(ApprovalError) as caught:
        desk.say("q1", choice, **values)

    assert caught.value.kind == kind
    assert desk.approvals.views[0].state == "pending"
    assert desk.keeper.events[-1].kind == "approval_refused"
    assert desk.keeper.events[-1].after == {"refused": kind, "choice": choice}


def test_a_cheaper_model_is_told_with_what_it_may_cost(desk: Desk) -> None:
    offer: dict[str, object] = {"cheaper": "gpt-4o-mini", "cheaper_nano": 3 * CENT}
    desk.ask("q1", **offer)

    command = DecideApproval("q1", "cheaper", Decider("ann"))

    assert desk.tell(command) == {
        "q1": Answer("q1", "approved", "ann", "", 3 * CENT, "gpt-4o-mini")
    }
    assert desk.ask("q2", fingerprint="q1", **offer) == "pending", "it was for one call"


def test_more_of_a_limit_goes_to_the_ledger_before_who_waits_hears_of_it(desk: Desk) -> None:
    desk.ask("q1", BUDGET)
    desk.ask("q2", BUDGET)
    desk.full = True

    said = desk.say("q1", "amount", amount_nano=70 * CENT, until_us=desk.now_us + HOUR)
    assert said == {}, "the ledger's disk is full"
    desk.full = False

    assert set(desk.tell(Tick())) == {"q1", "q2"}
    (added,) = desk.added
    assert (added.id, added.amount, added.limit_name) == ("q1", 70 * CENT, BUDGET.limit_name)


def test_the_ledger_hears_of_it_again_after_a_restart(desk: Desk) -> None:
    """It adds once under an id: what a crash came in between of is not lost."""
    desk.ask("q1", BUDGET)
    desk.say("q1", "amount", amount_nano=70 * CENT, until_us=desk.now_us + HOUR)
    desk.restart()
    desk.tell(Tick())

    first, again = desk.added
    assert first == again
    desk.seconds = 3600
    desk.restart()
    desk.tell(Tick())
    assert len(desk.added) == 2


def test_a_limit_that_nobody_extended_is_not_asked_about_at_once(desk: Desk) -> None:
    desk.ask("q1", BUDGET)
    desk.seconds = 120
    desk.tell(Tick())

    assert desk.ask("q2", BUDGET) == "expired"
    desk.seconds = 720
    assert desk.ask("q3", BUDGET) == "pending"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param({}, "model", id="its model"),
        pytest.param({"model": "o3", "tools": ("wire",)}, "tool", id="a tool"),
        pytest.param({"model": "o3", "agent": "night-owl"}, "agent", id="its agent"),
        pytest.param({"model": "o3"}, "cost", id="a policy that was changed since"),
        pytest.param({"limit_name": "l"}, "budget", id="a limit"),
    ],
)
def test_the_reason_is_kept(desk: Desk, values: dict[str, object], reason: str) -> None:
    desk.ask("q1", **values)

    assert desk.approvals.views[0].reason == reason
