"""Savings: each call is claimed once, claims never exceed what was spent, and queries run."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.analytics.answer import answer
from manager_agent.analytics.savings.claims import CLAIMS, assigned
from manager_agent.analytics.savings.suggest import KINDS, suggestions
from manager_agent.prices.book import PriceBook
from tests.harness.history import History

SINCE = datetime(2026, 11, 1)
UNTIL = SINCE + timedelta(days=30)
CLAIM = st.builds(
    lambda kind, number, agent, low, high: {
        "kind": kind,
        "call_id": f"c{number}",
        "agent": agent,
        "provider": "openai",
        "model": "m",
        "cost": (number + 1) * 1_000,
        "low": low,
        "high": high,
    },
    st.sampled_from(KINDS),
    st.integers(0, 9),
    st.sampled_from(["a", "b"]),
    st.floats(-1, 2, allow_nan=False),
    st.floats(-1, 2, allow_nan=False),
)


@given(rows=st.lists(CLAIM, max_size=40))
def test_no_call_is_claimed_twice_and_no_more_than_was_spent(rows: list[dict[str, Any]]) -> None:
    table = assigned(pl.DataFrame(rows, schema=CLAIMS))

    calls = {row["call_id"]: row["cost"] for row in rows}
    assert table["calls"].sum() == len(calls)
    assert table["cost"].sum() == sum(calls.values())
    assert (table["low"] <= table["high"]).all()
    assert 0 <= table["high"].sum() <= sum(calls.values())


def test_the_claim_that_saves_most_gets_the_call() -> None:
    row: dict[str, Any] = {"call_id": "c", "agent": "a", "provider": "p", "model": "m", "cost": 100}
    rows = [
        {**row, "kind": "retry_waste", "low": 0.2, "high": 0.4},
        {**row, "kind": "response_cache", "low": 0.3, "high": 0.5},
    ]

    (found,) = assigned(pl.DataFrame(rows, schema=CLAIMS)).to_dicts()

    assert (found["kind"], found["low"], found["high"]) == ("response_cache", 30, 50)


@pytest.fixture(scope="module")
def history() -> History:
    """Return a month of agents that each waste money in one way."""
    rows: list[dict[str, Any]] = []

    def call(agent: str, ts: datetime, into: int = 900, out: int = 900, **given: Any) -> None:
        cost = Decimal(into) * Decimal("0.0000025") + Decimal(out) * Decimal("0.00001")
        told = {"input_tokens": into, "output_tokens": out, "cost_usd": cost, "status": "ok"}
        names = {"conversation_id": "c", "prompt_digest": None, **given}
        rows.append({"agent": agent, "ts": ts, **told, **names})

    for day in range(30):
        start = SINCE + timedelta(days=day, hours=2)
        for n in range(10):
            call("night", start + timedelta(minutes=10 * n), conversation_id=None)
            call("chat", start + timedelta(hours=n))
            at = start + timedelta(hours=10, minutes=n)
            call("again", at, prompt_digest=f"d{day}")
            call("prefix", at, 30_000)
            call("failing", at, status="error")
            call("simple", at, 500, 50)
            call("other", at, prompt_digest=f"e{day}{n}")
            far = start + timedelta(hours=11, minutes=11 * n)
            call("daily", far, prompt_digest=f"f{day}")
            call("long", far, 90_000 if n == 0 else 6_000, 500)
    made = History()
    calls = pl.DataFrame(rows, infer_schema_length=None).with_row_index("call_id")
    assert not calls.is_empty()
    made.con.execute(
        "INSERT INTO calls_sealed BY NAME SELECT * REPLACE (call_id::VARCHAR AS call_id), "
        "1 AS revision, 'openai' AS provider, 'gpt-4o' AS response_model, "
        "'gpt-4o' AS request_model, 't' || call_id AS trace_id FROM calls"
    )
    return made


def test_each_waste_is_found_where_it_is(history: History) -> None:
    found = suggestions(
        history.con, SINCE.replace(tzinfo=UTC), UNTIL.replace(tzinfo=UTC), PriceBook()
    )

    kinds = {(one.agent, one.kind) for one in found}
    assert kinds == {
        ("again", "redundant_calls"),
        ("daily", "response_cache"),
        ("failing", "retry_waste"),
        ("long", "oversized_context"),
        ("night", "batch_pricing"),
        ("prefix", "prompt_caching"),
        ("simple", "model_downgrade"),
    }
    spent = sum(one.cost for one in found)
    assert 0 < sum(one.low for one in found) <= sum(one.high for one in found) <= spent


def test_every_query_runs_as_it_stands_and_shows_the_claim(history: History) -> None:
    for one in suggestions(
        history.con, SINCE.replace(tzinfo=UTC), UNTIL.replace(tzinfo=UTC), PriceBook()
    ):
        rows = answer(history.con, one.query).filter(pl.col("agent") == one.agent)
        assert rows["calls"].sum() >= one.calls
        assert float(rows["high_usd"].sum()) * 1e9 >= one.high * 0.99
        assert one.how_to_try


def test_nothing_is_suggested_of_nothing() -> None:
    empty = History()
    since = SINCE.replace(tzinfo=UTC)

    assert suggestions(empty.con, since, since + timedelta(days=1), PriceBook()) == []
