"""Which sliding hours lie outside what is normal: baselines on one side, money on the other."""

from dataclasses import dataclass

import polars as pl

from manager_agent.rules.spike_windows import ENTITY

UNIT = 50_000_000
"""Nano-USD, as in `analytics/baseline.py`: the logarithms' unit."""
_TWICE = 2.0
"""Times the highest hour of a short history that is still growth."""
_RECURS = 1.25
"""Times the most seen at this time before that still is the same."""
_ROOT_2 = 2**0.5
_HELD = 0.3
"""Share of the band that each half of the hour must reach: what is over in minutes is a burst."""


@dataclass(frozen=True, slots=True)
class Bands:
    """When an hour is outside. `least`: excess in nano-USD by agent, columns `agent`, `least`."""

    score: float
    extreme: float
    low_ratio: float
    least: pl.DataFrame


def outside(hours: pl.DataFrame, baselines: pl.DataFrame, bands: Bands) -> pl.DataFrame:
    """Return the sliding hours that are outside, with `expected`, `upper`, `excess`, `basis`.

    An hour is compared with the higher of the two clock hours that it touches.
    """
    known = baselines.select(
        *ENTITY, "ts", "expected", "centre", "scale", "precedent", "basis", "samples"
    )
    touched = hours
    for side in ("end", "begin", "prior"):
        mine = known.rename({name: f"{name}_{side}" for name in known.columns[len(ENTITY) + 1 :]})
        touched = touched.with_columns(pl.col(side).dt.truncate("1h").alias("ts")).join(
            mine, on=[*ENTITY, "ts"], how="left", nulls_equal=True
        )
    later = pl.col("basis_end").is_null() | (pl.col("expected_begin") > pl.col("expected_end"))
    chosen = touched.with_columns(
        pl.max_horizontal("expected_end", "expected_begin").alias("expected"),
        _upper(("end", "begin"), bands, bands.score).alias("upper"),
        # Two hours in a row need not stray as far each: together they are as unlikely.
        _upper(("end", "begin"), bands, bands.score / _ROOT_2).alias("lower"),
        _upper(("begin", "prior"), bands, bands.score / _ROOT_2).alias("lower_before"),
        *(
            pl.when(later).then(f"{name}_begin").otherwise(f"{name}_end").alias(name)
            for name in ("basis", "samples")
        ),
    ).filter(pl.col("expected").is_not_null())
    excess = pl.col("cost") - pl.col("expected")
    held = pl.min_horizontal("newer", "older") >= pl.col("upper") * _HELD
    twice = (
        (pl.col("cost") > pl.col("lower"))
        & (pl.col("before") > pl.col("lower_before"))
        & (pl.col("newer") >= pl.col("lower") * _HELD)
        & (pl.col("basis") != "low")
    )
    extreme = pl.col("cost") >= pl.col("expected") * bands.extreme
    judged = _with_agent(chosen.with_columns(excess.alias("excess"), extreme.alias("extreme")))
    return judged.join(bands.least, on="agent", how="left").filter(
        (((pl.col("cost") > pl.col("upper")) & (held | pl.col("extreme"))) | twice)
        & (pl.col("excess") >= pl.col("least"))
        & (pl.col("agent_excess") * 2 >= pl.col("excess"))
    )


def _upper(sides: tuple[str, ...], bands: Bands, score: float) -> pl.Expr:
    """Return the most that is normal for the higher of some touched hours, nano-USD."""
    return pl.max_horizontal(*(_most(side, bands, score) for side in sides))


def _most(side: str, bands: Bands, score: float) -> pl.Expr:
    far = pl.col(f"centre_{side}") + score * pl.col(f"scale_{side}")
    seasonal = (far.exp() - 1) * UNIT
    low = pl.max_horizontal(
        pl.col(f"expected_{side}") * bands.low_ratio, pl.col(f"precedent_{side}") * _TWICE
    )
    normal = pl.max_horizontal(seasonal, pl.col(f"precedent_{side}") * _RECURS)
    return pl.when(pl.col(f"basis_{side}") == "low").then(low).otherwise(normal)


def _with_agent(hours: pl.DataFrame) -> pl.DataFrame:
    """Add `agent_excess`: what all models of the agent are above; traffic that changes its model
    is no spike. An agent whose whole is not known is as its model."""
    whole = hours.filter(pl.col("model").is_null()).select(
        "agent", "end", pl.col("excess").alias("agent_excess")
    )
    return hours.join(whole, on=["agent", "end"], how="left").with_columns(
        pl.col("agent_excess").fill_null(pl.col("excess"))
    )
