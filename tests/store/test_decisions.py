"""Decisions that agents tell of: one row each, exact sums, once, also after a restart."""

from decimal import Decimal
from pathlib import Path

from manager_agent.receiver.span import Span
from manager_agent.receiver.testing import NOW_NS, span
from tests.harness.facts import opened
from tests.harness.stories import Receiver, llm


def refused(number: int, **limits: str) -> Span:
    said = {
        "manager.decision": "refuse",
        "manager.decision.reason": "over_budget",
        "manager.limit.name": "daily_limit_usd of agent writer",
        "manager.call.id": f"{number:032x}",
        "manager.agent.id": "writer",
        **{f"manager.limit.{name}": usd for name, usd in limits.items()},
    }
    return span("a", number, said, scope="manager_agent", status=2, lasts_ns=10**6)


def test_a_refused_call_is_one_row_of_decisions_and_none_of_calls(tmp_path: Path) -> None:
    receiver = Receiver(opened(tmp_path))
    sent = [refused(1, usd="10.5", spent_usd="10.500000001", reserved_usd="0"), llm("b", 1)]
    receiver.take(sent)
    receiver.restart()
    assert receiver.take(sent) == 2

    con = receiver.store.cursor()
    rows = con.execute("SELECT * EXCLUDE (ts), epoch_us(ts) FROM decisions").fetchall()
    calls = con.execute("SELECT count(*) FROM llm_calls").fetchall()
    receiver.store.close()

    assert rows == [
        (
            *("writer", "refuse", "over_budget", "daily_limit_usd of agent writer"),
            *(Decimal("10.5"), Decimal("10.500000001"), Decimal(0), f"{1:032x}"),
            (NOW_NS + 10**6) // 1000,
        )
    ]
    assert calls == [(1,)]


def test_sums_that_are_unknown_or_absurd_do_no_harm(tmp_path: Path) -> None:
    store = opened(tmp_path)
    Receiver(store).take(
        [refused(1), refused(2, usd="1e999999"), refused(3, usd="much"), refused(4, usd="-5")]
    )

    con = store.cursor()
    rows = con.execute("SELECT limit_usd FROM decisions ORDER BY call_id").fetchall()
    store.close()

    assert [row[0] for row in rows] == [None, Decimal("999999999.999999999"), None, None]
