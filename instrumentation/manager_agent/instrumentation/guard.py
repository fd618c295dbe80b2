"""The guard: decides in this process's memory whether a call may leave, and settles its cost.

What most calls pay for: what is paused, which breaker is open, what the call can cost at most, and
that much money held. Everything that needs the manager is the speaker's, in a thread of its own.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from manager_agent.contract.decision import Allow, Decision, Hold, Refuse, Wait
from manager_agent.contract.guard import Policy, Question
from manager_agent.instrumentation import reentry, shortfall
from manager_agent.instrumentation.absence import Absence
from manager_agent.instrumentation.approvals import Approvals
from manager_agent.instrumentation.bell import Bell, bell_here
from manager_agent.instrumentation.bound import Bound
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.breakers import Breakers
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.receipt import Receipt
from manager_agent.instrumentation.wallet import Reservation, Shortage, Wallet
from manager_agent.instrumentation.word import UNHEARD, Word

_WITHIN, _OBSERVED = Allow("within_budget"), Allow("observed")
_APPROVED, _UNREACHABLE = Allow("approved"), Allow("manager_unreachable")
_FREE = Bound(0, 0, 0)
_SECOND_NS = 1_000_000_000
_WORD_SECONDS = 2.0
"""How long a call waits for what the manager says at once: what it may cost, what bounds it."""
_STOPPED_NS, _PASSES_NS = 5 * _SECOND_NS, 2 * _SECOND_NS
"""How long a first call waits while the first connection is made: one that would be refused without
it, and one that would pass."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a guard is made of."""

    word: Word
    bounds: Bounds
    breakers: Breakers
    approvals: Approvals
    absence: Absence


_Held = tuple[Wallet | None, Reservation, Bound]
"""What one call holds; without a wallet it passes with nobody there to ask. A tuple for speed."""


class _Due(NamedTuple):
    """A call that must wait in line for money."""

    wallet: Wallet
    bound: Bound


