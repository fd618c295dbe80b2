"""Approvals at the manager: each question is answered once, each approval used once."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from manager_agent.contract.approval import DecideApproval, Decider
from manager_agent.contract.guard import Answer, Bye, Question
from manager_agent.control.approval_choice import ApprovalError
from manager_agent.control.approval_rows import Approval
from manager_agent.control.approvals import (
    ALLOWED_US,
    DENIED_US,
    ApprovalCommand,
    Approvals,
    Rules,
)
from manager_agent.control.approver import Approvers
from manager_agent.control.commands import Gone, Tick
from manager_agent.control.keeper import KeeperError
from manager_agent.control.rows import Event

SECOND = 1_000_000
NOW = 1_790_000_000 * SECOND
CENT = 10_000_000
ASKED = Question(
    "q1", "h1", "research", "openai", "gpt-4o", "chat", 50 * CENT, "print", "conversation"
)


class MemoryApprovals:
    """Keeps rows as the database does; `fail` makes the next `keep` fail."""

    def __init__(self) -> None:
        self.rows: dict[str, Approval] = {}
        self.events: list[Event] = []
        self.fail = False

    def load(self, since_us: int) -> Iterable[Approval]:
        found = self.rows.values()
        return [one for one in found if one.decided_us is None or one.decided_us > since_us]

    def keep(self, rows: Sequence[Approval | Event]) -> None:
        if self.fail:
            self.fail = False
            raise KeeperError("no space left on device")
        for row in rows:
            if isinstance(row, Event):
                self.events.append(row)
            else:
                self.rows[row.id] = row


class Desk:
    """Approvals at a test's hand; `seconds` since the start."""

    def __init__(self, *approvers: str) -> None:
        self.keeper = MemoryApprovals()
        self.rules = Rules(120 * SECOND, Approvers(frozenset(approvers)))
        self.seconds = 0.0
        self.restart()

    def restart(self) -> None:
        self.approvals = Approvals(self.keeper, self.rules, self.now_us)

    @property
    def now_us(self) -> int:
        return NOW + int(self.seconds * SECOND)

    def tell(self, *commands: ApprovalCommand) -> dict[str, Answer]:
        """Return what was answered, by question."""
        said = {}
        for to in self.approvals.decide(commands, self.now_us):
            assert isinstance(to.message, Answer)
            said[to.message.id] = to.message
        return said

    def ask(self, id_: str = "q1", **values: object) -> str:
        """Ask; return the state that is answered."""
        return self.tell(replace(ASKED, id=id_, **values))[id_].state  # type: ignore[arg-type]

    def approve(self, id_: str = "q1", amount: int | None = None) -> dict[str, str]:
        said = self.tell(DecideApproval(id_, "once", Decider("ann"), "fine", amount))
        return {question: answer.state for question, answer in said.items()}

    def deny(self, id_: str = "q1", by: str = "ann") -> dict[str, str]:
        said = self.tell(DecideApproval(id_, "deny", Decider(by), "no"))
        return {question: answer.state for question, answer in said.items()}

    def states(self) -> dict[str, str]:
        return {one.id: one.state for one in self.approvals.views}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_who_waits_is_told_the_answer(desk: Desk) -> None:
    assert desk.ask() == "pending"

    said = desk.tell(DecideApproval("q1", "once", Decider("ann"), "fine"))

    assert said == {"q1": Answer("q1", "approved", "ann", "fine", 50 * CENT)}


def test_the_first_answer_holds_and_others_are_refused_and_noted(desk: Desk) -> None:
    desk.ask()
    desk.approve()

    with pytest.raises(ApprovalError, match="was approved by ann before"):
        desk.approve()
    with pytest.raises(ApprovalError, match="was approved by ann before") as caught:
        desk.deny(by="bob")
    assert caught.value.kind == "decided"
    assert desk.states() == {"q1": "approved"}
    assert [(e.before, e.after, e.by) for e in desk.keeper.events] == [
        (None, "pending", "research"),
        ("pending", "approved", "ann"),
        (None, {"refused": "decided", "choice": "once"}, "ann"),
        (None, {"refused": "decided", "choice": "deny"}, "bob"),
    ]


def test_an_approval_is_for_one_call(desk: Desk) -> None:
    desk.ask("q1")
    assert desk.ask("q2") == "pending", "the same request of another process joins it"
    assert desk.states() == {"q1": "pending"}

    said = desk.approve("q2")

    assert said == {"q1": "approved", "q2": "pending"}
    assert desk.states() == {"q1": "approved", "q2": "pending"}


def test_an_approval_nobody_waited_for_is_used_by_who_asks_again(desk: Desk) -> None:
    desk.ask("q1")
    desk.tell(Gone("h1"))
    assert desk.approve() == {}

    assert desk.ask("q2", holder="h2") == "approved"
    assert desk.ask("q3", holder="h2") == "pending"


def test_asking_again_over_a_new_connection_is_the_same_question(desk: Desk) -> None:
    desk.ask()
    desk.tell(Gone("h1"))
    assert desk.ask() == "pending"
    assert desk.approve() == {"q1": "approved"}

    assert desk.ask() == "approved", "the answer was lost on the way"
    assert desk.states() == {"q1": "approved"}


