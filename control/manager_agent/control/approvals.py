"""Approvals: calls that wait for people, each answered once.

A question is pending until the first answer, and no later one changes it. An approval is for one
call: it is given to one of those who ask with its fingerprint, at once or when it asks again. An
allowance (`amount`) answers like questions of its agent until its money or its time is used up;
where a budget is, it is the ledger that keeps it, as an addition to that limit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from manager_agent.contract.approval import DecideApproval
from manager_agent.contract.guard import Answer, Bye, Question
from manager_agent.contract.money import usd
from manager_agent.control.additions import Additions, Extending
from manager_agent.control.approval_choice import ApprovalError, Offer, chosen
from manager_agent.control.approval_needs import Needs, reason_of
from manager_agent.control.approval_rows import Approval, ApprovalKeeper
from manager_agent.control.approver import Approvers, may_decide
from manager_agent.control.commands import Gone, Tick, To
from manager_agent.control.keeper import KeeperError
from manager_agent.control.rows import Event, Said

ApprovalCommand = Question | DecideApproval | Tick | Gone | Bye
TAKES = frozenset((Question, DecideApproval, Tick, Gone, Bye))
"""What of the clerk's commands is for approvals."""

AUTOMATIC = "manager"
ALLOWED_US = 3600 * 1_000_000
"""How long an approval that nobody used holds."""
DENIED_US = 600 * 1_000_000
"""How long a question that was denied is not asked again; nor one of a budget that expired."""
_SHOWN_US = 24 * 3600 * 1_000_000
_MOST_PENDING = 1000


@dataclass(frozen=True, slots=True)
class Rules:
    """`timeout_us`: how long a question is open. `offer`: what `amount` is unless somebody says."""

    timeout_us: int = 120 * 1_000_000
    approvers: Approvers = field(default_factory=Approvers)
    needs: Needs = field(default_factory=Needs)
    offer: Offer = field(default_factory=Offer)


@dataclass(frozen=True, slots=True)
class _Waits:
    """Somebody who asked and waits: the question, and under which approval it is."""

    question: Question
    approval: str