class Guard:
    """One for a process; safe to use from threads, coroutines, finalizers and signal handlers.

    `longest_ms`: how long a call of this process took at most.
    """

    def __init__(self, parts: Parts, start: Callable[[], None], clock: Callable[[], int]) -> None:
        """`start` sees to it that the speaker speaks; `clock`: that of the wallets."""
        self._word = parts.word
        self._bounds, self._breakers = parts.bounds, parts.breakers
        self._approvals, self._absence = parts.approvals, parts.absence
        self._start = start
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._asked: dict[str, Question] = {}
        self._approved: set[str] = set()
        self.longest_ms = 0

    def after_fork(self) -> None:
        """Begin anew in a child: it holds nothing, and its parent's calls are its parent's."""
        self._word.after_fork()
        self._held, self._asked, self._approved = {}, {}, set()
        self._breakers.forget()
        self._approvals.forget()
        self._bounds.after_fork()
        self._absence.after_fork()

    def decide(self, ask: Ask) -> Decision:
        """Return what shall become of a call, in microseconds."""
        word = self._word
        if word.paused.any:
            paused = word.paused.refusal(ask)
            if paused is not None:
                return paused
        if not self._breakers.quiet:
            shut = self._breakers.refusal(ask)
            if shut is not None:
                return shut
        agent = ask.identity.agent
        wallet = word.wallets.get(agent)
        if wallet is None:
            wallet = self._first_of(agent)
        policy = word.policies.get(agent, UNHEARD)
        bound = self._bounds.of(ask, policy)
        if policy.approve_above_nano is not None or policy.approve_models:
            question = self._approvals.question(ask, bound, policy)
            if question is not None:
                if not word.link.up:
                    return self._stopped(ask, self._alone(ask, wallet, policy, _FREE))
                return self._ask_people(question, policy)
        if bound is None:
            if not wallet.unlimited:
                return self._stopped(ask, self._unready(ask, wallet, policy))
            bound = _FREE
        nano = bound.nano
        if nano is None:
            if wallet.heard and not wallet.unlimited_usd:
                return self._stopped(ask, _unpriced(ask))
            nano = 0
        reservation = wallet.reserve(nano, bound.input_tokens + bound.output_tokens, self._clock())
        if reservation is not None:
            self._held[ask.call_id] = wallet, reservation, bound
            return _OBSERVED if policy.enforcement in ("soft", "observe") else _WITHIN
        return self._stopped(ask, self._short(ask, wallet, bound, policy))

    def wait(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Block until a call that is held, or waits for money, is decided."""
        try:
            if isinstance(hold, Hold):
                question, policy = self._question(ask, hold)
                answer = self._approvals.wait(ask, question, policy, self._wake(ask))
                return self._after_approval(ask, answer) or self._for_money(ask)
            return self._for_money(ask, hold.seconds)
        except BaseException:
            self._withdrawn(ask)
            raise

    async def wait_async(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Do as `wait` does and leave the event loop free."""
        try:
            if isinstance(hold, Hold):
                question, policy = self._question(ask, hold)
                answer = await self._approvals.wait_async(ask, question, policy, self._wake(ask))
                return self._after_approval(ask, answer) or await self._for_money_async(ask)
            return await self._for_money_async(ask, hold.seconds)
        except BaseException:
            self._withdrawn(ask)
            raise

    def settle(self, ended: Ended) -> Receipt | None:
        """Settle a call at what it cost, or is thought to have cost; return what was charged."""
        took_ms = (ended.ended_ns - ended.ask.started_ns) // 1_000_000
        if took_ms > self.longest_ms:
            self.longest_ms = took_ms
        held = self._held.pop(ended.ask.call_id, None)
        self._breakers.ended(ended)
        self._bounds.ended(ended)
        self._approvals.ended(ended)
        if held is None:
            return None
        wallet, reservation, bound = held
        nano, tokens, estimated = self._bounds.spent(ended, bound)
        now_ns = self._clock()
        if wallet is None:
            self._absence.settle(nano or None, tokens, now_ns)
            return None
        wallet.settle(reservation, nano, tokens, now_ns, estimated)
        usd, reserved, counted, _ = reservation
        if usd is not None:
            holder = usd.holder
        else:
            holder = self._word.epoch.holder if counted is None else counted.holder
        return Receipt(
            holder,
            0 if usd is None else usd.id,
            0 if counted is None else counted.id,
            reserved,
            nano,
            estimated,
        )

    def in_flight(self) -> int:
        """Return how many calls have not been settled."""
        return len(self._held)

    def _first_of(self, agent: str) -> Wallet:
        """Return a new wallet; the speaker tells the manager of its agent."""
        wallet = self._word.wallet(agent)
        self._start()
        self._word.wake(agent)
        return wallet

    def _stopped(self, ask: Ask, decision: Decision) -> Decision:
        """Return `decision`; a call that does not leave is none that a breaker tries."""
        if isinstance(decision, Refuse):
            self._withdrawn(ask)
        return decision

    def _withdrawn(self, ask: Ask) -> None:
        """Take note that a call does not leave: it tries no breaker and uses no approval."""
        with reentry.inside():
            self._breakers.withdrawn(ask)
            self._approvals.withdrawn(ask)

    def _unready(self, ask: Ask, wallet: Wallet, policy: Policy) -> Decision:
        """Decide about a call of which the manager has not yet said what it may cost."""
        link = self._word.link
        if link.up:
            return Wait(max(policy.max_wait_ms / 1000, _WORD_SECONDS))
        left_ns = self._first_word_in(wallet, policy)
        if left_ns:
            return Wait(left_ns / _SECOND_NS)
        return self._alone(ask, wallet, policy, _FREE)

    def _short(self, ask: Ask, wallet: Wallet, bound: Bound, policy: Policy) -> Decision:
        """Decide about a call whose money is not here now."""
        now_ns = self._clock()
        known = wallet.shortage(bound.nano or 0, bound.tokens)
        if known is not None and now_ns < shortfall.ends_ns(known):
            return self._refusal(known, ask)
        if not wallet.heard:
            return self._unready(ask, wallet, policy)
        if not self._word.link.up:
            return self._alone(ask, wallet, policy, bound)
        if known is not None:  # its window has ended, and the speaker will hear of the next
            self._word.wake(wallet.agent)
        if policy.max_wait_ms > 0:
            return Wait(policy.max_wait_ms / 1000)
        self._word.wake(wallet.agent)
        return self._refusal(wallet.in_vain(bound.nano or 0, now_ns), ask)

    def _alone(self, ask: Ask, wallet: Wallet, policy: Policy, bound: Bound) -> Decision:
        """Decide without the manager: by what was granted for that, then by what people said."""
        now_ns = self._clock()
        wallet.go_offline(now_ns, bound.nano or 0, bound.tokens)
        if bound is not _FREE:
            reservation = wallet.reserve(bound.nano or 0, bound.tokens, now_ns)
            if reservation is not None:
                self._held[ask.call_id] = wallet, reservation, bound
                return _WITHIN
        self._word.wake(wallet.agent)  # somebody needs the manager: try it sooner
        mode = self._mode(wallet, policy)
        if mode == "static" and bound is not _FREE and wallet.in_flight() and policy.max_wait_ms:
            return Wait(policy.max_wait_ms / 1000)  # what they do not cost comes back
        return self._let_pass(ask, wallet, mode, bound)

    def _first_word_in(self, wallet: Wallet, policy: Policy) -> int:
        """Return for how long the manager's first word is waited for: longer if not for nothing."""
        stops = self._mode(wallet, policy) in ("static", "closed")
        patience_ns = (_STOPPED_NS if stops else _PASSES_NS) if not wallet.heard else 0
        return self._word.link.first_word_in(patience_ns, self._clock())

    def _mode(self, wallet: Wallet, policy: Policy) -> str:
        heard = policy.unreachable
        if heard == "unknown" and wallet.heard:
            heard = "static"
        return self._absence.mode(wallet.agent, heard)

    def _let_pass(self, ask: Ask, wallet: Wallet, mode: str, bound: Bound) -> Allow | Refuse:
        why, now_ns = self._word.link.why, self._clock()
        refuse = self._absence.refusal(wallet.agent, mode, wallet.limit(), why, now_ns)
        if refuse is not None:
            return refuse
        self._held[ask.call_id] = None, (None, 0, None, 0), bound
        return _UNREACHABLE

    def _ask_people(self, question: Question, policy: Policy) -> Hold:
        hold = self._approvals.hold(question, policy)
        self._asked[hold.approval_id] = question
        return hold

    def _question(self, ask: Ask, hold: Hold) -> tuple[Question, Policy]:
        policy = self._word.policies.get(ask.identity.agent, UNHEARD)
        return self._asked.pop(hold.approval_id), policy

    def _wake(self, ask: Ask) -> Callable[[], None]:
        return lambda: self._word.wake(ask.identity.agent)

    def _after_approval(self, ask: Ask, answer: Allow | Refuse) -> Refuse | None:
        if isinstance(answer, Refuse):
            self._withdrawn(ask)
            return answer
        self._approved.add(ask.call_id)
        return None

    def _for_money(self, ask: Ask, seconds: float | None = None) -> Allow | Refuse:
        until_ns, bell = self._until(ask, seconds), Bell()
        try:
            with self._word.link.listening(bell):
                while (found := self._looked(ask, until_ns)) is None:
                    bell.wait((until_ns - self._clock()) / _SECOND_NS)
            if isinstance(found, _Due):
                left = (until_ns - self._clock()) / _SECOND_NS
                nano, tokens = found.bound.nano or 0, found.bound.tokens
                answer = found.wallet.wait(nano, tokens, left, self._clock)
                found = self._answered(ask, found, answer)
            return found
        finally:
            self._approved.discard(ask.call_id)

    async def _for_money_async(self, ask: Ask, seconds: float | None = None) -> Allow | Refuse:
        until_ns, bell = self._until(ask, seconds), bell_here()
        try:
            with self._word.link.listening(bell):
                while (found := self._looked(ask, until_ns)) is None:
                    await bell.wait((until_ns - self._clock()) / _SECOND_NS)
            if isinstance(found, _Due):
                left = (until_ns - self._clock()) / _SECOND_NS
                nano, tokens = found.bound.nano or 0, found.bound.tokens
                answer = await found.wallet.wait_async(nano, tokens, left, self._clock)
                found = self._answered(ask, found, answer)
            return found
        finally:
            self._approved.discard(ask.call_id)

    def _until(self, ask: Ask, seconds: float | None) -> int:
        if seconds is None:
            policy = self._word.policies.get(ask.identity.agent, UNHEARD)
            seconds = policy.max_wait_ms / 1000
        return self._clock() + int(seconds * _SECOND_NS)

    def _looked(self, ask: Ask, until_ns: int) -> Allow | Refuse | _Due | None:
        """Look again at a call that waits; None: wait for news."""
        with reentry.inside():
            word, agent = self._word, ask.identity.agent
            if word.paused.any:
                paused = word.paused.refusal(ask)
                if paused is not None:
                    self._withdrawn(ask)
                    return paused
            wallet, policy = word.wallet(agent), word.policies.get(agent, UNHEARD)
            bound = self._bounds.of(ask, policy)
            if bound is None and wallet.unlimited:
                bound = _FREE
            late = self._clock() >= until_ns
            if wallet.heard and bound is not None:
                if bound.nano is None and not wallet.unlimited_usd:
                    self._withdrawn(ask)
                    return _unpriced(ask)
                return _Due(wallet, bound)
            if word.link.up and not late:
                return None
            if self._first_word_in(wallet, policy) and not late:
                return None
            why = "it has not said what this call may cost" if word.link.up else word.link.why
            return self._unheard(ask, wallet, policy, why)

    def _unheard(self, ask: Ask, wallet: Wallet, policy: Policy, why: str) -> Allow | Refuse:
        mode, now_ns = self._mode(wallet, policy), self._clock()
        refuse = self._absence.refusal(wallet.agent, mode, wallet.limit(), why, now_ns)
        if refuse is not None:
            self._withdrawn(ask)
            return refuse
        self._held[ask.call_id] = None, (None, 0, None, 0), _FREE
        return _UNREACHABLE

    def _answered(self, ask: Ask, due: _Due, answer: Reservation | Shortage) -> Allow | Refuse:
        """Decide about a call that waited in line for money."""
        with reentry.inside():
            if isinstance(answer, Shortage):
                return self._in_vain(ask, due, answer)
            refuse = self._kept_back(ask)
            if refuse is not None:
                due.wallet.release(answer, self._clock())
                return refuse
            self._held[ask.call_id] = due.wallet, answer, due.bound
            if ask.call_id in self._approved:
                return _APPROVED
            return _WITHIN

    def _kept_back(self, ask: Ask) -> Refuse | None:
        """Return what came in the way of a call while it waited."""
        if self._word.paused.any:
            paused = self._word.paused.refusal(ask)
            if paused is not None:
                self._withdrawn(ask)
                return paused
        if self._breakers.quiet:
            return None
        self._breakers.withdrawn(ask)
        shut = self._breakers.refusal(ask)
        if shut is not None:
            self._approvals.withdrawn(ask)
        return shut

    def _in_vain(self, ask: Ask, due: _Due, shortage: Shortage) -> Allow | Refuse:
        if shortage.verdict == "wait" and not self._word.link.up:
            policy = self._word.policies.get(due.wallet.agent, UNHEARD)
            mode = self._mode(due.wallet, policy)
            found = self._let_pass(ask, due.wallet, mode, due.bound)
        else:
            found = self._refusal(shortage, ask)
        if isinstance(found, Refuse):
            self._withdrawn(ask)
        return found

    def _refusal(self, shortage: Shortage, ask: Ask) -> Refuse:
        return shortfall.refusal(shortage, ask.identity.agent, time.time_ns(), self._clock())


def _unpriced(ask: Ask) -> Refuse:
    model = ask.asked.model or ask.endpoint.model or "this model"
    return Refuse(
        "unpriced_model",
        f"Nobody knows what {model} costs, so that no limit in USD can hold for it",
        "Give it a price under `prices.custom` of the manager's configuration, or set"
        " `budgets.unpriced` to `ceiling` or `allow`.",
    )
