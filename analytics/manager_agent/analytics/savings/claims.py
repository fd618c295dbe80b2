"""Who claims a call: each call is claimed by one suggestion at most, by the one that saves most."""

import polars as pl

CLAIMS = pl.Schema(
    {
        "kind": pl.String(),
        "call_id": pl.String(),
        "agent": pl.String(),
        "provider": pl.String(),
        "model": pl.String(),
        "cost": pl.Int64(),  # nano-USD
        "low": pl.Float64(),  # shares of the cost
        "high": pl.Float64(),
    }
)
_OF = ["kind", "agent", "provider", "model"]


def assigned(claims: pl.DataFrame) -> pl.DataFrame:
    """Return what is claimed by kind, agent and model: `calls`, `cost`, `low`, `high` (nano-USD).

    `claims` (schema `CLAIMS`) may claim a call many times; the claim with the largest middle gets
    it, and no more than its cost. So the sum of all is never above what was spent.
    """
    share = [pl.col(name).clip(0, 1).fill_nan(0).alias(name) for name in ("low", "high")]
    bounded = claims.filter(pl.col("cost") > 0).with_columns(*share)
    middle = (pl.col("low") + pl.col("high")) * pl.col("cost")
    one_each = (
        bounded.with_columns(middle.alias("worth"), pl.min_horizontal("low", "high").alias("low"))
        .sort(["worth", "kind", "call_id"], descending=[True, False, False])
        .unique("call_id", keep="first", maintain_order=True)
    )
    saved = [
        (pl.col("cost") * pl.col(name)).floor().cast(pl.Int64()).sum().alias(name)
        for name in ("low", "high")
    ]
    calls = pl.len().cast(pl.Int64()).alias("calls")
    each = one_each.group_by(_OF).agg(calls, *saved, pl.col("cost").sum())
    return each.select(*_OF, "calls", "cost", "low", "high").sort(
        ["high", *_OF], descending=[True, False, False, False, False]
    )