class Approvals:
    """Decides for one thread; `views` may be read from any."""

    def __init__(
        self,
        keeper: ApprovalKeeper,
        rules: Rules,
        now_us: int,
        *,
        priority_of: Callable[[str], int] = lambda agent: 4,
        extend: Extending = lambda additions, now_us: [],
        told: Callable[[], None] = lambda: None,
    ) -> None:
        """Read what is kept. Raises `KeeperError`.

        `priority_of`: of an agent, at present. `extend`: has the ledger add to limits, each
        addition once however often it is told; may raise `KeeperError`. `told`: called when there
        is something new for people to read.
        """
        self._keeper = keeper
        self._rules = rules
        self._priority_of = priority_of
        self._news = told
        self._rows = {one.id: one for one in keeper.load(now_us - _SHOWN_US)}
        self._waiting: dict[str, _Waits] = {}
        self._changed: list[Approval | Event] = []
        self._additions = Additions(extend, self._rows.values(), now_us)
        self.views: Sequence[Approval] = tuple(self._rows.values())

    def decide(self, commands: Sequence[ApprovalCommand], now_us: int) -> list[To]:
        """Apply commands in order, store, and return the answers that may be sent now.

        Raises `ApprovalError` of a bad answer, which is noted in the audit, and what the keeper
        raises; nothing else happened then.
        """
        rows, waiting = dict(self._rows), dict(self._waiting)
        try:
            said = [to for command in commands for to in self._apply(command, now_us)]
            said += self._let_time_pass(now_us)
            if self._changed:
                self._keeper.keep(self._changed)
        except BaseException as error:
            self._rows, self._waiting = rows, waiting
            if isinstance(error, ApprovalError) and len(commands) == 1:
                self._note_refused(commands[0], error, now_us)
            raise
        finally:
            changed, self._changed = self._changed, []
        self.views = tuple(self._rows.values())
        if any(isinstance(one, Approval) and one.shown for one in changed):
            self._news()
        return self._additions.made(changed, said, now_us)

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
                return [self._joined(question, one, now_us)]
            if _holds(one, now_us) and _fits(question, one):
                return [self._given(question, one, now_us)]
            if _refused(one) and now_us - (one.decided_us or 0) < DENIED_US:
                return [_told(question, one)]
        allowance = self._allowance(question, now_us)
        if allowance is not None:
            return [self._drawn(question, allowance, now_us)]
        return [self._opened(question, now_us)]

    def _joined(self, question: Question, row: Approval, now_us: int) -> To:
        """Let somebody wait for the answer to what is asked already."""
        self._waiting[question.id] = _Waits(question, row.id)
        until_us = max(row.expires_us, now_us + self._rules.timeout_us)
        self._put(replace(row, expires_us=until_us), store=until_us != row.expires_us)
        return To(question.holder, Answer(question.id, "pending"))

    def _opened(self, question: Question, now_us: int) -> To:
        """Begin a question that people are to answer."""
        pending = sum(1 for one in self._rows.values() if one.state == "pending")
        if pending >= _MOST_PENDING:
            return To(question.holder, Answer(question.id, "denied", AUTOMATIC, "too many ask"))
        row = self._new(question, now_us)
        self._put(row)
        self._note(row, None, "pending", question.agent, "", now_us)
        self._waiting[question.id] = _Waits(question, row.id)
        return To(question.holder, Answer(question.id, "pending"))

    def _new(self, question: Question, now_us: int) -> Approval:
        priority = self._priority_of(question.agent)
        return Approval(
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
            reason=reason_of(question, priority, self._rules.needs),
            limit_name=question.limit_name,
            priority=priority,
            low_nano=max(0, question.low_nano),
            tools=", ".join(question.tools),
            cheaper="" if question.limit_name else question.cheaper,
            cheaper_nano=max(0, question.cheaper_nano),
        )

    def _decided(self, command: DecideApproval, now_us: int) -> list[To]:
        row = self._found(command.id)
        refusal = may_decide(command.who, row, self._rules.approvers)
        if refusal is not None:
            raise ApprovalError(refusal.reason, refusal.text)
        if row.state == "expired" or (row.state == "pending" and now_us >= row.expires_us):
            raise ApprovalError("expired", f"{row.id} has expired; the agent has to ask again")
        if row.state != "pending":
            raise ApprovalError(
                "decided",
                f"{row.id} was {row.state} by {row.by} before; the agent has to ask again",
            )
        new = chosen(row, command, self._rules.offer, now_us)
        self._put(new)
        self._note(row, "pending", _after(new), _actor(command), command.why, now_us)
        return self._answered(new, now_us) + self._answered_likewise(new, now_us)

    def _answered(self, row: Approval, now_us: int) -> list[To]:
        """Tell those who wait: a refusal all of them, an approval the first; the others ask on."""
        those = [one for one in self._waiting.values() if one.approval == row.id]
        for one in those:
            del self._waiting[one.question.id]
        said: list[To] = []
        for one in those:
            row = self._rows[row.id]
            if row.state == "approved" and row.choice == "amount" and row.reason == "budget":
                said.append(self._drawn(one.question, row, now_us))
            elif row.choice == "amount":
                said.extend(self._asked(one.question, now_us))
            elif row.state != "approved" or not _fits(one.question, row):
                said.append(_told(one.question, row))
            elif not row.used_by:
                said.append(self._given(one.question, row, now_us))
            else:
                said.extend(self._asked(one.question, now_us))
        return said

    def _answered_likewise(self, allowance: Approval, now_us: int) -> list[To]:
        """Answer what else is asked for which a new allowance is meant, while there is money."""
        said: list[To] = []
        for row in list(self._rows.values()):
            now = self._rows[allowance.id]
            if row.state != "pending" or not _is_for(now, row.agent, row.reason):
                continue
            if not 0 < row.bound_nano <= now.left_nano(now_us):
                continue
            self._put(replace(now, drawn_nano=now.drawn_nano + row.bound_nano))
            new = _within(now, row, now_us)
            self._put(new)
            self._note(row, "pending", "approved", now.by, new.why, now_us)
            said += self._answered(new, now_us)
        return said

    def _allowance(self, question: Question, now_us: int) -> Approval | None:
        """Return an allowance that such a call may draw on, with money for it."""
        if question.limit_name or question.bound_nano <= 0:
            return None
        reason = reason_of(question, self._priority_of(question.agent), self._rules.needs)
        for one in self._rows.values():
            fits = question.bound_nano <= one.left_nano(now_us)
            if fits and _is_for(one, question.agent, reason):
                return one
        return None

    def _drawn(self, question: Question, allowance: Approval, now_us: int) -> To:
        """Answer a question out of an allowance; nobody else need be asked."""
        bound = question.bound_nano
        if allowance.reason != "budget":  # there the ledger counts, by what calls really cost
            self._put(replace(allowance, drawn_nano=allowance.drawn_nano + bound))
        asked = _within(allowance, self._new(question, now_us), now_us)
        new = replace(asked, used_us=now_us, used_by=question.id, shown=False)
        self._put(new)
        self._note(new, None, "approved", allowance.by, new.why, now_us)
        return _told(question, new)

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
            elif row.state != "pending" and _is_over(row, now_us):
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

    def _put(self, row: Approval, store: bool = True) -> None:
        self._rows[row.id] = row
        if store:
            self._changed.append(row)

    def _note(
        self, row: Approval, before: str | None, after: Said, by: str, why: str, now_us: int
    ) -> None:
        self._changed.append(Event(now_us, "approval", row.id, before, after, by, why or None))

    def _note_refused(self, command: ApprovalCommand, error: ApprovalError, now_us: int) -> None:
        """Keep in the audit that somebody said what could not be taken, and why it could not."""
        assert isinstance(command, DecideApproval)
        said: Mapping[str, object] = {"refused": error.kind, "choice": command.choice}
        event = Event(
            now_us, "approval_refused", command.id[:80], None, said, _actor(command), str(error)
        )
        try:
            self._keeper.keep([event])
        except KeeperError as lost:
            error.add_note(f"the audit does not hold it: {lost}")


