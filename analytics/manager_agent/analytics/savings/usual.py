"""What is usual of each agent and model, by which single calls are judged."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import polars as pl

from manager_agent.analytics.savings.rates import Rates
from manager_agent.analytics.savings.stretches import Stretch
from manager_agent.analytics.savings.texts import constant, filled, moment, values

Ask = Callable[[str, Mapping[str, object] | None], pl.DataFrame]
"""Asks one SELECT with its named parameters, of a copy of the calls or of wherever they are."""

_OF = ["agent", "provider", "model"]
COLUMNS = {
    "agent": "VARCHAR",
    "provider": "VARCHAR",
    "model": "VARCHAR",
    "usual": "DOUBLE",
    "shortest": "DOUBLE",
    "reported": "BOOLEAN",
    "patient": "BOOLEAN",
    "said": "BIGINT",
}
"""Of `usual` in asked.sql, as prompts.sql, patient.sql and polls.sql describe them."""
PARAMETER = filled("usual", columns=json.dumps(COLUMNS))
"""`usual` as the parameter of that name, JSON: thousands of rows are no part of a statement."""


def usual(ask: Ask, stretches: Sequence[Stretch], rates: Sequence[Rates]) -> pl.DataFrame:
    """Return what is usual within `stretches`, with the columns of `COLUMNS`."""
    within = _within(stretches)
    prompts = ask(filled("prompts", **within), None)
    patient = ask(filled("patient", **within), None).with_columns(pl.lit(True).alias("patient"))
    found = prompts.join(patient, on="agent", how="left", nulls_equal=True)
    premium = [(each.provider, each.model) for each in rates if each.premium]
    if not premium:
        return found.with_columns(pl.lit(None, pl.Int64()).alias("said")).select(list(COLUMNS))
    seconds = sum((each.end - each.start).total_seconds() for each in stretches)
    more = {"premium": values(premium), "seconds": str(round(seconds))}
    polls = ask(filled("polls", **within, **more), None).select(*_OF, "said")
    joined = found.join(polls, on=_OF, how="full", nulls_equal=True, coalesce=True)
    return joined.select(list(COLUMNS))


def as_parameter(found: pl.DataFrame) -> str:
    """Return the rows as `PARAMETER` reads them."""
    return json.dumps(found.to_dicts())


def as_values(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as a table of constants, which runs as it stands; none is one of NULL."""
    some = list(rows) or [[None] * len(COLUMNS)]
    first = [f"CAST({constant(v)} AS {t})" for v, t in zip(some[0], COLUMNS.values(), strict=True)]
    more = "".join(f",\n    {values([row])}" for row in some[1:])
    return f"VALUES ({', '.join(first)}){more}"


def _within(stretches: Sequence[Stretch]) -> dict[str, str]:
    joined: list[tuple[datetime, datetime]] = []
    for each in sorted(stretches, key=lambda one: one.start):
        if joined and joined[-1][1] == each.start:
            joined[-1] = (joined[-1][0], each.end)
        else:
            joined.append((each.start, each.end))
    ranges = [f"(ts >= {moment(start)} AND ts < {moment(end)})" for start, end in joined]
    first, last = moment(joined[0][0]), moment(joined[-1][1])
    return {"since": first, "until": last, "stretches": " OR ".join(ranges)}
