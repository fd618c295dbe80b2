"""Runs: which steps belong together, and which runs end in steps that were made before.

A run is a trace of one agent, a conversation of one agent, a trace that several agents share; where
calls have neither (or a trace for each), what an agent does without a longer break. All of it is
done on whole columns: only the few runs with repeats are looked at one by one.
"""

from datetime import datetime

import polars as pl

_SHORT = 4
"""Steps of a trace that may be one turn of a loop, not the whole of a run."""

_BREAK = pl.duration(seconds=120)
_LANE = 10
"""Times that one request is made by an agent whose calls are mixed, before it is looked at."""


def runs(steps: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """Return the steps of runs that went on after `since`, a copy for each run they belong to.

    Adds `run`, a number; `of`: trace, conversation, agents, agent or lane; `near` of calls: by how
    much their input grew in the run, and `novel`: whether the step is the first of its kind there.
    """
    known = steps.with_columns(alone=pl.len().over("trace") <= _SHORT)
    several = pl.col("agent").n_unique().over("trace") > 1
    loose = known.filter(
        pl.col("conversation").is_null() & (pl.col("trace").is_null() | pl.col("alone"))
    )
    of = [
        _run(known.filter(pl.col("trace").is_not_null()), "trace", "trace", "agent"),
        _run(
            known.filter(pl.col("conversation").is_not_null()),
            "conversation",
            "conversation",
            "agent",
        ),
        _run(known.filter(pl.col("trace").is_not_null()).filter(several), "agents", "trace"),
        _run(_broken(loose), "agent", "agent", "part"),
        _run(_lanes(loose), "lane", "agent", "sig"),
    ]
    return _judged(_able(pl.concat(of), since))


def _able(steps: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """Leave out the runs that are over, and those in which nothing can have been repeated twice."""
    again = [pl.col(by).count() - pl.col(by).drop_nulls().n_unique() for by in ("sig", "near")]
    able = steps.group_by("run").agg(
        last=pl.col("ts").max(),
        again=pl.max_horizontal(*again),
        growing=pl.col("growing").sum(),
    )
    wanted = able.filter(
        (pl.col("last") >= since) & ((pl.col("again") >= 2) | (pl.col("growing") >= 3))
    )
    return steps.join(wanted.select("run"), on="run", how="semi", maintain_order="left")


def _run(steps: pl.DataFrame, of: str, *key: str) -> pl.DataFrame:
    number = pl.struct(pl.lit(of).alias("of"), *key).hash()
    return steps.select(*_COLUMNS, of=pl.lit(of), run=number)


_COLUMNS = (
    *("ts", "end", "kind", "agent", "trace", "conversation", "name"),
    *("sig", "proof", "near", "near_proof", "growing", "cost", "input", "output"),
)


def _broken(loose: pl.DataFrame) -> pl.DataFrame:
    """Number the parts of what an agent does, between breaks."""
    rested = pl.col("ts") - pl.col("end").shift(1) > _BREAK
    return loose.with_columns(part=rested.fill_null(value=False).cum_sum().over("agent"))


def _lanes(loose: pl.DataFrame) -> pl.DataFrame:
    asked = loose.filter(pl.col("sig").is_not_null() & (pl.col("proof") != "counts"))
    return asked.filter(pl.len().over("agent", "sig") >= _LANE)


def _judged(steps: pl.DataFrame) -> pl.DataFrame:
    """Say of each step whether it is the first of its kind in its run, and how calls grew."""
    ordered = steps.sort("run", "kind", "ts", maintain_order=True)
    before = pl.col("input").shift(1).over("run", "kind", "agent")
    grown = pl.col("input") - before
    growth = pl.concat_str(
        pl.col("agent"), grown.cast(pl.String), pl.col("output").cast(pl.String), separator="\x1f"
    ).hash()
    return ordered.with_columns(
        near=pl.when(pl.col("kind") == "tool")
        .then(pl.col("near"))
        .when(pl.col("growing") & (grown > 0))
        .then(growth)
    ).with_columns(novel=pl.struct("run", "kind", "sig").is_first_distinct())


def repeating(judged: pl.DataFrame, by: str, since: datetime) -> pl.DataFrame:
    """Return where runs repeat themselves: `run`, `kind`, `last` moment, `stale` steps.

    `by`: `sig` or `near`. A stretch ends where a step comes that the run had not made before; at
    least two stale steps after `since` are asked for.
    """
    said = judged.filter(pl.col(by).is_not_null()).select(
        "run", "kind", "ts", first=pl.struct("run", "kind", by).is_first_distinct()
    )
    stretches = said.with_columns(stretch=pl.col("first").cum_sum())
    return (
        stretches.group_by("run", "kind", "stretch", maintain_order=True)
        .agg(stale=pl.len() - 1, last=pl.col("ts").last())
        .filter((pl.col("stale") >= 2) & (pl.col("last") >= since))
    )
