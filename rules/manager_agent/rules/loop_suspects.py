"""Suspects: the steps of those who may be in a loop at all; of a fleet, most never come near.

A run is of one agent or of one trace. One that repeats itself holds at least two steps that
were made before, or three calls without digests; so there are as many among all steps of its agent,
or of its trace. Whoever has fewer is in no such run, whichever way its steps are put together.
"""

from datetime import datetime

import polars as pl

_OWNERS = ("agent", "trace")


def suspects(steps: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """Return the steps of suspects, and of all whose traces they share, in the same order.

    `steps`: as `loop_steps` has them. `since`: who did nothing from then on is no suspect.
    """
    owners = {owner: _suspect(steps, owner, since) for owner in _OWNERS}
    if all(each.is_empty() for each in owners.values()):
        return steps.clear()
    # Runs are put together by trace, and a trace may be of several: all of it is needed.
    mine = steps.join(owners["agent"], on="agent", how="semi", nulls_equal=True)
    traces = pl.concat([mine.select("trace"), owners["trace"]]).drop_nulls().unique()
    with_agent = (
        steps.select("agent")
        .with_row_index("at")
        .join(owners["agent"], on="agent", how="semi", nulls_equal=True)
    )
    with_trace = steps.select("trace").with_row_index("at").join(traces, on="trace", how="semi")
    rows = pl.concat([with_agent["at"], with_trace["at"]]).unique().sort()
    return steps if len(rows) == steps.height else steps[rows]


def _suspect(steps: pl.DataFrame, owner: str, since: datetime) -> pl.DataFrame:
    """Return the agents or traces with steps enough that were made before, and one of late."""
    of = pl.col(owner).hash()
    told = [
        # Equal hashes of what differs make more suspects, never fewer.
        (pl.col(by).is_not_null() & ~(of ^ pl.col(by).hash(7)).is_first_distinct()).alias(by)
        for by in ("sig", "near")
    ]
    marked = steps.select(owner, "growing", *told).filter(
        pl.any_horizontal("sig", "near", "growing")
    )
    if owner == "trace":
        marked = marked.drop_nulls(owner)
    found = (
        marked.group_by(owner)
        .agg(pl.col("sig", "near", "growing").sum())
        .filter((pl.max_horizontal("sig", "near") >= 2) | (pl.col("growing") >= 3))
    )
    if found.is_empty():
        return found.select(owner)
    late = steps.filter(pl.col("ts") >= since).select(owner)
    return found.select(owner).join(late, on=owner, how="semi", nulls_equal=True)
