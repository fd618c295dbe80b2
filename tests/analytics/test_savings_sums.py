"""No dollar is claimed twice, and none that was not spent: of any history, and by a test that can
fail, as planted mistakes show."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.analytics.answer import answer
from manager_agent.analytics.savings import estimate, statements, suggest
from manager_agent.analytics.savings.texts import filled
from manager_agent.prices.book import PriceBook
from tests.harness.history import History

SINCE = datetime(2026, 11, 1)
DAYS = 3
CALLS = 240
TABLES = ("calls_sealed", "calls_retracted", "tools_sealed", "usage_hour_deltas")


@pytest.fixture(scope="module")
def empty() -> Iterator[History]:
    of = History()
    of.con.execute("SET threads = 1")
    yield of
    of.con.close()


@pytest.fixture(autouse=True)
def _no_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggest, "LEAST_A_MONTH", 0)


def fill(of: History, seed: int, call: Callable[[int, Random], dict[str, Any]]) -> None:
    """Have `of` hold random calls, some of them corrected, some with tools."""
    dice = Random(seed)
    for table in TABLES:
        of.con.execute(f"DELETE FROM {table}")
    rows = [call(number, dice) for number in range(CALLS)]
    old = [{**row, "revision": 0} for row in rows if dice.random() < 0.1]
    for table, made in (
        ("calls_sealed", rows + old),
        ("calls_retracted", [{k: row[k] for k in ("call_id", "revision", "ts")} for row in old]),
        ("tools_sealed", [tool for row in rows for tool in _tools(row, dice)]),
    ):
        of.con.register("made", pa.Table.from_pylist(made))
        of.con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM made")
    of.con.execute(
        "INSERT INTO usage_hour_deltas BY NAME SELECT date_trunc('hour', ts) AS ts, agent,"
        " provider, response_model, 1 AS calls, coalesce(cost_usd, 0) AS cost_usd FROM llm_calls"
    )


def wasted(number: int, dice: Random) -> dict[str, Any]:
    """Return a call that may be saved whole, twice over: a dollar more than it cost would show."""
    hours = timedelta(hours=dice.randrange(24 * DAYS), minutes=dice.choice([0, 55]))
    sure = {"agent": "a", "response_model": "gpt-4o", "usage_estimated": False}
    more = {"ts": SINCE + hours, "cost_usd": Decimal("0.5"), "prompt_digest": "d"}
    return {**any_call(number, dice), **sure, **more}


def any_call(number: int, dice: Random) -> dict[str, Any]:
    minutes = dice.choice([60, 60, 7, 1]) * dice.randrange(10**4) % (DAYS * 1440)
    nano = dice.choice([None, 0, 1, dice.randrange(10**9), dice.randrange(10**10)])
    return {
        "call_id": f"c{number}",
        "revision": 1,
        "ts": SINCE + timedelta(minutes=minutes),
        "agent": dice.choice(["a", "b", None]),
        "provider": "openai",
        "response_model": dice.choice(["gpt-4o", "gpt-4.1", "house-7b"]),
        "input_tokens": dice.choice([None, 10, 1500, 3000, 30_000, 200_000]),
        "output_tokens": dice.choice([None, 9, 9, 10, 150, 5_000]),
        "cache_read_tokens": dice.choice([None, 0, 1000]),
        "reasoning_tokens": dice.choice([None, 0, 5]),
        "cost_usd": None if nano is None else Decimal(nano).scaleb(-9),
        "status": dice.choice(["ok", "ok", "ok", "error"]),
        "trace_id": f"t{dice.randrange(CALLS)}",
        "prompt_digest": dice.choice([None, f"d{dice.randrange(40)}"]),
        "conversation_id": dice.choice([None, None, "x"]),
        "usage_estimated": dice.choice([None, False, False, True]),
    }


def _tools(call: dict[str, Any], dice: Random) -> Iterator[dict[str, Any]]:
    for number in range(dice.choice([0, 0, 0, 3])):
        key = f"{call['call_id']}-{number}"
        yield {"tool_call_key": key, "revision": 1, "ts": call["ts"], "trace_id": call["trace_id"]}


def wrong(of: History, most: int = 10**6, at_once: int = 25) -> list[str]:
    """Return what is claimed twice, or was not spent."""
    since = SINCE.replace(tzinfo=UTC)
    ask = partial(answer, of.con)
    until = since + timedelta(days=DAYS)
    found = suggest.suggestions(ask, since, until, PriceBook(), most=most, at_once=at_once)
    spent = {
        (agent, model): (calls, int(nano))
        for agent, model, calls, nano in of.rows(
            "SELECT agent, response_model, count(*), coalesce(round(sum(cost_usd) * 1e9), 0)"
            " FROM llm_calls WHERE cost_usd > 0 GROUP BY ALL"
        )
    }
    told = []
    for of_whom, (calls, nano) in spent.items():
        mine = [one for one in found.suggestions if (one.agent, one.model) == of_whom]
        if sum(one.high for one in mine) > nano * 30 // DAYS + len(mine):
            told.append(f"{of_whom}: more saved than was spent")
        if sum(one.cost for one in mine) > nano + len(mine):
            told.append(f"{of_whom}: calls of more than was spent")
        if found.exact and sum(one.calls for one in mine) > calls:
            told.append(f"{of_whom}: a call claimed twice")
        told += [f"{one.kind}: low above high" for one in mine if not 0 <= one.low <= one.high]
    return told


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), most=st.sampled_from([60, 10**6]))
def test_no_more_is_claimed_than_was_spent(empty: History, seed: int, most: int) -> None:
    fill(empty, seed, any_call)

    assert wrong(empty, most) == []


def replaced(**changes: tuple[str, str]) -> Callable[..., str]:
    """Return `filled` with a mistake in a statement: what it says and what it says then."""

    def made(name: str, **values: str) -> str:
        text = filled(name, **values)
        if name in changes:
            was, becomes = changes[name]
            assert was in text, f"{name}.sql no longer says {was!r}"
            text = text.replace(was, becomes)
        return text

    return made


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            {"sums": ("DESC, kind) = 1", "DESC, kind) > 0")},
            id="each kind claims the call",
        ),
        pytest.param(
            {"asked": ("calls.looked AND NOT calls.guessed", "NOT calls.guessed")},
            id="the minutes before count too",
        ),
        pytest.param({"asked": ("DISTINCT trace_id", "trace_id")}, id="a call for each tool"),
        pytest.param({"asked": ("ts < TIMESTAMP", "ts <= TIMESTAMP")}, id="both ends count"),
        pytest.param({"asked": ("FROM llm_calls", "FROM calls_sealed")}, id="corrections too"),
    ],
)
def test_planted_mistakes_are_seen(
    empty: History, monkeypatch: pytest.MonkeyPatch, change: dict[str, tuple[str, str]]
) -> None:
    fill(empty, 7, wasted)
    assert wrong(empty) == []
    monkeypatch.setattr(statements, "filled", replaced(**change))

    assert wrong(empty)


def test_a_sample_scaled_too_high_is_seen(empty: History, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(empty, 7, wasted)

    def by_calls(looked: pl.DataFrame, spent: pl.DataFrame) -> pl.DataFrame:
        return looked.select(estimate.OF).unique().with_columns(pl.lit(40.0).alias("scale"))

    assert wrong(empty, 60) == []
    monkeypatch.setattr(estimate, "_scales", by_calls)
    assert wrong(empty, 60)
