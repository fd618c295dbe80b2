"""The guard: decides whether a call may leave, waits where it must wait, and settles its cost."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from manager_agent.contract.decision import Allow, Hold, Refuse, Wait
from manager_agent.contract.guard import Policy, Question
from manager_agent.instrumentation import reentry
from manager_agent.instrumentation.asking import asks
from manager_agent.instrumentation.bell import Bell, bell_here
from manager_agent.instrumentation.bound import Bound
from manager_agent.instrumentation.call import Ask
from manager_agent.instrumentation.charge import Reservation
from manager_agent.instrumentation.deciding import (
    APPROVED,
    FREE,
    SECOND_NS,
    UNREACHABLE,
    WITHIN,
    Deciding,
    patience,
    unpriced,
)
from manager_agent.instrumentation.shortage import Shortage
from manager_agent.instrumentation.wallet import Wallet
from manager_agent.instrumentation.word import UNHEARD


class _Asks(NamedTuple):
    """A call that people must allow."""

    question: Question
    policy: Policy


class _Due(NamedTuple):
    """A call that must wait in line for money."""

    wallet: Wallet
    bound: Bound


class Guard(Deciding):
    """One for a process; safe to use from threads, coroutines, finalizers and signal handlers."""

    def wait(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Block until a call that is held, or waits for money, is decided."""
        try:
            if isinstance(hold, Hold):
                question, policy = self._question(ask, hold)
                answer = self._approvals.wait(ask, question, policy, self._wake(ask))
                return self._after_approval(ask, question, answer) or self._for_money(ask)
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
                refused = self._after_approval(ask, question, answer)
                return refused or await self._for_money_async(ask)
            return await self._for_money_async(ask, hold.seconds)
        except BaseException:
            self._withdrawn(ask)
            raise

    def _question(self, ask: Ask, hold: Hold) -> tuple[Question, Policy]:
        policy = self._word.policies.get(ask.identity.agent, UNHEARD)
        return self._asked.pop(hold.approval_id), policy

    def _wake(self, ask: Ask) -> Callable[[], None]:
        return lambda: self._word.wake(ask.identity.agent)

    def _after_approval(
        self, ask: Ask, question: Question, answer: Allow | Refuse
    ) -> Refuse | None:
        if isinstance(answer, Refuse):
            self._withdrawn(ask)
            return self._still_over(ask, question, answer) if question.limit_name else answer
        self._approved.add(ask.call_id)
        return None

    def _still_over(self, ask: Ask, question: Question, answer: Refuse) -> Refuse:
        """Return the refusal that a limit gives whose extension nobody answered for."""
        wallet, bound = (
            self._word.wallet(ask.identity.agent),
            self._bounds.of(ask, self._policy(ask)),
        )
        known = None if bound is None else wallet.shortage(bound.nano or 0, bound.tokens)
        if answer.reason == "denied" or known is None or bound is None:
            return answer
        refusal = self._refusal(known, ask, bound)
        return replace(refusal, message=f"{refusal.message}; nobody approved more in time")

    def _for_money(self, ask: Ask, seconds: float | None = None) -> Allow | Refuse:
        bell = Bell()
        try:
            if pressure := self._pressure(ask):
                bell.wait(pressure)
            until_ns = self._until(ask, seconds)
            with self._word.link.listening(bell):
                while (found := self._looked(ask, until_ns)) is None:
                    bell.wait((until_ns - self._clock()) / SECOND_NS)
            if isinstance(found, _Asks):
                wake = self._wake(ask)
                answer = self._approvals.wait(ask, found.question, found.policy, wake)
                return self._after_approval(ask, found.question, answer) or self._for_money(ask)
            if isinstance(found, _Due):
                left = patience(self._policy(ask))
                nano, tokens = found.bound.nano or 0, found.bound.tokens
                held = found.wallet.wait(nano, tokens, left, self._clock)
                more = self._beyond(ask, found, held)
                if more is not None:
                    answer = self._approvals.wait(ask, *more, self._wake(ask))
                    return self._after_approval(ask, more.question, answer) or self._for_money(ask)
                return self._answered(ask, found, held)
            return found
        finally:
            self._approved.discard(ask.call_id)

    async def _for_money_async(self, ask: Ask, seconds: float | None = None) -> Allow | Refuse:
        bell = bell_here()
        try:
            if pressure := self._pressure(ask):
                await bell.wait(pressure)
            until_ns = self._until(ask, seconds)
            with self._word.link.listening(bell):
                while (found := self._looked(ask, until_ns)) is None:
                    await bell.wait((until_ns - self._clock()) / SECOND_NS)
            if isinstance(found, _Asks):
                wake = self._wake(ask)
                answer = await self._approvals.wait_async(ask, found.question, found.policy, wake)
                refused = self._after_approval(ask, found.question, answer)
                return refused or await self._for_money_async(ask)
            if isinstance(found, _Due):
                left = patience(self._policy(ask))
                nano, tokens = found.bound.nano or 0, found.bound.tokens
                held = await found.wallet.wait_async(nano, tokens, left, self._clock)
                more = self._beyond(ask, found, held)
                if more is not None:
                    answer = await self._approvals.wait_async(ask, *more, self._wake(ask))
                    refused = self._after_approval(ask, more.question, answer)
                    return refused or await self._for_money_async(ask)
                return self._answered(ask, found, held)
            return found
        finally:
            self._approved.discard(ask.call_id)

    def _policy(self, ask: Ask) -> Policy:
        return self._word.policies.get(ask.identity.agent, UNHEARD)

    def _until(self, ask: Ask, seconds: float | None) -> int:
        if seconds is None:
            seconds = patience(self._policy(ask))
        return self._clock() + int(seconds * SECOND_NS)

    def _looked(self, ask: Ask, until_ns: int) -> Allow | Refuse | _Asks | _Due | None:
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
            late = self._clock() >= until_ns
            if bound is None and wallet.unlimited and (late or not asks(policy)):
                bound = FREE
            lacks = not late and ask.call_id not in self._approved and self._lacks(ask, policy)
            if wallet.heard and bound is not None and not lacks:
                question = self._question_of(ask, bound, policy)
                if question is not None:
                    return _Asks(question, policy)
                if bound.nano is None and not wallet.unlimited_usd:
                    self._withdrawn(ask)
                    return unpriced(ask)
                if bound is not FREE:
                    bound = self._bounds.closely(ask, policy, bound)
                return _Due(wallet, bound)
            if word.link.up and not late:
                return None
            if self._first_word_in(wallet, policy) and not late:
                return None
            why = "it has not said what this call may cost" if word.link.up else word.link.why
            return self._unheard(ask, wallet, policy, why)

    def _beyond(self, ask: Ask, due: _Due, held: Reservation | Shortage) -> _Asks | None:
        """Return what people are asked before a call is refused for a limit that is used up."""
        if not isinstance(held, Shortage):
            return None
        policy = self._policy(ask)
        question = self._last_resort(ask, held, due.bound, policy)
        return None if question is None else _Asks(question, policy)

    def _unheard(self, ask: Ask, wallet: Wallet, policy: Policy, why: str) -> Allow | Refuse:
        mode, now_ns = self._mode(wallet, policy), self._clock()
        refuse = self._absence.refusal(wallet.agent, mode, wallet.limit(), why, now_ns)
        if refuse is not None:
            self._withdrawn(ask)
            return refuse
        self._held[ask.call_id] = None, (None, 0, None, 0), FREE
        return UNREACHABLE

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
                return APPROVED
            return WITHIN

    def _kept_back(self, ask: Ask) -> Refuse | None:
        """Return what came in the way of a call while it waited."""
        if self._word.paused.any:
            paused = self._word.paused.refusal(ask)
            if paused is not None:
                self._withdrawn(ask)
                return paused
        if self._breakers.quiet:
            return None
        shut = self._breakers.refusal(ask)
        if shut is not None:
            self._approvals.withdrawn(ask)
        return shut

    def _in_vain(self, ask: Ask, due: _Due, shortage: Shortage) -> Allow | Refuse:
        if shortage.verdict == "wait" and not self._word.link.up:
            if self._held_offline(ask, due.wallet, due.bound):
                return WITHIN
            policy = self._word.policies.get(due.wallet.agent, UNHEARD)
            mode = self._mode(due.wallet, policy)
            found = self._let_pass(ask, due.wallet, mode, due.bound)
        else:
            found = self._refusal(shortage, ask, due.bound)
        if isinstance(found, Refuse):
            self._withdrawn(ask)
        return found
