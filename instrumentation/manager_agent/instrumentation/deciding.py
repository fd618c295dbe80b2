"""Deciding about a call in this process's memory, and settling what it cost.

What most calls pay for: what is paused, which breaker is open, what the call can cost at most, and
that much money held. Everything that needs the manager is the speaker's, in a thread of its own.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from manager_agent.contract.decision import Allow, Decision, Hold, Refuse, Wait
from manager_agent.contract.guard import Policy, Question
from manager_agent.instrumentation import cheaper, reentry, shortfall
from manager_agent.instrumentation.asking import asks
from manager_agent.instrumentation.bound import Bound
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.identity import Identity
from manager_agent.instrumentation.receipt import Receipt
from manager_agent.instrumentation.settlement import Held, Parts, Settlement
from manager_agent.instrumentation.shortage import Shortage
from manager_agent.instrumentation.wallet import Wallet
from manager_agent.instrumentation.way import Way
from manager_agent.instrumentation.word import UNHEARD

WITHIN, _OBSERVED = Allow("within_budget"), Allow("observed")
APPROVED, UNREACHABLE = Allow("approved"), Allow("manager_unreachable")
FREE = Bound(0, 0, 0)
SECOND_NS = 1_000_000_000
_WORD_SECONDS = 2.0
"""How long a call waits for what the manager says at once: what it may cost, what bounds it."""
_ROUND_SECONDS = 0.5
"""How long a call waits for money at least: nothing is granted before it is asked for."""
_MOST_WAYS = 1024
_STOPPED_NS, _PASSES_NS = 5 * SECOND_NS, 2 * SECOND_NS
"""How long a first call waits while the first connection is made: one that would be refused without
it, and one that would pass."""


_Last = tuple[Identity | None, Endpoint | None, str | None, str | None, Way | None]
"""Whose call to which model of which tier went last, and its way."""
_NO_WAY: _Last = (None, None, None, None, None)


class Deciding:
    """Half of a guard: what needs no waiting."""

    def __init__(self, parts: Parts, start: Callable[[], None], clock: Callable[[], int]) -> None:
        """`start` sees to it that the speaker speaks; `clock`: that of the wallets."""
        self._word = parts.word
        self._bounds, self._breakers = parts.bounds, parts.breakers
        self._approvals, self._absence = parts.approvals, parts.absence
        self._start = start
        self._clock = clock
        self._settlement = Settlement(parts, clock)
        self._word.settle = self.drain
        self._paused = parts.word.paused
        self._held: dict[str, Held] = {}
        self._ways: dict[tuple[Any, ...], Way] = {}
        self._last = _NO_WAY
        self._asked: dict[str, Question] = {}
        self._approved: set[str] = set()

    def after_fork(self) -> None:
        """Begin anew in a child: it holds nothing, and its parent's calls are its parent's."""
        self._word.after_fork()
        self._settlement.after_fork()
        self._held, self._ways, self._asked, self._approved = {}, {}, {}, set()
        self._last = _NO_WAY
        self._breakers.forget()
        self._approvals.forget()
        self._bounds.after_fork()
        self._absence.after_fork()

    def decide(self, ask: Ask) -> Decision:
        """Return what shall become of a call, in microseconds."""
        if not self._paused.any and self._breakers.quiet:
            found = self._on_its_way(ask)
            if found is not None:
                return found
        return self._looked_at(ask)

    def _on_its_way(self, ask: Ask) -> Decision | None:
        """Let a call pass that is like others before it and has its money; None: look closer."""
        asked = ask.asked
        who, where, model, tier, way = self._last
        if (
            who is not ask.identity
            or where is not ask.endpoint
            or model != asked.model
            or tier != asked.tier
        ):
            way = self._way(ask)
        if (
            way is None
            or self._word.policies.get(way.agent) is not way.policy
            or self._bounds.models is not way.made_of
        ):
            return None
        held = way.hold(ask, self._clock())
        if held is None:
            return None
        self._held[ask.call_id] = held
        return WITHIN

    def _way(self, ask: Ask) -> Way | None:
        """Return the way of a call that is not like the one before it, if there is one."""
        asked, where = ask.asked, ask.endpoint
        way = self._ways.get(_kind(ask))
        if way is not None:
            self._last = ask.identity, where, asked.model, asked.tier, way
        return way

    def _looked_at(self, ask: Ask) -> Decision:
        word = self._word
        if word.paused.any:
            paused = word.paused.refusal(ask)
            if paused is not None:
                return paused
        if not self._breakers.quiet:
            shut = self._breakers.refusal(ask)
            if shut is not None:
                return shut
            if self._pressure(ask):
                return Wait(patience(word.policies.get(ask.identity.agent, UNHEARD)))
        agent = ask.identity.agent
        wallet = word.wallets.get(agent)
        if wallet is None:
            wallet = self._first_of(agent)
        policy = word.policies.get(agent, UNHEARD)
        bound = self._bounds.of(ask, policy)
        if asks(policy):
            if word.link.up and (bound is None or self._lacks(ask, policy)):
                return self._unready(ask, wallet, policy)  # its cost is what people are asked about
            question = self._question_of(ask, bound, policy)
            if question is not None:
                if not word.link.up:
                    return self._stopped(ask, self._alone(ask, wallet, policy, FREE))
                return self._ask_people(question, policy)
        if bound is None:
            if not wallet.unlimited:
                return self._stopped(ask, self._unready(ask, wallet, policy))
            bound = FREE
        nano = bound.nano
        if nano is None:
            if wallet.heard and not wallet.unlimited_usd:
                return self._stopped(ask, unpriced(ask))
            nano = 0
        tokens = bound.input_tokens + bound.output_tokens
        reservation = wallet.reserve(nano, tokens, self._clock())
        if reservation is None:
            self.drain()  # nobody is stopped while what others did not use has not come back
            reservation = wallet.reserve(nano, tokens, self._clock())
        if reservation is None and bound is not FREE:
            bound = self._bounds.closely(ask, policy, bound)
            reservation = wallet.reserve(bound.nano or 0, bound.tokens, self._clock())
        if reservation is not None:
            self._held[ask.call_id] = wallet, reservation, bound
            self._remember(ask, wallet, policy)
            return _OBSERVED if policy.enforcement in ("soft", "observe") else WITHIN
        return self._stopped(ask, self._short(ask, wallet, bound, policy))

    def _remember(self, ask: Ask, wallet: Wallet, policy: Policy) -> None:
        """Let calls such as this go their way from now on."""
        way = self._bounds.way(ask, wallet, policy, self._clock())
        if way is None or self._word.policies.get(wallet.agent) is not policy:
            return
        if len(self._ways) >= _MOST_WAYS:
            self._ways = {}
        self._ways[_kind(ask)] = way
        self._last = _NO_WAY

    def settle(self, ended: Ended) -> Receipt | None:
        """Settle a call at what it cost, or is thought to have cost; return what was charged.

        None where nothing was, and where it is settled later: then `ended.receipt` tells.
        """
        return self._settlement.settle(ended, self._held.pop(ended.ask.call_id, None))

    def drain(self) -> None:
        """Settle what has ended and is not settled yet."""
        self._settlement.drain()

    def leave(self) -> None:
        """Settle it, and from now on all at once: this process is about to end."""
        self._settlement.prompt = True
        self.drain()

    @property
    def longest_ms(self) -> int:
        """Return how long a call of this process took at most, in milliseconds."""
        return self._settlement.longest_ms

    def in_flight(self) -> int:
        """Return how many calls have not been settled."""
        self.drain()
        return len(self._held)

    def _first_of(self, agent: str) -> Wallet:
        """Return a new wallet; the speaker tells the manager of its agent."""
        wallet = self._word.wallet(agent)
        self._start()
        self._word.wake(agent)
        return wallet

    def _pressure(self, ask: Ask) -> float:
        """Return for how many seconds a call had better wait, since its provider asked for that."""
        if self._breakers.quiet:
            return 0.0
        policy = self._word.policies.get(ask.identity.agent, UNHEARD)
        return min(self._breakers.delay(ask), policy.max_wait_ms / 1000)

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
            return Wait(left_ns / SECOND_NS)
        return self._alone(ask, wallet, policy, FREE)

    def _short(self, ask: Ask, wallet: Wallet, bound: Bound, policy: Policy) -> Decision:
        """Decide about a call whose money is not here now."""
        now_ns = self._clock()
        known = wallet.shortage(bound.nano or 0, bound.tokens)
        if known is not None and now_ns < shortfall.ends_ns(known):
            question = self._last_resort(ask, known, bound, policy)
            if question is not None:
                return self._ask_people(question, policy)
            return self._refusal(known, ask, bound)
        if not wallet.heard:
            return self._unready(ask, wallet, policy)
        if not self._word.link.up:
            return self._alone(ask, wallet, policy, bound)
        if known is not None:  # its window has ended, and the speaker will hear of the next
            self._word.wake(wallet.agent)
        return Wait(patience(policy))

    def _alone(self, ask: Ask, wallet: Wallet, policy: Policy, bound: Bound) -> Decision:
        """Decide without the manager: by what was granted for that, then by what people said."""
        if self._held_offline(ask, wallet, bound):
            return WITHIN
        self._word.wake(wallet.agent)  # somebody needs the manager: try it sooner
        mode = self._mode(wallet, policy)
        if mode == "static" and bound is not FREE and wallet.in_flight() and policy.max_wait_ms:
            return Wait(policy.max_wait_ms / 1000)  # what they do not cost comes back
        return self._let_pass(ask, wallet, mode, bound)

    def _held_offline(self, ask: Ask, wallet: Wallet, bound: Bound) -> bool:
        """Hold money for a call of what was granted for a time like this; say whether it is had."""
        now_ns = self._clock()
        wallet.go_offline(now_ns, bound.nano or 0, bound.tokens)
        if bound is FREE:
            return False
        reservation = wallet.reserve(bound.nano or 0, bound.tokens, now_ns)
        if reservation is not None:
            self._held[ask.call_id] = wallet, reservation, bound
        return reservation is not None

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
        return UNREACHABLE

    def _question_of(self, ask: Ask, bound: Bound | None, policy: Policy) -> Question | None:
        """Return what people must be asked, now that the manager has said who asks whom."""
        if ask.call_id in self._approved or not asks(policy):
            return None
        bound = None if bound is FREE else bound
        question = self._approvals.question(ask, bound, policy)
        if question is None or bound is None:
            return question
        question = replace(question, low_nano=self._bounds.least(ask, bound))
        model = cheaper.offered(ask, policy)
        if model is None:
            return question
        other = self._bounds.of(cheaper.with_model(ask, model), policy)
        if other is None or other.nano is None:
            return question  # nobody knows that it is cheaper
        return replace(question, cheaper=model, cheaper_nano=other.nano)

    def _lacks(self, ask: Ask, policy: Policy) -> bool:
        """Say whether what a cheaper model costs that may be offered is not known yet."""
        model = cheaper.offered(ask, policy)
        return model is not None and self._bounds.of(cheaper.with_model(ask, model), policy) is None

    def _last_resort(
        self, ask: Ask, shortage: Shortage, bound: Bound, policy: Policy
    ) -> Question | None:
        """Return the question whether more may be spent, before a call is refused for its limit."""
        grant = shortage.grant
        if not policy.ask_budget or shortage.verdict != "exhausted" or not self._word.link.up:
            return None
        if grant is None or grant.unit != "usd" or not grant.limit_name or not bound.nano:
            return None
        return self._approvals.beyond(ask, bound.nano, grant.limit_name)

    def _ask_people(self, question: Question, policy: Policy) -> Hold:
        hold = self._approvals.hold(question, policy)
        self._asked[hold.approval_id] = question
        return hold

    def _refusal(self, shortage: Shortage, ask: Ask, bound: Bound) -> Refuse:
        agent, now_ns = ask.identity.agent, self._clock()
        return shortfall.refusal(shortage, agent, bound, time.time_ns(), now_ns)


def _kind(ask: Ask) -> tuple[Any, ...]:
    """Return what calls have in common that go the same way."""
    asked, where = ask.asked, ask.endpoint
    model = asked.model or where.model
    return ask.identity.agent, model, asked.tier, where.provider, where.kind


def patience(policy: Policy) -> float:
    """Return how many seconds a call waits for money: for one word with the manager in any case."""
    return max(policy.max_wait_ms / 1000, _ROUND_SECONDS)


def unpriced(ask: Ask) -> Refuse:
    """Refuse a call whose model has no price, under a limit in USD."""
    model = ask.asked.model or ask.endpoint.model or "this model"
    return Refuse(
        "unpriced_model",
        f"Nobody knows what {model} costs, so that no limit in USD can hold for it",
        "Give it a price under `prices.custom` of the manager's configuration, or set"
        " `budgets.unpriced` to `ceiling` or `allow`.",
    )
