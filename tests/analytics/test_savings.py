"""Savings: each call is claimed once, claims never exceed what was spent, and queries run."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import polars as pl
import pytest

from manager_agent.analytics.answer import answer
from manager_agent.analytics.savings.suggest import Savings, suggestions
from manager_agent.prices.book import PriceBook
from tests.harness.history import History

SINCE = datetime(2026, 11, 1)
UNTIL = SINCE + timedelta(days=30)
UNKNOWN = ("prompt_digest", "cache_read_tokens", "service_tier", "finish_reason")


UNKNOWN = ("prompt_digest", "cache_read_tokens", "service_tier", "finish_reason")


@pytest.fixture(scope="module")
def history() -> History:
    """Return a month of agents that each waste money in one way, and of some that do not."""
    rows: list[dict[str, Any]] = []

    def call(agent: str, ts: datetime, into: int = 900, out: int = 900, **given: Any) -> None:
        cost = Decimal(into) * Decimal("0.0000025") + Decimal(out) * Decimal("0.00001")
        told = {"input_tokens": into, "output_tokens": out, "cost_usd": cost, "status": "ok"}
        unknown = dict.fromkeys(UNKNOWN)
        rows.append({"agent": agent, "ts": ts, **told, "conversation_id": "c", **unknown, **given})

    for day in range(30):
        start = SINCE + timedelta(days=day, hours=2)
        for n in range(10):
            call("night", start + timedelta(minutes=10 * n), conversation_id=None)
            call("chat", start + timedelta(hours=n))
            at = start + timedelta(hours=10, minutes=n)
            call("again", at, prompt_digest=f"d{day}")
            call("prefix", at, 30_000, cache_read_tokens=0)
            call("unseen", at, 30_000)
            call("failing", at, status="error")
            call("simple", at, 1_500, 120)
            call("other", at, prompt_digest=f"e{day}{n}")
            far = start + timedelta(hours=11, minutes=11 * n)
            call("daily", far, prompt_digest=f"f{day}")
            call("long", far, 90_000 if n == 0 else 6_000, 500)
            # A batch already, answers that call a tool, calls that are free or of unknown cost.
            tens = start + timedelta(minutes=10 * n)
            call("batch", tens, conversation_id=None, service_tier="batch")
            tool = {"finish_reason": "tool_calls"}
            call("talk", start + timedelta(minutes=7 * n * n), 3_900, 5 + day % 5, **tool)
            call("free", at, prompt_digest="g", cost_usd=Decimal(0))
            call("unpriced", at, prompt_digest="h", cost_usd=None)
        for half_hour in range(48):
            call("poller", start + timedelta(minutes=30 * half_hour), 5_000, 8 + half_hour % 2)
    made = History()
    calls = pl.DataFrame(rows, infer_schema_length=None).with_row_index("call_id")
    assert not calls.is_empty()
    made.con.execute(
        "INSERT INTO calls_sealed BY NAME SELECT * REPLACE (call_id::VARCHAR AS call_id), "
        "1 AS revision, 'openai' AS provider, 'gpt-4o' AS response_model, "
        "'gpt-4o' AS request_model, 't' || call_id AS trace_id FROM calls"
    )
    made.roll_up()
    return made


def looked(of: History) -> Savings:
    ask = partial(answer, of.con)
    return suggestions(ask, SINCE.replace(tzinfo=UTC), UNTIL.replace(tzinfo=UTC), PriceBook())


def test_each_waste_is_found_where_it_is(history: History) -> None:
    found = looked(history).suggestions

    kinds = {(one.agent, one.kind) for one in found}
    assert kinds == {
        ("again", "redundant_calls"),
        ("daily", "response_cache"),
        ("failing", "retry_waste"),
        ("long", "oversized_context"),
        ("night", "batch_pricing"),
        ("poller", "idle_premium"),
        ("prefix", "prompt_caching"),
        ("simple", "model_downgrade"),
        ("unseen", "prompt_caching"),
    }
    (unseen,) = (one for one in found if one.agent == "unseen")
    assert unseen.low == 0, "nobody told what came from the cache: it may be used already"
    spent = sum(one.cost for one in found)
    assert 0 < sum(one.low for one in found) <= sum(one.high for one in found) <= spent


def test_every_query_runs_as_it_stands_and_shows_the_claim(history: History) -> None:
    for one in looked(history).suggestions:
        rows = answer(history.con, one.query).filter(pl.col("agent") == one.agent)
        assert rows["calls"].sum() >= one.calls
        assert float(rows["high_usd"].sum()) * 1e9 >= one.high * 0.99
        assert one.how_to_try


def test_nothing_is_suggested_of_nothing() -> None:
    assert looked(History()) == Savings((), 0, 0)
