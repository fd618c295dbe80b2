"""What a guarded call pays in its own process: bound, reserve, settle; then the whole of it.

In processor time, beside the limit of 5 us that issue 5 sets for gate, reserve and settle. Calls
are settled many together, mostly in another thread: "+" is a call's share of that, to be added to
the line above it for all that a call takes.

`python -m benchmarks.reserve [--json]`. The best tenth of many rounds: a machine that is shared
only ever adds, up to as much again. Their median is told beside it.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import cycle
from typing import NamedTuple

from manager_agent.contract.decision import Allow
from manager_agent.contract.guard import Grant, Policy
from manager_agent.contract.rates import UnitPrice, compile_rates
from manager_agent.control.rates import rates_answer
from manager_agent.instrumentation import gate, identity, spans
from manager_agent.instrumentation.absence import Absence
from manager_agent.instrumentation.absence import setting as absence_setting
from manager_agent.instrumentation.approvals import Approvals
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bound import Ceilings, bound, dearest
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.breakers import Breakers
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.clock import now_ns
from manager_agent.instrumentation.epoch import Epoch
from manager_agent.instrumentation.guard import Guard
from manager_agent.instrumentation.known_rates import KnownRates
from manager_agent.instrumentation.meter import Call
from manager_agent.instrumentation.settlement import Parts
from manager_agent.instrumentation.unread import WholeAnswer
from manager_agent.instrumentation.wallet import Wallet
from manager_agent.instrumentation.word import Word
from manager_agent.prices.book import PriceBook

CALLS, ROUNDS = 100, 2_000  # short: on a busy machine some rounds are left alone
TOGETHER = 50  # calls that are settled together, as a thread would that comes by now and then
MILLION = 1_000_000
NOW_NS = MILLION
LIMIT_NS = 5_000
WHOLE = "= decide + reserve + settle"
"""What the limit is for."""
HEAD = {"content-type": "application/json"}
REQUEST = json.dumps(
    {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Be brief. " * 80}]}
).encode()
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "41.2 " * 40}}],
        "usage": {"prompt_tokens": 160, "completion_tokens": 48, "total_tokens": 208},
    }
).encode()


def wallet(limited: tuple[str, ...]) -> Wallet:
    made = Wallet("a", Epoch("h1"), lambda: None)
    grant(made, limited, NOW_NS)
    return made


def grant(made: Wallet, limited: tuple[str, ...], at_ns: int) -> None:
    """Give a wallet more than it can spend of what is limited."""
    for lease, report in enumerate(made.reports(at_ns, 0), start=1):
        bounded = report.unit in limited
        made.take(
            Grant(
                holder=report.holder,
                lease=lease if bounded else 0,
                agent=report.agent,
                unit=report.unit,
                seq=report.seq,
                granted_total=10**18 if bounded else 0,
                ttl_ms=10**9,
                window_left_ms=10**9,
                verdict="ok",
                unlimited=not bounded,
            ),
            at_ns,
        )


class Taken(NamedTuple):
    """Nanoseconds of processor time of one call, by the rounds: their best tenth, their median."""

    tenth: int
    median: int


def taken(rounds: Sequence[int], calls: int) -> Taken:
    """Return what one of the `calls` of each round took."""
    ordered = sorted(rounds)
    return Taken(ordered[len(ordered) // 10] // calls, ordered[len(ordered) // 2] // calls)


def alone(once: Callable[[], object]) -> Taken:
    """Return what one call takes."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        for _ in range(CALLS):
            once()
        rounds.append(time.thread_time_ns() - began)
    return taken(rounds, CALLS)


def in_two(once: Callable[[], object], settle: Callable[[], object]) -> tuple[Taken, Taken, Taken]:
    """Return what one call takes in its caller's thread, what its settling does, and both."""
    called, settled = [], []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        for _ in range(TOGETHER):
            once()
        between = time.thread_time_ns()
        settle()
        called.append(between - began)
        settled.append(time.thread_time_ns() - between)
    both = [first + second for first, second in zip(called, settled, strict=True)]
    return taken(called, TOGETHER), taken(settled, TOGETHER), taken(both, TOGETHER)


