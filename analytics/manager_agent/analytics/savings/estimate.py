"""What a sample says of the whole: sums by stretch, scaled to what was spent, and how sure."""

import polars as pl

OF = ["agent", "provider", "model"]
FOUND = pl.Schema(
    {
        "stretch": pl.Int64(),
        "kind": pl.String(),
        "agent": pl.String(),
        "provider": pl.String(),
        "model": pl.String(),
        "calls": pl.Int64(),
        "cost": pl.Int64(),  # nano-USD
        "low": pl.Int64(),
        "high": pl.Int64(),
    }
)
"""What sums.sql answers of each stretch; `kind` None: all that was spent."""
SPENT = pl.Schema(
    {"agent": pl.String(), "provider": pl.String(), "model": pl.String(), "cost": pl.Int64()}
)


def estimated(found: pl.DataFrame, spent: pl.DataFrame | None) -> pl.DataFrame:
    """Return kind, agent, provider, model, `calls`, `cost`, `low`, `high` and `error`, most first.

    `found`: schema `FOUND`. `spent`: what each agent spent on each model in the whole range (schema
    `SPENT`), None where `found` is all of it. A sum is scaled by what was spent over what was
    looked at, so that no more is claimed than was spent; `error`: half the width of its 95 %
    interval as a share of `high`, 0 where all was looked at, None where one stretch says nothing.
    """
    looked = found.filter(pl.col("kind").is_null()).drop("kind", "calls", "low", "high")
    claimed = found.filter(pl.col("kind").is_not_null())
    sums = claimed.group_by("kind", *OF).agg(pl.col("calls", "cost", "low", "high").sum())
    if spent is None:
        each = sums.with_columns(pl.lit(0.0).alias("error"))
    else:
        each = _scaled(sums, _errors(claimed, looked), _scales(looked, spent))
    return each.sort(["high", "kind", *OF], descending=[True, False, False, False, False])


def _scales(looked: pl.DataFrame, spent: pl.DataFrame) -> pl.DataFrame:
    of_looked = looked.group_by(OF).agg(pl.col("cost").sum().alias("looked"))
    both = of_looked.join(spent.rename({"cost": "spent"}), on=OF, how="left", nulls_equal=True)
    scale = (pl.col("spent") / pl.col("looked")).fill_null(1.0).clip(1.0)
    return both.select(*OF, scale.alias("scale"))


def _scaled(sums: pl.DataFrame, errors: pl.DataFrame, scales: pl.DataFrame) -> pl.DataFrame:
    joined = sums.join(scales, on=OF, how="left", nulls_equal=True)
    joined = joined.join(errors, on=["kind", *OF], how="left", nulls_equal=True)
    columns = [
        (pl.col(name) * pl.col("scale")).floor().cast(pl.Int64()).alias(name)
        for name in ("calls", "cost", "low", "high")
    ]
    return joined.with_columns(columns).drop("scale")


def _errors(claimed: pl.DataFrame, looked: pl.DataFrame) -> pl.DataFrame:
    """Return the error of each sum, by how much its share of the cost differs between stretches."""
    pairs = claimed.select("kind", *OF).unique().join(looked, on=OF, nulls_equal=True)
    keys = ["kind", *OF, "stretch"]
    rows = pairs.join(claimed.select(*keys, "high"), on=keys, how="left", nulls_equal=True)
    rows = rows.with_columns(pl.col("high").fill_null(0).cast(pl.Float64()))
    share = pl.col("high").sum().over("kind", *OF) / pl.col("cost").sum().over("kind", *OF)
    off = (pl.col("high") - share * pl.col("cost")) ** 2
    of_each = rows.with_columns(off.alias("off")).group_by("kind", *OF)
    sums = of_each.agg(pl.len().alias("n"), pl.col("off").sum(), pl.col("high").sum())
    wide = 1.96 * (pl.col("off") * pl.col("n") / (pl.col("n") - 1)).sqrt() / pl.col("high")
    error = pl.when(pl.col("n") > 1).then(wide).otherwise(None).alias("error")
    return sums.select("kind", *OF, error)
