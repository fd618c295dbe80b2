"""Approvals: calls that wait for people, each answered once.

A question is pending until the first answer, and no later one changes it. An approval is for one
call: it is given to one of those who ask with its fingerprint, at once or when it asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from manager_agent.contract.approval import DecideApproval
from manager_agent.contract.guard import Answer, Bye, Question
from manager_agent.control.approval_rows import Approval, ApprovalKeeper, ApprovalState
from manager_agent.control.commands import Gone, Tick, To
from manager_agent.control.rows import Event

ApprovalCommand = Question | DecideApproval | Tick | Gone | Bye
TAKES = frozenset((Question, DecideApproval, Tick, Gone, Bye))
"""What of the clerk's commands is for approvals."""

AUTOMATIC = "manager"
ALLOWED_US = 3600 * 1_000_000
"""How long an approval that nobody used holds."""
DENIED_US = 600 * 1_000_000
"""How long a question that was denied is not asked again."""
_SHOWN_US = 24 * 3600 * 1_000_000
_MOST_PENDING = 1000


class ApprovalError(Exception):
    """An answer that cannot be taken; the message says why and what to do.

    `kind`: `unknown`: there is no such question. `decided`: it was answered otherwise before, or
    its time is over. `forbidden`: not by this person.
    """

    def __init__(self, kind: Literal["unknown", "decided", "forbidden"], text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Rules:
    """`timeout_us`: how long a question is open. `approvers`: who may answer; empty: everyone."""

    timeout_us: int = 120 * 1_000_000
    approvers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Waits:
    """Somebody who asked and waits: the question, and under which approval it is."""

    question: Question
    approval: str


class Approvals:
    """Decides for one thread; `views` may be read from any."""

    def __init__(self, keeper: ApprovalKeeper, rules: Rules, now_us: int) -> None:
        """Read what is kept. Raises `KeeperError`."""
        self._keeper = keeper
        self._rules = rules
        self._rows = {one.id: one for one in keeper.load(now_us - _SHOWN_US)}
        self._waiting: dict[str, _Waits] = {}
        self._changed: list[Approval | Event] = []
        self.views: Sequence[Approval] = tuple(self._rows.values())

    def decide(self, commands: Sequence[ApprovalCommand], now_us: int) -> list[To]:
        """Apply commands in order, store, and return the answers that may be sent now.

        Raises `ApprovalError` of a bad answer, and what the keeper raises; nothing happened then.
        """
        rows, waiting = dict(self._rows), dict(self._waiting)
        try:
            said = [to for command in commands for to in self._apply(command, now_us)]
            said += self._let_time_pass(now_us)
            if self._changed:
                self._keeper.keep(self._changed)
        except BaseException:
            self._rows, self._waiting = rows, waiting
            raise
        finally:
            self._changed = []
        self.views = tuple(self._rows.values())
        return said

    def _apply(self, command: ApprovalCommand, now_us: int) -> list[To]:
        match command:
            case Question():
                return self._asked(command, now_us)
            case DecideApproval():
                return self._decided(command, now_us)
            case Gone() | Bye():
                left = command.holder
                self._waiting = {
                    id_: one for id_, one in self._waiting.items() if one.question.holder != left
                }
        return []

    def _asked(self, question: Question, now_us: int) -> list[To]:
        mine = self._rows.get(question.id)
        if mine is not None and mine.state in ("denied", "expired"):
            return [_told(question, mine)]  # asked again on a new connection
        same = [
            one
            for one in self._rows.values()
            if (one.agent, one.fingerprint) == (question.agent, question.fingerprint)
        ]
        for one in reversed(same):
            if one.used_by == question.id and one.state == "approved":
                return [_told(question, one)]  # asked again on a new connection
        for one in reversed(same):
            if one.state == "pending":
                self._waiting[question.id] = _Waits(question, one.id)
                until_us = max(one.expires_us, now_us + self._rules.timeout_us)
                self._put(replace(one, expires_us=until_us), store=until_us != one.expires_us)
                return [To(question.holder, Answer(question.id, "pending"))]
            if one.state == "approved" and _holds(one, now_us) and _fits(question, one):
                return [self._given(question, one, now_us)]
            if one.state == "denied" and now_us - (one.decided_us or 0) < DENIED_US:
                return [_told(question, one)]
        return [self._opened(question, now_us)]

    def _opened(self, question: Question, now_us: int) -> To:
        """Begin a question that people are to answer."""
        pending = sum(1 for one in self._rows.values() if one.state == "pending")
        if pending >= _MOST_PENDING:
            return To(question.holder, Answer(question.id, "denied", AUTOMATIC, "too many ask"))
        row = Approval(
            id=self._free(question.id),
            fingerprint=question.fingerprint,
            agent=question.agent,
            provider=question.provider,
            model=question.model,
            operation=question.operation,
            conversation_id=question.conversation_id,
            bound_nano=max(0, question.bound_nano),
            holder=question.holder,
            asked_us=now_us,
            expires_us=now_us + self._rules.timeout_us,
        )
        self._put(row)
        self._note(row, "", "pending", question.agent, "", now_us)
        self._waiting[question.id] = _Waits(question, row.id)
        return To(question.holder, Answer(question.id, "pending"))

    def _decided(self, command: DecideApproval, now_us: int) -> list[To]:
        row = self._found(command.id)
        state: ApprovalState = "denied" if command.choice == "deny" else "approved"
        self._check_who(command, row)
        if row.state == state:
            return []  # said twice
        if row.state != "pending" or now_us >= row.expires_us:
            by = f" by {row.by}" if row.by else ""
            was = "expired" if row.state == "pending" else row.state
            raise ApprovalError(
                "decided", f"{row.id} was {was}{by} before; the agent has to ask again"
            )
        amount = row.bound_nano if command.amount_nano is None else command.amount_nano
        new = replace(
            row,
            state=state,
            amount_nano=amount if state == "approved" else 0,
            decided_us=now_us,
            by=command.who.name,
            why=command.why,
        )
        self._put(new)
        self._note(row, "pending", state, command.who.name, command.why, now_us)
        return self._answered(new, now_us)

    def _answered(self, row: Approval, now_us: int) -> list[To]:
        """Tell those who wait: a refusal all of them, an approval the first; the others ask on."""
        those = [one for one in self._waiting.values() if one.approval == row.id]
        for one in those:
            del self._waiting[one.question.id]
        said: list[To] = []
        for one in those:
            row = self._rows[row.id]
            if row.state != "approved" or not _fits(one.question, row):
                said.append(_told(one.question, row))
            elif not row.used_by:
                said.append(self._given(one.question, row, now_us))
            else:
                said.extend(self._asked(one.question, now_us))
        return said

    def _given(self, question: Question, row: Approval, now_us: int) -> To:
        """Give an approval to the one call that it is for."""
        new = replace(row, used_us=now_us, used_by=question.id)
        self._put(new)
        return _told(question, new)

    def _let_time_pass(self, now_us: int) -> list[To]:
        said: list[To] = []
        for row in list(self._rows.values()):
            if row.state == "pending" and now_us >= row.expires_us:
                new = replace(row, state="expired", decided_us=now_us)
                self._put(new)
                self._note(row, "pending", "expired", AUTOMATIC, "nobody answered", now_us)
                said += self._answered(new, now_us)
            elif row.state != "pending" and now_us - (row.decided_us or 0) > _SHOWN_US:
                del self._rows[row.id]
        return said

    def _found(self, id_: str) -> Approval:
        """Return the approval of an id, of a question that was joined to one, or of a beginning."""
        waits = self._waiting.get(id_)
        if waits is not None:
            return self._rows[waits.approval]
        if id_ in self._rows:
            return self._rows[id_]
        begin = [one for one in self._rows.values() if id_ and one.id.startswith(id_)]
        if len(begin) == 1:
            return begin[0]
        if begin:
            names = ", ".join(sorted(one.id for one in begin)[:5])
            raise ApprovalError("unknown", f"{id_!r} begins several ids ({names}); write one whole")
        raise ApprovalError(
            "unknown", f"nobody asks under {id_!r}; `manager-agent approvals list` names who does"
        )

    def _free(self, id_: str) -> str:
        """Return `id_`, or with a number where what was asked under it is over."""
        names = (f"{id_}-{number}" if number else id_ for number in range(len(self._rows) + 1))
        return next(name for name in names if name not in self._rows)

    def _check_who(self, command: DecideApproval, row: Approval) -> None:
        allowed, name = self._rules.approvers, command.who.name
        if name == row.agent:
            raise ApprovalError(
                "forbidden", f"{row.id}: {name} asks and cannot answer; somebody else must"
            )
        if allowed and name not in allowed:
            raise ApprovalError(
                "forbidden",
                f"{row.id}: {name or 'nobody'} is not among approval.approvers"
                f" ({', '.join(sorted(allowed))}); ask one of them, or add the name there",
            )

    def _put(self, row: Approval, store: bool = True) -> None:
        self._rows[row.id] = row
        if store:
            self._changed.append(row)

    def _note(self, row: Approval, before: str, after: str, by: str, why: str, now_us: int) -> None:
        self._changed.append(
            Event(now_us, "approval", row.id, before or None, after, by, why or None)
        )


def _told(question: Question, row: Approval) -> To:
    answer = Answer(question.id, row.state, row.by, row.why, row.amount_nano)
    return To(question.holder, answer)


def _holds(row: Approval, now_us: int) -> bool:
    return not row.used_by and now_us - (row.decided_us or 0) < ALLOWED_US


def _fits(question: Question, row: Approval) -> bool:
    return question.bound_nano <= row.amount_nano
