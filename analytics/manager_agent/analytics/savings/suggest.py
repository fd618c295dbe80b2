"""Suggestions: what could be cheaper, by how much a month, how to see it and how to try it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

import duckdb
import polars as pl

from manager_agent.analytics.answer import answer
from manager_agent.analytics.reference import weights
from manager_agent.analytics.savings.cheaper import cheaper
from manager_agent.analytics.savings.claims import CLAIMS, assigned
from manager_agent.prices.book import PriceBook

_MONTH_DAYS = 30
_LEAST_A_MONTH = 100_000_000
"""Nano-USD a month that are worth a line."""
TRY = {
    "redundant_calls": "keep the answer where it is asked for again within minutes; count how often"
    " it is used before you rely on it",
    "response_cache": "cache answers by prompt for a day, for one agent first; leave out prompts"
    " whose answer depends on when it is asked",
    "retry_waste": "retry with a pause, and not at all what fails for its content; see"
    " `manager-agent alerts list` for what fails",
    "batch_pricing": "send one night's work through the provider's batch interface and compare the"
    " answers and when they come",
    "prompt_caching": "put what never changes first in the prompt, and mark it for the cache where"
    " the provider asks for that; then watch cache_read_tokens",
    "model_downgrade": "let a tenth of these calls go to the cheaper model for a week and compare"
    " the answers yourself: nothing here says that they are as good",
    "oversized_context": "leave out old turns and documents above the usual length, for one agent"
    " first, and compare the answers",
}
"""How to try each kind safely; the kinds in order of their names are `KINDS`."""
KINDS = tuple(sorted(TRY))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One way to save, of one agent and model; no call counts for two of them.

    `calls`, `cost`: what it is about in the range, nano-USD. `low`, `high`: nano-USD saved a month.
    `query`: proves it, runs as it stands; it shows the kind's calls before others claim theirs.
    """

    kind: str
    agent: str | None
    provider: str | None
    model: str | None
    calls: int
    cost: int
    low: int
    high: int
    query: str
    how_to_try: str


def suggestions(
    con: duckdb.DuckDBPyConnection,
    since: datetime,
    until: datetime,
    prices: PriceBook | None = None,
) -> list[Suggestion]:
    """Return what could be cheaper in the calls from `since` to before `until`, the most first.

    `prices`: today's, for comparing models; list prices by default. Raises
    `duckdb.Error` where views are missing.
    """
    queries = _queries(con, since, until, prices or PriceBook())
    parts = [_claimed(con, kind, query) for kind, query in queries.items()]
    table = assigned(pl.concat(parts)) if parts else pl.DataFrame()
    days = max((until - since).total_seconds() / 86_400, 1.0)
    proof = _text("proof")
    found = []
    for kind, agent, provider, model, calls, cost, low, high in table.iter_rows():
        monthly = [round(each * _MONTH_DAYS / days) for each in (low, high)]
        if monthly[1] >= _LEAST_A_MONTH:
            query = proof.replace("{claims}", queries[kind])
            of = (kind, agent, provider, model, calls, cost)
            found.append(Suggestion(*of, monthly[0], monthly[1], query, TRY[kind]))
    return found


def _queries(
    con: duckdb.DuckDBPyConnection, since: datetime, until: datetime, prices: PriceBook
) -> dict[str, str]:
    """Return the query of each kind with its range and prices written in."""
    range_of = {"$since": _literal(since), "$until": _literal(until)}
    models: list[tuple[str, str]] = con.execute(_filled("models", range_of)).fetchall()
    pairs = list(cheaper(models, prices, until))
    rates = [(p, m, *(weights(p, m, until)[place] for place in (0, 1, 3))) for p, m in models]
    tables: dict[str, tuple[str, Sequence[Sequence[object]]]] = {
        "model_downgrade": ("{cheaper}", pairs),
        "prompt_caching": ("{weights}", rates),
    }
    queries = {}
    for kind in KINDS:
        name, rows = tables.get(kind, ("", ()))
        if name and not rows:
            continue
        more = {name: _values(rows)} if name else {}
        queries[kind] = _filled(kind, range_of | more)
    return queries


def _claimed(con: duckdb.DuckDBPyConnection, kind: str, query: str) -> pl.DataFrame:
    found = answer(con, query)
    nano = (pl.col("cost_usd") * 1_000_000_000).round().cast(pl.Int64()).alias("cost")
    shares = [pl.col(name).cast(pl.Float64()) for name in ("low", "high")]
    return found.with_columns(pl.lit(kind).alias("kind"), nano, *shares).select(CLAIMS.names())


def _filled(name: str, values: dict[str, str]) -> str:
    text = _text(name)
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def _text(name: str) -> str:
    path = files("manager_agent.analytics") / "sql" / "savings" / f"{name}.sql"
    lines = path.read_text("utf-8").strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def _literal(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}'"


def _values(rows: Iterable[Sequence[object]]) -> str:
    return ", ".join(f"({', '.join(map(_constant, row))})" for row in rows)


def _constant(value: object) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(float(value)) if isinstance(value, float) else str(value)
