"""Which sliding hours lie outside what is normal: baselines on one side, money on the other."""

from dataclasses import dataclass

import polars as pl

from manager_agent.rules.spike_windows import ENTITY

UNIT = 50_000_000
"""Nano-USD, as in `analytics/baseline.py`: the logarithms' unit."""
_TWICE = 2.0
"""Times the highest hour that is still no news: of a short history, where it may grow; of a series
without a rhythm, where each hour is a burst of any size, and begins in one clock hour to end in the
next."""
_RECURS = 1.25
"""Times the most seen at this time before that still is the same."""
_ROOT_2 = 2**0.5
_HELD = 0.2
"""Share of the band that each half of the hour must reach: what is over in minutes is a burst."""


@dataclass(frozen=True, slots=True)
class Bands:
    """When an hour is outside. `least`: excess in nano-USD by agent, columns `agent`, `least`."""

    score: float
    ratio: float
    extreme: float
    low_ratio: float
    least: pl.DataFrame


def outside(hours: pl.DataFrame, baselines: pl.DataFrame, bands: Bands) -> pl.DataFrame:
    """Return the sliding hours that are outside, with `expected`, `upper`, `excess`, `basis`.

    An hour touches two clock hours. Where the later one is normally the dearer, all of it is
    compared with that: work begins early or late. Where it is the cheaper, each counts as far as it
    is touched.
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
    expected = _touched(pl.col("expected_end"), pl.col("expected_begin"))
    chosen = touched.with_columns(
        expected.round().cast(pl.Int64()).alias("expected"),
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
    # Series without a rhythm are made of bursts, and so is what their hours are compared with.
    bursts = pl.col("basis") == "idle"
    held = bursts | (pl.min_horizontal("newer", "older") >= pl.col("upper") * _HELD)
    twice = (
        (pl.col("cost") > pl.col("lower"))
        & (pl.col("before") > pl.col("lower_before"))
        & (pl.col("newer") >= pl.col("lower") * _HELD)
        & ~pl.col("basis").is_in(["low", "idle"])
    )
    extreme = pl.col("cost") >= pl.col("expected") * bands.extreme
    judged = _with_agent(chosen.with_columns(excess.alias("excess"), extreme.alias("extreme")))
    return judged.join(bands.least, on="agent", how="left").filter(
        (((pl.col("cost") > pl.col("upper")) & (held | pl.col("extreme"))) | twice)
        & (pl.col("cost") >= pl.col("expected") * bands.ratio)
        & (pl.col("excess") >= pl.col("least"))
        & (pl.col("agent_excess") * 2 >= pl.col("excess"))
    )


def _touched(later: pl.Expr, earlier: pl.Expr) -> pl.Expr:
    """Return what is normal of an hour that touches two clock hours, from what is of each."""
    # The running five minutes count whole, so the hour's first minute tells what is not touched.
    share = 1 - pl.col("begin").dt.minute() // 5 * 5 / 60
    of_both = later * (1 - share) + earlier * share
    falls = pl.when(earlier > later).then(of_both)
    return falls.otherwise(pl.coalesce(later, earlier)).cast(pl.Float64())


def _upper(sides: tuple[str, str], bands: Bands, score: float) -> pl.Expr:
    """Return the most that is normal for an hour that touches two clock hours, nano-USD."""
    seasonal = _touched(*(_most(side, bands, score) for side in sides))
    return pl.max_horizontal(seasonal, *(_seen_before(side) for side in sides))


def _most(side: str, bands: Bands, score: float) -> pl.Expr:
    far = pl.col(f"centre_{side}") + score * pl.col(f"scale_{side}")
    low = pl.col(f"expected_{side}") * bands.low_ratio
    return pl.when(pl.col(f"basis_{side}") == "low").then(low).otherwise((far.exp() - 1) * UNIT)


def _seen_before(side: str) -> pl.Expr:
    any_hour = pl.col(f"basis_{side}").is_in(["low", "idle"])
    times = pl.when(any_hour).then(_TWICE).otherwise(_RECURS)
    return pl.col(f"precedent_{side}") * times


def _with_agent(hours: pl.DataFrame) -> pl.DataFrame:
    """Add `agent_excess`: what all models of the agent are above; traffic that changes its model
    is no spike. An agent whose whole is not known is as its model."""
    whole = hours.filter(pl.col("model").is_null()).select(
        "agent", "end", pl.col("excess").alias("agent_excess")
    )
    return hours.join(whole, on=["agent", "end"], how="left").with_columns(
        pl.col("agent_excess").fill_null(pl.col("excess"))
    )
