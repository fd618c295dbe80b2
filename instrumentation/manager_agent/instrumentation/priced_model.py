"""One model as its calls are bound: its highest prices on a day, compiled once, and ceilings."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from math import lcm

from manager_agent.contract.control import LONGEST_NAME
from manager_agent.contract.day_rates import DayRates
from manager_agent.instrumentation.bound import Ceilings, Dearest, dearest
from manager_agent.instrumentation.known_rates import moment_of

NO_OUTPUT = frozenset({"embeddings", "embed_content", "batch_embed_contents"})
"""Kinds of endpoints at which nothing is generated."""
_DEFAULT = Ceilings()
NS_PER_DAY = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class PricedModel:
    """`day`: since 1970, UTC, that these prices are of. `again`: when to ask for them anew.

    `prices`: the dearest of each segment of the day, which begins at `starts` (nanoseconds of the
    day); none where the model has no price. `self_hosted`: it runs on the user's own machines, and
    nobody sends an invoice for it.
    """

    day: int
    again: float
    ceilings: Ceilings
    starts: tuple[int, ...]
    prices: tuple[Dearest, ...]
    self_hosted: bool

    def dearest_at(self, started_ns: int) -> Dearest | None:
        """Return the highest prices of a call that starts then; None: the model has no price."""
        if len(self.prices) < 2:
            return self.prices[0] if self.prices else None
        return self.prices[bisect_right(self.starts, started_ns % NS_PER_DAY) - 1]


def names_of(model: str | None) -> tuple[str | None, str | None]:
    """Return the names that a model is asked for by before it has answered."""
    return None, None if model is None else str(model)[:LONGEST_NAME]


def compiled(tiers: Sequence[DayRates], kind: str, day: int, again: float) -> PricedModel:
    """Return a model by its rates in each of the tiers that it may be served in."""
    first = tiers[0]
    starts = sorted({_ns(start) for rates in tiers for start in rates.starts} | {0})
    prices = [_dearest_at(tiers, day * NS_PER_DAY + start) for start in starts]
    known = tuple(each for each in prices if each is not None)
    complete = len(known) == len(starts)  # a price that holds for some hours only bounds nothing
    return PricedModel(
        day=day,
        again=again,
        ceilings=_ceilings(first, kind),
        starts=tuple(starts),
        prices=known if complete else (),
        self_hosted=first.reason == "self_hosted",
    )


def _ceilings(rates: DayRates, kind: str) -> Ceilings:
    context = rates.context_tokens or _DEFAULT.input_tokens
    output = 0 if kind in NO_OUTPUT else rates.max_output_tokens or _DEFAULT.output_tokens
    return Ceilings(output_tokens=output, input_tokens=context)


def _dearest_at(tiers: Sequence[DayRates], at_ns: int) -> Dearest | None:
    """Return the highest price of all tiers; None where one of them has none."""
    found = [rates.at(moment_of(at_ns)) for rates in tiers]
    if any(rates is None for rates in found):
        return None
    return highest([dearest(rates) for rates in found if rates is not None])


def highest(sides: Sequence[Dearest]) -> Dearest:
    """Return what is nowhere below any of `sides`."""
    if len(sides) == 1:
        return sides[0]
    scale = lcm(*(side.scale for side in sides))
    thresholds = sorted({each for side in sides for each in side.thresholds})
    bands = []
    for level in (0, *(each + 1 for each in thresholds)):
        scaled = [
            tuple(price * (scale // side.scale) for price in side.band(level)) for side in sides
        ]
        bands.append((max(each[0] for each in scaled), max(each[1] for each in scaled)))
    fixed = max(side.fixed * (scale // side.scale) for side in sides)
    return Dearest(tuple(thresholds), tuple(bands), scale, fixed)


def _ns(start: time) -> int:
    seconds = start.hour * 3600 + start.minute * 60 + start.second
    return seconds * 10**9 + start.microsecond * 1000
