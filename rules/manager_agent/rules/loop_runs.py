"""Runs: which steps belong together, and which runs end in steps that were made before.

A run is a trace of one agent, a conversation of one agent, a trace that several agents share; where
calls have neither (or a trace for each), what an agent does without a longer break. All of it is
done on whole columns, and on few of them: a step is in up to five runs, and its texts are taken
only for the few runs with repeats, which are looked at one by one.
"""

from datetime import datetime

import polars as pl

from manager_agent.rules.loop_score import TIES

_SHORT = 4
"""Steps of a trace that may be one turn of a loop, not the whole of a run."""

_BREAK = pl.duration(seconds=120)
_LANE = 10
"""Times that one request is made by an agent whose calls are mixed, before it is looked at."""


def runs(steps: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """Return the steps of runs that went on after `since`, once for each run they belong to.

    `at`: the row in `steps`; `run`, a number; `of`: trace, conversation, agents, agent or lane;
    `kind`, `ts` and `sig` of `steps`; `near`, of calls by how much their input grew in the run; and
    `novel`: whether the step is the first of its kind there.
    """
    known = steps.select("ts", "end", "kind", *_KEYS, *_TOLD).with_row_index("at")
    known = known.with_columns(alone=pl.len().over("trace") <= _SHORT)
    traced = known.filter(pl.col("trace").is_not_null())
    talks = known.filter(pl.col("conversation").is_not_null())
    shared = traced.filter(pl.col("agent").n_unique().over("trace") > 1)
    loose = known.filter(
        pl.col("conversation").is_null() & (pl.col("trace").is_null() | pl.col("alone"))
    )
    of = [
        _run(traced, since, "trace", "trace", "agent"),
        _run(talks, since, "conversation", "conversation", "agent"),
        _run(shared, since, "agents", "trace"),
        _run(_broken(loose), since, "agent", "agent", "part"),
        _run(_lanes(loose), since, "lane", "agent", "sig"),
    ]
    return _judged(pl.concat(of), steps)


_OF = pl.Enum(list(TIES))
_KEYS = ("agent", "trace", "conversation")
_TOLD = ("sig", "near", "growing", "proof")
_JUDGED = ("at", "run", "of", "kind", "ts", "sig", "near", "growing")
_BESIDE = ("end", *_KEYS, "name", "proof", "near_proof", "cost", "input", "output")


def whole(judged: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """Return steps of `runs` with all that `steps` says of them."""
    return judged.hstack(steps.select(_BESIDE)[judged["at"]])


def _run(steps: pl.DataFrame, since: datetime, of: str, *key: str) -> pl.DataFrame:
    number = pl.struct(pl.lit(of).alias("of"), *key).hash()
    return _able(steps.with_columns(of=pl.lit(of, _OF), run=number).select(_JUDGED), since)


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


def _broken(loose: pl.DataFrame) -> pl.DataFrame:
    """Number the parts of what an agent does, between breaks."""
    rested = pl.col("ts") - pl.col("end").shift(1) > _BREAK
    return loose.with_columns(part=rested.fill_null(value=False).cum_sum().over("agent"))


def _lanes(loose: pl.DataFrame) -> pl.DataFrame:
    asked = loose.filter(pl.col("sig").is_not_null() & (pl.col("proof") != "counts"))
    return asked.filter(pl.len().over("agent", "sig") >= _LANE)


def _judged(found: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """Say of each step whether it is the first of its kind in its run, and how calls grew."""
    # Within a run they are in order of time already.
    ordered = found.sort("run", "kind", maintain_order=True).with_row_index("place")
    return (
        ordered.join(_grown(ordered, steps), on="place", how="left", maintain_order="left")
        .with_columns(near=pl.coalesce("near", "growth"), novel=_first("sig"))
        .drop("place", "growing", "growth")
    )


def _grown(ordered: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """Return by how much the input of calls grew in their runs: `place` in these, `growth`."""
    growing = ordered.filter("growing").select("run").unique()
    calls = ordered.join(growing, on="run", how="semi", maintain_order="left").filter(
        pl.col("kind") == "call"
    )
    told = calls.hstack(steps.select("agent", "input", "output")[calls["at"]])
    grown = pl.col("input") - pl.col("input").shift(1).over("run", "agent")
    growth = pl.concat_str(
        pl.col("agent"), grown.cast(pl.String), pl.col("output").cast(pl.String), separator="\x1f"
    ).hash()
    return told.select("place", growth=pl.when(pl.col("growing") & (grown > 0)).then(growth))


def _first(by: str) -> pl.Expr:
    """Return whether a step is the first with its `by` in its run, by the hash of all three."""
    return (pl.col("run") ^ pl.col("kind").hash(1) ^ pl.col(by).hash(2)).is_first_distinct()


def repeating(judged: pl.DataFrame, by: str, since: datetime) -> pl.DataFrame:
    """Return where runs repeat themselves: `run`, `kind`, `last` moment, `stale` steps.

    `by`: `sig` or `near`. A stretch ends where a step comes that the run had not made before; at
    least two stale steps after `since` are asked for.
    """
    said = judged.filter(pl.col(by).is_not_null()).select("run", "kind", "ts", first=_first(by))
    stretches = said.with_columns(stretch=pl.col("first").cum_sum())
    return (
        stretches.group_by("run", "kind", "stretch", maintain_order=True)
        .agg(stale=pl.len() - 1, last=pl.col("ts").last())
        .filter((pl.col("stale") >= 2) & (pl.col("last") >= since))
    )
