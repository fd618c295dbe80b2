"""What a model charges on one UTC day: found by the manager, used by agents too."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, cast

from manager_agent.contract.rates import Rates
from manager_agent.contract.usage import Priced, Reason, Source, Usage

_MOST_SEGMENTS = 24


@dataclass(frozen=True, slots=True)
class DayRates:
    """One model on one UTC day: `rates[i]` holds from `starts[i]` on; empty, `reason` says why.

    `model` and `source` as in `Priced`. Rates are None where only units are sold that telemetry
    does not carry. `max_output_tokens`: the most that the model generates for one answer, and
    `context_tokens`: all that it takes in; None where nobody told.
    """

    reason: Reason
    model: str | None = None
    source: Source | None = None
    starts: tuple[time, ...] = ()
    rates: tuple[Rates | None, ...] = ()
    max_output_tokens: int | None = None
    context_tokens: int | None = None

    def at(self, moment: datetime) -> Rates | None:
        """Return the rates at `moment` of that day, UTC; None where there are none."""
        if len(self.rates) < 2:
            return self.rates[0] if self.rates else None
        return self.rates[bisect_right(self.starts, moment.time()) - 1]

    def price(self, usage: Usage, moment: datetime) -> Priced:
        """Return what a call cost that was made at `moment` of that day, UTC."""
        if not self.rates:
            return Priced(None, None, None, self.reason)
        rates = self.at(moment)
        if rates is None:
            return Priced(None, self.model, None, "other_unit")
        nano, reason = rates.cost(usage)
        return Priced(nano, self.model, None if nano is None else self.source, reason)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it, exact: all numbers of it are whole."""
        return {
            "reason": self.reason,
            "model": self.model,
            "source": self.source,
            "starts": [start.isoformat() for start in self.starts],
            "rates": [None if rates is None else _rates_to_json(rates) for rates in self.rates],
            "max_output_tokens": self.max_output_tokens,
            "context_tokens": self.context_tokens,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "DayRates":
        """Return what `to_json` wrote. Raises `ValueError` where it cannot be that."""
        try:
            found = cls(
                cast(Reason, str(record["reason"])),
                record["model"],
                record["source"],
                tuple(time.fromisoformat(start) for start in record["starts"][:_MOST_SEGMENTS]),
                tuple(map(_rates_or_none, record["rates"][:_MOST_SEGMENTS])),
                _limit(record.get("max_output_tokens")),  # an older manager does not tell
                _limit(record.get("context_tokens")),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no rates of a day: {error!r}") from error
        if len(found.starts) != len(found.rates):
            raise ValueError("no rates of a day: as many starts as rates are needed")
        return found


def _limit(told: Any) -> int | None:
    return told if isinstance(told, int) and not isinstance(told, bool) and told > 0 else None


def _rates_to_json(rates: Rates) -> dict[str, Any]:
    return {
        "fields": list(rates.fields),
        "thresholds": list(rates.thresholds),
        "bands": [[[price, list(parts)] for price, parts in band] for band in rates.bands],
        "scale": rates.scale,
        "fixed": rates.fixed,
        "needs_input": rates.needs_input,
        "needs_output": rates.needs_output,
        "free": rates.free,
    }


def _rates_or_none(record: Mapping[str, Any] | None) -> Rates | None:
    return None if record is None else _rates_of_json(record)


def _rates_of_json(record: Mapping[str, Any]) -> Rates:
    fields = tuple(str(name) for name in record["fields"])
    if not set(fields) <= set(Usage._fields) or len(fields) < 2:
        raise ValueError(f"no rates: they count {fields}, which this version does not know")
    bands = tuple(
        tuple((int(price), tuple(int(part) for part in parts)) for price, parts in band)
        for band in record["bands"]
    )
    thresholds = tuple(int(each) for each in record["thresholds"])
    if len(bands) != len(thresholds) + 1 or any(len(band) != len(fields) for band in bands):
        raise ValueError("no rates: their bands do not fit their fields and thresholds")
    if any(
        part >= place for band in bands for place, (_, parts) in enumerate(band) for part in parts
    ):
        raise ValueError("no rates: a unit lies inside a later one")
    if int(record["scale"]) < 1:
        raise ValueError("no rates: their scale is below 1")
    return Rates(
        fields,
        thresholds,
        bands,
        int(record["scale"]),
        int(record["fixed"]),
        bool(record["needs_input"]),
        bool(record["needs_output"]),
        bool(record["free"]),
    )