def test_an_approval_does_not_hold_for_more_than_its_amount(desk: Desk) -> None:
    desk.ask()
    desk.tell(Gone("h1"))
    desk.approve(amount=40 * CENT)

    assert desk.ask("q2") == "pending", "50 cents are more"
    assert desk.ask("q3", bound_nano=40 * CENT, fingerprint="print") == "pending"
    desk.deny("q2")
    assert desk.states()["q1"] == "approved"


def test_less_than_was_asked_for_is_told_and_not_used_up(desk: Desk) -> None:
    desk.ask()

    said = desk.tell(DecideApproval("q1", "once", Decider("ann"), "", 40 * CENT))

    assert said["q1"].bound_nano == 40 * CENT
    assert desk.approvals.views[0].used_us is None
    assert desk.ask("q2", bound_nano=40 * CENT) == "approved"


def test_an_approval_that_nobody_uses_ends(desk: Desk) -> None:
    desk.ask()
    desk.tell(Gone("h1"))
    desk.approve()
    desk.seconds = ALLOWED_US / SECOND

    assert desk.ask("q2") == "pending"


def test_a_denial_holds_for_a_while(desk: Desk) -> None:
    desk.ask("q1")
    desk.ask("q2")
    assert desk.deny() == {"q1": "denied", "q2": "denied"}

    desk.seconds = DENIED_US / SECOND - 1
    assert desk.ask("q3") == "denied"
    assert desk.ask("q4", fingerprint="another") == "pending"
    desk.seconds += 1
    assert desk.ask("q5") == "pending"


def test_a_question_expires_and_can_be_asked_anew(desk: Desk) -> None:
    desk.ask()
    desk.seconds = 119
    assert desk.tell(Tick()) == {}
    desk.seconds = 120

    assert desk.tell(Tick()) == {"q1": Answer("q1", "expired")}
    with pytest.raises(ApprovalError, match="has expired"):
        desk.approve()
    assert desk.ask("q1") == "expired"
    assert desk.ask("q2") == "pending"


def test_its_time_is_over_before_the_clock_ticks(desk: Desk) -> None:
    desk.ask()
    desk.seconds = 120

    with pytest.raises(ApprovalError, match="has expired"):
        desk.approve()


def test_who_asks_later_has_the_whole_time(desk: Desk) -> None:
    desk.ask("q1")
    desk.seconds = 100
    desk.ask("q2")
    desk.seconds = 219

    assert desk.tell(Tick()) == {}
    assert set(desk.approve()) == {"q1", "q2"}


def test_nobody_approves_their_own(desk: Desk) -> None:
    desk.ask()

    with pytest.raises(ApprovalError, match="asks and cannot answer") as caught:
        desk.tell(DecideApproval("q1", "once", Decider("research")))
    assert caught.value.kind == "own_question"


def test_only_those_who_may_answer() -> None:
    desk = Desk("ann")
    desk.ask()

    with pytest.raises(ApprovalError, match="bob is not among"):
        desk.deny(by="bob")
    assert desk.approve() == {"q1": "approved"}


def test_an_id_may_be_the_beginning_of_one(desk: Desk) -> None:
    desk.ask("abc")
    desk.ask("abd", fingerprint="another")

    with pytest.raises(ApprovalError, match="begins several ids"):
        desk.approve("ab")
    with pytest.raises(ApprovalError, match="nobody asks under 'x'") as caught:
        desk.approve("x")
    assert caught.value.kind == "unknown"
    assert desk.approve("abd") == {"abd": "approved"}


def test_a_bad_answer_undoes_what_came_with_it(desk: Desk) -> None:
    desk.ask()

    with pytest.raises(ApprovalError):
        desk.tell(
            replace(ASKED, id="q2", fingerprint="2"), DecideApproval("x", "once", Decider("ann"))
        )

    assert desk.states() == {"q1": "pending"}
    assert set(desk.keeper.rows) == {"q1"}


def test_where_nothing_can_be_stored_nobody_is_told(desk: Desk) -> None:
    desk.ask()
    desk.keeper.fail = True
    with pytest.raises(KeeperError):
        desk.approve()

    assert desk.states() == {"q1": "pending"}
    assert desk.approve() == {"q1": "approved"}


def test_a_restart_forgets_nothing(desk: Desk) -> None:
    desk.ask("q1")
    desk.ask("q2", fingerprint="2")
    desk.ask("q3", fingerprint="3")
    desk.tell(Bye("h1"))
    desk.approve("q2")
    desk.deny("q3")
    desk.restart()

    assert desk.states() == {"q1": "pending", "q2": "approved", "q3": "denied"}
    assert desk.ask("q4", fingerprint="3") == "denied"
    assert desk.ask("q5", fingerprint="2") == "approved"
    assert desk.ask("q1") == "pending"
    assert desk.approve("q1") == {"q1": "approved"}


def test_another_agents_same_request_is_another_question(desk: Desk) -> None:
    desk.ask()
    desk.approve()

    assert desk.ask("q2", agent="writer") == "pending"


def test_so_many_ask_that_no_more_are_taken(desk: Desk) -> None:
    for number in range(1000):
        desk.ask(f"q{number}", fingerprint=str(number))

    assert desk.ask("one more", fingerprint="another") == "denied"
