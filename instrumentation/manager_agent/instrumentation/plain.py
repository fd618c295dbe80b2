"""A model's prices as most calls meet them: tokens in and out, and no part at a price of its own.

All else takes the longer way through `settling`, which says what is right; this only repeats it.
"""

from typing import NamedTuple

from manager_agent.contract.day_rates import DayRates
from manager_agent.contract.rates import ROOTS
from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.told import Told


class Plain(NamedTuple):
    """Whole nano-USD: `read` for each token in, `written` for each out, `fixed` for each call.

    `parts`: the places in `Usage` of what has a price of its own.
    """

    read: int
    written: int
    fixed: int
    parts: tuple[int, ...]


def plain(rates: DayRates) -> Plain | None:
    """Return the prices of a day where they are so plain: whole, all day, whatever the size."""
    only = rates.rates[0] if len(rates.rates) == 1 else None
    if only is None or only.scale != 1 or only.thresholds:
        return None
    (band,) = only.bands
    read, written = (band[only.fields.index(root)][0] for root in ROOTS)
    parts = (Usage._fields.index(name) for name in only.fields if name not in ROOTS)
    return Plain(read, written, only.fixed, tuple(parts))


def plain_cost(told: Told, prices: Plain | None) -> tuple[int, int, bool] | None:
    """Return what to settle at what was answered whole, well, and counted in both directions.

    As `settled` does of such a call, which takes a closer look where this is None.
    """
    usage = told.usage
    if prices is None or usage is None or told.cost_usd is not None:
        return None
    read, written = usage[0], usage[1]
    if read is None or written is None or told.estimated or not told.complete:
        return None
    for_read, for_written, fixed, parts = prices
    for part in parts:
        if usage[part]:
            return None
    return fixed + read * for_read + written * for_written, read + written, False