def reserve_and_settle(limited: tuple[str, ...]) -> Callable[[], object]:
    made = wallet(limited)

    def once() -> None:
        held = made.reserve(1000, 1000, NOW_NS)
        assert held is not None
        made.settle(held, 900, 900, NOW_NS)

    return once


def guarded() -> tuple[Guard, Callable[[], object]]:
    """Return a guard with ample money and rates, whose speaker does not speak."""
    word = Word(None, "boot")
    known = KnownRates()
    bounds = Bounds(known)
    breakers = Breakers(lambda: None, now_ns)
    absence = Absence(absence_setting({}, "http://127.0.0.1:1"), lambda agent: None)
    parts = Parts(word, bounds, breakers, Approvals(lambda: None), absence)
    guard = Guard(parts, lambda: None, now_ns)
    who = identity.of_process().agent
    word.policies[who] = Policy(agent=who, enforcement="hard", unpriced="refuse")
    grant(word.wallet(who), ("usd",), now_ns())
    book = PriceBook()

    def told(method: str, request: bytes, seconds: float) -> bytes:
        return rates_answer(request, book, datetime.now(UTC), b"key")

    return guard, lambda: bounds.learn(told)


def parts_of_a_call() -> dict[str, Taken]:
    """Return what a guarded call pays in its own process, span apart.

    First of the guard alone, its request and answer being read; then with reading what a budget
    must know of the request and of the answer.
    """
    endpoint = gate.endpoint("api.openai.com", 443, "/v1/chat/completions", "POST", {})
    assert endpoint is not None
    guard, learn = guarded()
    gate.use(guard)
    emit, spans.emit = spans.emit, lambda ended: None

    def whole() -> None:
        call = gate.enter(endpoint, REQUEST)
        assert isinstance(call, Call)
        call.answered(200, HEAD)
        call.whole(ANSWER)

    asked = gate._ask(endpoint, REQUEST)
    for _ in range(2):  # the model that answers is known by its first answer
        guard.decide(asked)
        learn()
        whole()
        learn()
    decision = guard.decide(asked)
    assert decision == Allow("within_budget"), decision
    ended = [_ended(asked) for _ in range(TOGETHER)]
    assert guard.settle(ended[0]) is None
    assert ended[0].receipt is not None
    calls = cycle(ended)

    def decide_and_settle() -> None:
        guard.decide(asked)
        guard.settle(next(calls))

    gc.collect()
    gc.freeze()  # the price table, which no agent has in its memory
    try:
        decided, settled, both = in_two(decide_and_settle, guard.drain)
        called, read, call = in_two(whole, guard.drain)
        return {
            "decide + reserve, lining up what ended": decided,
            "+ settling it": settled,
            WHOLE: both,
            "a call, with reading its request": called,
            "+ settling it, with reading its answer": read,
            "= a call": call,
        }
    finally:
        gate.use(None)
        spans.emit = emit


def _ended(asked: Ask) -> Ended:
    """Return a call whose answer somebody has read before: what a span reads, too."""
    answer = WholeAnswer(asked, 200, HEAD, ANSWER)
    ended = Ended(asked, Allow("within_budget"), asked.started_ns + 10**9, "whole", answer, 200)
    assert ended.counted.usage is not None
    return ended


def main() -> None:
    prices = dearest(
        compile_rates(
            [
                UnitPrice("input_tokens", frozenset(), Decimal("2.5"), MILLION),
                UnitPrice("output_tokens", frozenset(), Decimal(10), MILLION),
            ]
        )
    )
    asked, ceilings = Asked(max_output_tokens=500, body_bytes=3000), Ceilings()
    found = {
        "bound": alone(lambda: bound(asked, ceilings, prices)),
        "reserve + settle, USD": alone(reserve_and_settle(("usd",))),
        "reserve + settle, both": alone(reserve_and_settle(("usd", "tokens"))),
        **parts_of_a_call(),
    }
    if "--json" in sys.argv[1:]:
        print(json.dumps({name: each._asdict() for name, each in found.items()}))
        return
    for name, (tenth, median) in found.items():
        share = f"{tenth / LIMIT_NS:5.2f} of {LIMIT_NS} ns"
        print(f"{name:40} {tenth:6} ns  {share}, median {median:6} ns")


if __name__ == "__main__":
    main()
