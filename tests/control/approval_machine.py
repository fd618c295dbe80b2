"""Agents that ask, people who answer, crashes at any point: what must hold whatever the order.

The machine remembers what people said under words of its own, and what agents heard; it looks at
no row to tell how often an answer was used.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from manager_agent.contract.approval import Choice, DecideApproval, Decider
from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.contract.guard import Answer, Question
from manager_agent.control import approvals as right
from manager_agent.control.approval_choice import ApprovalError
from manager_agent.control.authority import Authority
from manager_agent.control.book import micros
from manager_agent.control.commands import Gone, Tick
from manager_agent.control.keeper import KeeperError
from tests.control.memory_keeper import MemoryKeeper
from tests.control.test_approvals import MemoryApprovals

SECOND = 1_000_000
START = micros(datetime(2026, 11, 26, 12, 5, tzinfo=UTC))
TIMEOUT = 120 * SECOND
LIMIT, NAME = 1_000, "daily_limit_usd of agent a"
ASKED = Question("", "h", "a", "openai", "gpt-4o", "chat", 0, "", "")


class Approving(RuleBasedStateMachine):
    """`made`: the module whose approvals are tried, the right one or a broken one."""

    made: Any = right
    asked = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.kept, self.ledger = MemoryApprovals(), MemoryKeeper()
        self.now_us, self.number = START, 0
        self.open: dict[str, int] = {}  # question under which people are asked -> its end
        self.allowed: dict[str, tuple[str, int, int]] = {}  # word -> choice, amount, until
        self.beyond: dict[str, bool] = {}  # word -> it is about a limit
        self.words: dict[str, str] = {}  # approval -> word
        self.used: dict[str, dict[str, int]] = {}  # word -> question -> what it may cost
        self.questions: dict[str, Question] = {}
        self.heard: dict[str, str] = {}
        self.restart()

    @rule()
    def restart(self) -> None:
        limit = Limits(daily_limit_usd="0.000001")  # type: ignore[arg-type]
        self.authority = Authority(self.ledger, BudgetPolicy(limit), self.now_us)
        rules = self.made.Rules(TIMEOUT)
        self.desk = self.made.Approvals(self.kept, rules, self.now_us, extend=self.authority.decide)
        for question in self.questions.values():  # agents ask again on the new connection
            if self.heard.get(question.id) == "pending":
                self.tell(question)

    @rule(target=asked, print_=st.sampled_from("xyl"), bound=st.integers(1, 40))
    def ask(self, print_: str, bound: int) -> str:
        self.number += 1
        limit = NAME if print_ == "l" else ""
        id_ = f"ask-{self.number:03}"
        question = replace(ASKED, id=id_, bound_nano=bound, fingerprint=print_, limit_name=limit)
        self.questions[id_] = question
        self.heard[id_] = "pending"
        self.tell(question)
        return id_

    @rule(id_=asked)
    def ask_again(self, id_: str) -> None:
        self.tell(self.questions[id_])

    @rule(id_=consumes(asked))
    def leave(self, id_: str) -> None:
        self.heard.pop(id_, None)
        self.tell(Gone("h"))

    @rule(
        id_=asked,
        choice=st.sampled_from(["once", "amount", "deny"]),
        amount=st.integers(1, 100),
        seconds=st.integers(1, 4000),
        fails=st.booleans(),
        late=st.sampled_from([0, 0, 0, 130]),
    )
    def say(
        self, id_: str, choice: Choice, amount: int, seconds: int, fails: bool, late: int
    ) -> None:
        self.now_us += late * SECOND  # and no tick of a clock came between
        rows = {one.id: one for one in self.desk.views}
        waits = self.desk._waiting.get(id_)
        row = rows.get(waits.approval if waits else id_)
        word, until = f"word {len(self.allowed)}", self.now_us + seconds * SECOND
        command = DecideApproval(id_, choice, Decider("ann"), word, amount, until)
        self.kept.fail = fails
        try:
            said = self.desk.decide([command], self.now_us)
        except (ApprovalError, KeeperError):
            self.kept.fail = False
            return
        self.kept.fail = False
        assert row is not None
        assert self.now_us < self.open[row.id], "nothing is decided once its time is over"
        assert row.id not in self.words, "nothing is decided twice"
        self.words[row.id] = word
        self.beyond[word] = bool(row.limit_name)
        self.allowed[word] = choice, amount, until
        self.hear(said)

    @rule(seconds=st.integers(1, 200))
    def wait(self, seconds: int) -> None:
        self.now_us += seconds * SECOND
        self.authority.decide([Tick()], self.now_us)
        self.tell(Tick())

    def tell(self, command: Any) -> None:
        self.hear(self.desk.decide([command], self.now_us))

    def hear(self, said: Any) -> None:
        for to in said:
            if isinstance(to.message, Answer):
                self.hear_one(to.message)
        for row in self.desk.views:  # who joins later gives a question more time
            if row.state == "pending":
                self.open[row.id] = row.expires_us

    def hear_one(self, answer: Answer) -> None:
        self.heard[answer.id] = answer.state
        if answer.state == "approved" and answer.bound_nano >= self.questions[answer.id].bound_nano:
            inside = answer.reason.removeprefix("within ")
            word = self.words[inside] if inside != answer.reason else answer.reason
            if self.questions[answer.id].limit_name:
                return  # what that is worth is the ledger's to say
            choice, _, until = self.allowed[word]
            known = self.used.setdefault(word, {})
            new = answer.id not in known
            assert choice != "deny"
            assert choice == "once" or not new or self.now_us < until, "its time was over"
            known[answer.id] = self.questions[answer.id].bound_nano

    @invariant()
    def a_yes_is_used_once_and_an_allowance_never_exceeded(self) -> None:
        for word, calls in self.used.items():
            choice, amount, _ = self.allowed[word]
            if choice == "once":
                assert len(calls) <= 1
            assert sum(calls.values()) <= amount

    @invariant()
    def a_limit_is_higher_by_what_people_said_and_no_more(self) -> None:
        more = 0
        for word, (choice, amount, until) in self.allowed.items():
            holds = choice == "once" or self.now_us < until
            more += amount if self.beyond[word] and choice != "deny" and holds else 0
        for account in self.authority.book.accounts.values():
            assert account.amount is not None
            assert account.amount <= LIMIT + more
