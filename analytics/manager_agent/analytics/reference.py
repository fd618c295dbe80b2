"""What an agent used of each model in the hours that its present hour is compared with."""

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import polars as pl

from manager_agent.analytics.frames import REFERENCES
from manager_agent.contract.usage import Usage
from manager_agent.prices.book import PriceBook

_Weights = tuple[float, float, float, float]
_MOST: _Weights = (1.0, 0.1, 1.25, 4.0)
_TOKENS = 100_000
"""Below where prices rise with the length of a prompt."""

RECENT = 26
"""Hours before the present one, of which all may count; of others those like the present one."""

_WEEKS, _DAYS = 6, 14
_SUMMED = [
    "calls",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost",
]
_LATEST = 2
"""Hours that are too new to be what is usual."""


def references(
    usage: pl.DataFrame, baselines: pl.DataFrame, now: datetime, zone: ZoneInfo
) -> pl.DataFrame:
    """Return what each agent used in the hours like the present one (schema `REFERENCES`).

    `usage`: as `Frames.hours`, of the last six weeks. Hours are chosen as the agent's baseline was:
    by week, by day, or its latest with calls. Hours without calls count where they are compared.
    """
    present = now.replace(minute=0, second=0, microsecond=0)
    of_agent = baselines.filter(pl.col("model").is_null() & (pl.col("ts") == present)).select(
        "agent", "basis", "first"
    )
    weekend = present.astimezone(zone).weekday() >= 5
    ago = (pl.lit(present) - pl.col("ts")).dt.total_hours()
    local = pl.col("ts").dt.convert_time_zone(zone.key).dt.weekday() >= 6
    fits = (
        pl.when(pl.col("basis") == "week")
        .then(ago % 168 == 0)
        .when(pl.col("basis") == "day")
        .then((ago % 24 == 0) & (ago <= 24 * _DAYS) & (local == weekend))
        .otherwise(ago.is_between(_LATEST, RECENT))
    )
    mine = usage.join(of_agent, on="agent").filter(fits)
    sums = pl.col(_SUMMED).sum()
    counted = mine.group_by("agent").agg(pl.col("ts").n_unique().cast(pl.Int64()).alias("used"))
    table = mine.group_by("agent", "provider", "model").agg(sums).join(counted, on="agent")
    table = table.join(_compared(of_agent, present, zone), on="agent")
    hours = pl.when(pl.col("compared") > 0).then("compared").otherwise("used").alias("hours")
    told = table.with_columns(hours).with_columns(_weights(table, present))
    return told.select(REFERENCES.names()).cast(REFERENCES).sort("agent", "provider", "model")


def _compared(of_agent: pl.DataFrame, present: datetime, zone: ZoneInfo) -> pl.DataFrame:
    """Return how many hours each agent is compared with, idle ones too; 0: those with calls."""
    weekend = present.astimezone(zone).weekday() >= 5
    weeks = [present - timedelta(weeks=k) for k in range(1, _WEEKS + 1)]
    days = [present - timedelta(days=k) for k in range(1, _DAYS + 1)]
    days = [day for day in days if (day.astimezone(zone).weekday() >= 5) == weekend]
    by_basis = {"week": weeks, "day": days}
    rows = [
        (agent, sum(hour >= first for hour in by_basis.get(basis, [])))
        for agent, basis, first in of_agent.iter_rows()
    ]
    schema = {"agent": pl.String(), "compared": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _weights(table: pl.DataFrame, present: datetime) -> list[pl.Series]:
    models: list[tuple[str | None, str | None]] = list(table.select("provider", "model").rows())
    each = [weights(provider, model, present) for provider, model in models]
    return [
        pl.Series(f"weight_{name}", [one[place] for one in each], pl.Float64())
        for place, name in enumerate(("input", "cache_read", "cache_write", "output"))
    ]


@cache
def _book() -> PriceBook:
    return PriceBook()


def weights(provider: str | None, model: str | None, ts: datetime) -> _Weights:
    """Return what input, cache reads, cache writes, output of a model cost beside each other.

    From list prices at `ts`; where there are none, those of most models.
    """

    def cost(input_tokens: int, output_tokens: int, read: int = 0, write: int = 0) -> int:
        usage = Usage(input_tokens, output_tokens, read, write)
        return _book().price(usage, provider, [model], ts).cost_nano or 0

    plain = cost(_TOKENS, 0)
    if not plain:
        return _MOST
    read, write = cost(_TOKENS, 0, read=_TOKENS), cost(_TOKENS, 0, write=_TOKENS)
    return (1.0, read / plain, write / plain, cost(0, _TOKENS) / plain)
