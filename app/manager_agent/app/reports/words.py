"""Sums in words, as reports show them; what is unknown says so."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from manager_agent.analytics.report_used import Sum
from manager_agent.app.reports.period import Period
from manager_agent.rules.amounts import dollars, usd_text

NAMELESS = "(no name)"
UNKNOWN = "unknown"
_DAY = timedelta(days=1)
_BARS = "▁▂▃▄▅▆▇█"
_NO_CALLS, _NO_COST = "·", "?"


def cost(of: Sum) -> str:
    """Return what it cost: `$1.20`, `at least $1.20` beside calls of unknown cost, or `unknown`."""
    if of.unknown:
        return UNKNOWN
    return f"at least {dollars(of.cost)}" if of.unpriced else dollars(of.cost)


def cost_fact(of: Sum) -> str | None:
    """Return the known cost exactly; None where nothing of it is known."""
    return None if of.unknown else usd_text(of.cost)


def change(of: Sum, before: Sum) -> str:
    """Return by how much it cost more or less than `before`: `+25 %`; `new` where that was none."""
    if of.unknown or before.unknown:
        return UNKNOWN
    if not before.cost:
        return "new" if of.cost else "–"
    percent = round((of.cost - before.cost) * 100 / before.cost)
    about = "about " if of.unpriced or before.unpriced else ""
    return f"{about}{percent:+,} %"


def success(of: Sum) -> str:
    """Return the share of calls that went well, 100 % only where all did; `–` without calls."""
    if not of.calls:
        return "–"
    percent = round((of.calls - of.errors) * 100 / of.calls, 1)
    return f"{min(percent, 99.9)} %" if of.errors else "100 %"


def sparkline(sums: Sequence[Sum]) -> str:
    """Return a bar for each cost, `▁` to `█`; `·` stands for no calls, `?` for unknown cost."""
    most = max((of.cost for of in sums), default=0)
    return "".join(_bar(of, most) for of in sums)


def name(of: str | None) -> str:
    """Return an agent or model by name."""
    return of or NAMELESS


def span(found: Period, zone: ZoneInfo) -> str:
    """Return a period for people, in their zone: `2026-11-25`, or `14:00 to 15:00 CET`."""
    start, end = found.start.astimezone(zone), found.end.astimezone(zone)
    if found.kind == "hourly":
        first = f"{start:%Y-%m-%d %H:%M}"
        if start.tzname() != end.tzname():  # a clock changed, or what repeats looks the same
            first = f"{first} {start:%Z}"
        last = "%H:%M %Z" if found.end - found.start <= _DAY else "%Y-%m-%d %H:%M %Z"
        return f"{first} to {end.strftime(last)}"
    if found.kind == "weekly":
        return f"week {found.name}, from {start:%Y-%m-%d}"
    return found.name


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time with its date, in the zone of people."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _bar(of: Sum, most: int) -> str:
    if not of.calls:
        return _NO_CALLS
    if of.unknown:
        return _NO_COST
    if not most:
        return _BARS[0]
    return _BARS[min(len(_BARS) - 1, of.cost * len(_BARS) // most)]
