"""What a guarded call pays in its own process: the bound, reserve and settle, in processor time.

`python -m benchmarks.reserve`. The best of many rounds, since a busy machine only ever adds.
"""

import time
from collections.abc import Callable
from decimal import Decimal

from manager_agent.contract.guard import Grant
from manager_agent.contract.rates import UnitPrice, compile_rates
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bound import Ceilings, bound, dearest
from manager_agent.instrumentation.wallet import Epoch, Wallet

CALLS, ROUNDS = 20_000, 50
MILLION = 1_000_000
NOW_NS = MILLION


def wallet(limited: tuple[str, ...]) -> Wallet:
    made = Wallet("a", Epoch("h1"), lambda: None)
    for lease, report in enumerate(made.reports(NOW_NS, 0), start=1):
        bounded = report.unit in limited
        made.take(
            Grant(
                holder="h1",
                lease=lease if bounded else 0,
                agent="a",
                unit=report.unit,
                seq=report.seq,
                granted_total=10**18 if bounded else 0,
                ttl_ms=10**9,
                window_left_ms=10**9,
                verdict="ok",
                unlimited=not bounded,
            ),
            NOW_NS,
        )
    return made


def best(once: Callable[[], object]) -> int:
    """Return nanoseconds of processor time of one call."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        for _ in range(CALLS):
            once()
        rounds.append((time.thread_time_ns() - began) // CALLS)
    return min(rounds)


def reserve_and_settle(limited: tuple[str, ...]) -> Callable[[], object]:
    made = wallet(limited)

    def once() -> None:
        held = made.reserve(1000, 1000, NOW_NS)
        assert held is not None
        made.settle(held, 900, 900, NOW_NS)

    return once


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
    print(f"bound:                     {best(lambda: bound(asked, ceilings, prices)):5} ns")
    print(f"reserve + settle, USD:     {best(reserve_and_settle(('usd',))):5} ns")
    both = best(reserve_and_settle(("usd", "tokens")))
    print(f"reserve + settle, both:    {both:5} ns")


if __name__ == "__main__":
    main()
