"""The statement that sums what is claimed in a stretch, and the one that proves a suggestion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from manager_agent.analytics.savings.kinds import KINDS, claims
from manager_agent.analytics.savings.rates import Rates
from manager_agent.analytics.savings.stretches import Stretch
from manager_agent.analytics.savings.texts import constant, filled, moment, values
from manager_agent.analytics.savings.usual import PARAMETER, as_values

_UNKNOWN = (None,) * 8
"""Stands for the rates of models where no model has any."""


def sums(start: datetime, end: datetime, known: Sequence[Rates]) -> str:
    """Return the statement over the calls from `start` to before `end`; parameter `usual`."""
    asked = _asked(start, end, "true", known, PARAMETER)
    return filled("sums", asked=asked, claims=claims(KINDS))


@dataclass(frozen=True, slots=True)
class Proofs:
    """Makes the query that shows what a kind claims of an agent and model.

    `known`, `judged`: by what calls were judged. `found` (schema `FOUND`) within `looked`, its
    stretches. `whole`: the range, where all of it was looked at. `at_once`: calls of one statement.
    """

    known: Sequence[Rates]
    judged: pl.DataFrame
    found: pl.DataFrame
    looked: Sequence[Stretch]
    whole: tuple[datetime, datetime] | None
    at_once: int

    def of(self, kind: str, agent: str | None, provider: str | None, model: str | None) -> str:
        """Return the query; it runs as it stands."""
        names = {"agent": agent, "provider": provider, "model": model}
        mine = pl.all_horizontal(pl.col(name).eq_missing(pl.lit(v)) for name, v in names.items())
        start, end = self._range(self.found.filter(mine), kind)
        columns = ("agent", "provider", "coalesce(response_model, request_model)")
        whose = " AND ".join(
            f"{column} IS NOT DISTINCT FROM {constant(value)}"
            for column, value in zip(columns, names.values(), strict=True)
        )
        known = [each for each in self.known if (each.provider, each.model) == (provider, model)]
        usual = as_values(self.judged.filter(mine).iter_rows())
        asked = _asked(start, end, whose, known, usual)
        return filled("proof", asked=asked, claims=claims((kind,)))

    def _range(self, found: pl.DataFrame, kind: str) -> tuple[datetime, datetime]:
        """Return all of it where one statement can look at it, else the stretch with the most."""
        calls = found.filter(pl.col("kind").is_null())["calls"].sum()
        if self.whole is not None and calls <= self.at_once:
            return self.whole
        most = found.filter(pl.col("kind") == kind).sort("high", "stretch", descending=True)
        best = self.looked[most["stretch"][0]]
        return best.start, best.end


def _asked(start: datetime, end: datetime, whose: str, known: Sequence[Rates], usual: str) -> str:
    rows = [each.row for each in known] or [_UNKNOWN]
    marks = {"rates": values(rows), "usual": usual, "whose": whose}
    return filled("asked", since=moment(start), until=moment(end), **marks)
