"""Calls that need somebody's yes: which do, asking for it, and waiting for the answer.

People answer at the manager (`control/approvals.py`). No money is reserved meanwhile. What leaves
this process of a prompt is a digest of the request under the manager's key: the same request is the
same question, also when it is asked again by another process, and a yes holds for one call.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import blake2b
from os import urandom

from manager_agent.contract.decision import Allow, Hold, Refuse
from manager_agent.contract.guard import Answer, Policy, Question
from manager_agent.instrumentation.asking import needed, tools
from manager_agent.instrumentation.bell import AsyncBell, Bell, bell_here
from manager_agent.instrumentation.bound import Bound
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.cheaper import run_with
from manager_agent.instrumentation.holding import unanswered
from manager_agent.instrumentation.outcome import outcome_of
from manager_agent.instrumentation.refusals import dollars

_MOST = 1000
_NANO = 1_000_000_000


@dataclass(slots=True)
class _Open:
    """A question that somebody waits for. `heard`: the manager knows of it."""

    question: Question
    bell: Bell | AsyncBell
    answer: Answer | None = None
    heard: bool = False
    untold: bool = True


class Approvals:
    """What this process asked for; methods may be called from any thread."""

    def __init__(self, key: Callable[[], bytes | None] = lambda: None) -> None:
        """`key`: the manager's key of digests; None while it is not known."""
        self._key = key
        self._own_key = urandom(16)
        self.forget()

    def forget(self) -> None:
        """Begin anew, as the child of a fork: what the parent asked for is the parent's."""
        self._lock = threading.RLock()  # a finalizer may end a call in the thread that holds it
        self._open: dict[str, _Open] = {}
        self._allowed: dict[str, int] = {}  # fingerprint -> nano-USD; each for one call
        self._used: dict[str, tuple[str, int]] = {}  # call id -> what it was allowed by
        self._left: dict[str, str] = {}  # question id -> fingerprint; nobody waits any more

    @property
    def any(self) -> bool:
        """Say whether a call is under way that somebody allowed."""
        return bool(self._used)

    def question(self, ask: Ask, bound: Bound | None, policy: Policy) -> Question | None:
        """Return what must be asked before a call may go out.

        None: nothing, by `policy`, or since the same call was approved before and not made yet. A
        call without a bound is taken to cost too much.
        """
        nano = bound.nano if bound is not None else None
        model = ask.asked.model or ask.endpoint.model or ""
        if not needed(ask, model, nano, policy):
            return None
        print_ = self._fingerprint(ask, model)
        with self._lock:
            allowed = self._allowed.get(print_)
            if allowed is not None and (nano or 0) <= allowed:
                self._use(ask.call_id, print_, self._allowed.pop(print_))
                return None
        return Question(
            id=f"ask-{ask.call_id[-12:]}",
            agent=ask.identity.agent,
            provider=ask.endpoint.provider,
            model=model,
            operation=ask.endpoint.operation,
            bound_nano=nano or 0,
            fingerprint=print_,
            conversation_id=ask.identity.conversation_id or "",
            tools=tools(ask, policy),
        )

    def beyond(self, ask: Ask, nano: int, limit_name: str) -> Question | None:
        """Return the question whether more may be spent of a limit that is used up.

        It is one question for all calls of the agent. None where it was asked for this call.
        """
        if limit_name in ask.limits_asked:
            return None
        ask.limits_asked = (*ask.limits_asked, limit_name)
        agent = ask.identity.agent
        return Question(
            id=f"ask-{ask.call_id[-12:]}",
            agent=agent,
            provider=ask.endpoint.provider,
            model=ask.asked.model or ask.endpoint.model or "",
            operation=ask.endpoint.operation,
            bound_nano=nano,
            fingerprint=self._keyed(f"{agent}\0{limit_name}".encode()),
            conversation_id=ask.identity.conversation_id or "",
            limit_name=limit_name,
        )

    def hold(self, question: Question, policy: Policy) -> Hold:
        """Return the decision that the call of a question waits."""
        return Hold(
            approval_id=question.id,
            message=_said(question),
            timeout_seconds=policy.approval_timeout_ms / 1000,
            on_timeout="allow" if policy.allow_on_timeout and not question.limit_name else "deny",
        )

    def wait(
        self, ask: Ask, question: Question, policy: Policy, wake: Callable[[], None]
    ) -> Allow | Refuse:
        """Ask, and block until it is answered or its time is over."""
        hold = self.hold(question, policy)
        bell = Bell()
        one = self._begin(question, bell)
        try:
            wake()
            bell.wait(hold.timeout_seconds)
        finally:
            self._end(one)
        return self._decided(ask, one, hold, policy)

    async def wait_async(
        self, ask: Ask, question: Question, policy: Policy, wake: Callable[[], None]
    ) -> Allow | Refuse:
        """Do as `wait` does and leave the event loop free, asyncio's or trio's."""
        hold = self.hold(question, policy)
        bell = bell_here()
        one = self._begin(question, bell)
        try:
            wake()
            await bell.wait(hold.timeout_seconds)
        finally:
            self._end(one)
        return self._decided(ask, one, hold, policy)

    def withdrawn(self, ask: Ask) -> None:
        """Take note that an approved call does not leave: its approval holds for the next."""
        with self._lock:
            self._give_back(ask.call_id)

    def ended(self, ended: Ended) -> None:
        """Take note of how a call ended: one that cannot have cost anything may be made again."""
        if not self._used:
            return
        nothing = ended.status is None or 400 <= ended.status < 500
        with self._lock:
            if nothing and outcome_of(ended) in ("pressure", "neither"):
                self._give_back(ended.ask.call_id)
            self._used.pop(ended.ask.call_id, None)

    def questions(self, holder: str) -> list[Question]:
        """Return what is to be asked now, each once until `tell_again`."""
        with self._lock:
            new = [one for one in self._open.values() if one.untold]
            for one in new:
                one.untold = False
            return [replace(one.question, holder=holder) for one in new]

    def tell_again(self) -> None:
        """Ask all that is open again, on a new connection or in a new epoch."""
        with self._lock:
            for one in self._open.values():
                one.untold = True

    def take(self, answer: Answer) -> None:
        """Take the manager's word on a question. One that nobody waits for holds for the next."""
        with self._lock:
            one = self._open.get(answer.id)
            if one is None:
                left = self._left.pop(answer.id, None)
                if left is not None and answer.state == "approved" and not answer.model:
                    self._allow(left, answer.bound_nano)
                return
            one.heard = True
            if answer.state in ("approved", "denied", "expired") and one.answer is None:
                one.answer = answer
                one.bell.ring()

    def _begin(self, question: Question, bell: Bell | AsyncBell) -> _Open:
        one = _Open(question, bell)
        with self._lock:
            self._open[question.id] = one
        return one

    def _end(self, one: _Open) -> None:
        """Stop waiting. Where the caller was cancelled, an approval holds for the next call."""
        with self._lock:
            self._open.pop(one.question.id, None)
            answer = one.answer
            if answer is None:
                if one.question.limit_name:
                    return
                if len(self._left) >= _MOST:
                    del self._left[next(iter(self._left))]
                self._left[one.question.id] = one.question.fingerprint
            elif answer.state == "approved" and not answer.model and not one.question.limit_name:
                self._allow(one.question.fingerprint, answer.bound_nano)

    def _decided(self, ask: Ask, one: _Open, hold: Hold, policy: Policy) -> Allow | Refuse:
        answer, question = one.answer, one.question
        if answer is None and not one.heard and policy.enforcement in ("hard", "unknown"):
            return Refuse(
                "manager_unreachable",
                f"{hold.message} The manager did not answer within {hold.timeout_seconds:g} s.",
                "Start the manager, or see whether MANAGER_ENDPOINT is its address.",
            )
        if answer is None or answer.state == "expired":
            return unanswered(hold)
        if answer.state == "denied":
            return _denied(hold, answer)
        if question.limit_name:
            return Allow("approved")  # the ledger says how much there is
        if answer.model:
            return self._with_another(ask, one, hold, answer)
        if question.bound_nano > answer.bound_nano:
            return Refuse(
                "denied",
                f"{hold.message} Only {_usd(answer.bound_nano)} were approved.",
                "Ask for less, for instance with a lower limit of output tokens.",
            )
        with self._lock:
            amount = self._allowed.pop(question.fingerprint, answer.bound_nano)
            self._use(ask.call_id, question.fingerprint, amount)
        return Allow("approved")

    def _with_another(self, ask: Ask, one: _Open, hold: Hold, answer: Answer) -> Allow | Refuse:
        """Let a call be made with the cheaper model that was offered, and with no other."""
        offered = one.question
        fits = answer.model == offered.cheaper and offered.cheaper_nano <= answer.bound_nano
        if fits and run_with(ask, answer.model):
            return Allow("approved")
        return Refuse(
            "denied",
            f"{hold.message} It may be made with {answer.model} only, which it cannot be.",
            "Ask for that model itself.",
        )

    def _use(self, call_id: str, fingerprint: str, amount: int) -> None:
        if len(self._used) >= _MOST:
            del self._used[next(iter(self._used))]
        self._used[call_id] = (fingerprint, amount)

    def _give_back(self, call_id: str) -> None:
        used = self._used.pop(call_id, None)
        if used is not None:
            self._allow(*used)

    def _allow(self, fingerprint: str, amount: int) -> None:
        if len(self._allowed) >= _MOST:
            del self._allowed[next(iter(self._allowed))]
        self._allowed[fingerprint] = amount

    def _fingerprint(self, ask: Ask, model: str) -> str:
        """Return what the same request of the same agent has, and no other."""
        what = ask.body_digest or ask.call_id.encode()
        parts = (ask.identity.agent, ask.endpoint.provider, model, ask.endpoint.operation)
        told = b"\0".join(part.encode() for part in parts)
        return self._keyed(told + b"\0" + what)

    def _keyed(self, told: bytes) -> str:
        key = self._key() or self._own_key
        return blake2b(told, key=key[:64], digest_size=16).hexdigest()


def _said(question: Question) -> str:
    cost = f"up to {_usd(question.bound_nano)}" if question.bound_nano else "an unknown amount"
    if question.limit_name:
        return f"Agent {question.agent} needs more than the {question.limit_name}: {cost}."
    return (
        f"Agent {question.agent} needs an approval for {question.model or question.operation},"
        f" which may cost {cost}."
    )


def _denied(hold: Hold, answer: Answer) -> Refuse:
    by = f" by {answer.by}" if answer.by else ""
    why = f": {answer.reason}" if answer.reason else ""
    return Refuse(
        "denied",
        f"{hold.message} It was denied{by}{why}.",
        "Ask who denied it; the same call is not asked about again for a while.",
    )


def _usd(nano: int) -> str:
    return dollars(Decimal(nano) / _NANO)
