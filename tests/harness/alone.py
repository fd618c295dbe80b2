"""A guard whose speaker does not speak: it holds what a test grants it, of one agent, in USD.

A call reserves `RESERVED` nano-USD: 100 tokens in at 2,500 and 100 out at 10,000.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from manager_agent.contract.decision import Allow
from manager_agent.contract.guard import Grant, Policy, Report
from manager_agent.control.rates import rates_answer
from manager_agent.instrumentation.absence import Absence, Setting
from manager_agent.instrumentation.approvals import Approvals
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.breakers import Breakers
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.guard import Guard
from manager_agent.instrumentation.identity import Identity
from manager_agent.instrumentation.known_rates import KnownRates
from manager_agent.instrumentation.lease import Lease
from manager_agent.instrumentation.settlement import Parts
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.unread import WholeAnswer
from manager_agent.instrumentation.word import Word
from manager_agent.prices.book import PriceBook
from tests.harness.metered import CHAT, asked

READ, RESERVED = 100, 100 * 2_500 + 100 * 10_000
AGENT, MODEL, HOLDER = "a", "gpt-4o", "holder"
LEASE = 7
_NOON_NS = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 10**9
_HARD = Policy(agent=AGENT, enforcement="hard", unpriced="refuse", unreachable="static")
_FOREVER_MS = 10**12


def rates() -> KnownRates:
    """Return the rates of the one model, as the manager tells them."""
    known = KnownRates()
    book, bounds = PriceBook(), Bounds(known)
    told = lambda method, request, seconds: rates_answer(request, book, datetime.now(UTC), b"k")  # noqa: E731
    bound = None
    while bound is None:  # first of the model that is asked for
        bound = bounds.of(call(), _HARD)
        bounds.learn(told)
    first = answered(call(), 1)
    bounds.spent(first, first.counted, bound)  # then of the one that answered
    bounds.learn(told)
    return known


def call() -> Ask:
    """Return a call that is about to leave."""
    body = Asked(MODEL, body_bytes=36, text_bytes=20, max_output_tokens=100)
    return asked(CHAT, body, Identity(AGENT, "context"), started_ns=_NOON_NS)


def answered(ask: Ask, written: int, seconds: int = 0, **more: Any) -> Ended:
    """Return a call whose answer, not read yet, counts so many generated tokens."""
    usage = {"prompt_tokens": READ, "completion_tokens": written, "total_tokens": READ + written}
    body = json.dumps({"model": MODEL, "usage": usage, **more}).encode()
    answer = WholeAnswer(ask, 200, {}, body)
    return Ended(
        ask, Allow("within_budget"), ask.started_ns + seconds * 10**9, "whole", answer, 200
    )


def broken(ask: Ask) -> Ended:
    """Return a call that was answered with a 500."""
    return Ended(ask, Allow("within_budget"), ask.started_ns, "whole", Told(), 500)


def cost(written: int) -> int:
    """Return nano-USD of a call that was answered with so many tokens."""
    return READ * 2_500 + written * 10_000


class Alone:
    """`prompt`: it settles everything at once."""

    def __init__(self, known: KnownRates, calls: int = 4, prompt: bool = False) -> None:
        """Begin with money for so many calls at their worst, and one settled in its time."""
        self.now = 10**9
        self.woken = 0
        self.word = Word(None, "boot")
        self.word.epoch.holder = HOLDER
        self.word.wake = self._wake
        self.breakers = Breakers(lambda: None, lambda: self.now)
        absence = Absence(Setting("static", None, True, "http://boss:4317"), lambda agent: None)
        parts = Parts(self.word, Bounds(known), self.breakers, Approvals(), absence)
        self.guard = Guard(parts, lambda: None, lambda: self.now)
        self.guard._settlement.prompt = prompt
        self.word.policies[AGENT] = _HARD
        self.word.link.heard()
        self.wallet = self.word.wallet(AGENT)
        self.granted = 0
        self.grant(calls + 1)
        first = call()
        assert isinstance(self.guard.decide(first), Allow)
        assert self.guard.settle(answered(first, 100)) is not None, "the first of a model waits not"

    def _wake(self, agent: str) -> None:
        self.woken += 1

    def grant(self, calls: int) -> None:
        """Grant money for so many calls more; tokens are not limited."""
        self.granted += calls * RESERVED
        for report in self.wallet.reports(self.now, 0):
            usd = report.unit == "usd"
            self.wallet.take(
                Grant(
                    holder=HOLDER,
                    lease=LEASE if usd else 0,
                    agent=AGENT,
                    unit=report.unit,
                    seq=report.seq,
                    granted_total=self.granted if usd else 0,
                    ttl_ms=_FOREVER_MS,
                    window_left_ms=_FOREVER_MS,
                    verdict="ok",
                    unlimited=not usd,
                ),
                self.now,
            )

    def reports(self) -> list[Report]:
        """Return what the speaker would tell now."""
        self.word.settle()
        return self.wallet.reports(self.now, self.guard.longest_ms)

    def lease(self) -> Lease:
        """Return the one lease in USD as it stands, without settling anything."""
        return next(one for one in self.wallet.leases() if one.id == LEASE)

    def counts(self) -> Mapping[str, int]:
        """Return how calls went, as the manager is told."""
        self.word.settle()
        return next(iter(self.breakers._rows.values())).counts()