def _told(question: Question, row: Approval) -> To:
    amount, model = row.amount_nano, row.cheaper if row.choice == "cheaper" else ""
    answer = Answer(question.id, row.state, row.by, row.why, amount, model)
    return To(question.holder, answer)


def _within(allowance: Approval, row: Approval, now_us: int) -> Approval:
    """Return a question that is answered out of an allowance."""
    return replace(
        row,
        state="approved",
        choice="once",
        amount_nano=row.bound_nano,
        decided_us=now_us,
        by=allowance.by,
        why=f"within {allowance.id}",
        drawn_from=allowance.id,
    )


def _is_for(row: Approval, agent: str, reason: str) -> bool:
    """Say whether a row is an allowance for questions of an agent that are asked for a reason."""
    whose = (row.agent, row.reason) == (agent, reason)
    return whose and row.choice == "amount" and row.reason != "budget" and not row.drawn_from


def _holds(row: Approval, now_us: int) -> bool:
    unused = row.state == "approved" and row.choice != "amount" and not row.used_by
    return unused and now_us - (row.decided_us or 0) < ALLOWED_US


def _refused(row: Approval) -> bool:
    """Say whether a question is not asked again for a while."""
    return row.state == "denied" or (row.state == "expired" and row.reason == "budget")


def _fits(question: Question, row: Approval) -> bool:
    if row.choice == "cheaper":
        return question.cheaper == row.cheaper and question.cheaper_nano <= row.amount_nano
    return question.bound_nano <= row.amount_nano


def _is_over(row: Approval, now_us: int) -> bool:
    return max(row.decided_us or 0, row.until_us or 0) + _SHOWN_US < now_us


def _after(row: Approval) -> Said:
    """Return a decision as the audit shows it."""
    if row.choice == "amount":
        return {"approved": f"{usd(row.amount_nano):f}", "until_us": row.until_us}
    return {"approved": row.cheaper} if row.choice == "cheaper" else row.state


def _actor(command: DecideApproval) -> str:
    who = command.who
    return f"slack {who.user} {who.name}".strip() if who.source == "slack" else who.name
