"""Pure: what an hour under load has to show, and whether it did."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from manager_agent.app.bench.figures import (
    Ack,
    Latency,
    latency,
    percentile,
    rate,
    slope,
    spans,
    within,
)

SLOW_MS = 300.0
"""A 99th percentile up to this is never called unsteady."""
_UNSTEADY = 2.0
_KEPT = 0.99
_ON_TIME = 0.95
_LATE_INTERVALS = 3.0
_GROWTH_SHARE, _GROWTH_MIB = 0.05, 64.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that had to hold: whether it did, and the numbers it is read off."""

    name: str
    held: bool
    why: str


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the run: seconds from its start, spans acknowledged a second, and how quickly.

    `waits`: None where nothing was acknowledged in it.
    """

    begin: float
    acked_per_s: float
    waits: Latency | None


@dataclass(frozen=True, slots=True)
class Reading:
    """The manager at one moment: seconds from the start, memory, looks taken, age of the copy."""

    at: float
    rss_mib: float
    ticks: float
    snapshots: float
    snapshot_age: float


def slices(acks: Sequence[Ack], begin: float, seconds: float, length: float) -> list[Slice]:
    """Return the whole slices of `length` seconds within a run, empty ones included."""
    return list(_slices(acks, begin, int(seconds // length), length))


def _slices(acks: Sequence[Ack], begin: float, number: int, length: float) -> Iterator[Slice]:
    for each in range(number):
        at = begin + each * length
        part = within(acks, at, at + length)
        waits = latency(part) if part else None
        yield Slice(each * length, rate(spans(part), length), waits)


def pace_kept(parts: Sequence[Slice], wanted: float) -> Verdict:
    """Say whether each slice acknowledged what was sent in it, but for one in a hundred."""
    worst = min(part.acked_per_s for part in parts)
    why = f"the slowest slice acknowledged {worst:,.0f} of {wanted:,.0f} spans/s"
    return Verdict("pace kept", worst >= wanted * _KEPT, why)


def latency_steady(parts: Sequence[Slice]) -> Verdict:
    """Say whether no slice's 99th percentile is far above that of the best one."""
    found = [part.waits.p99_ms for part in parts if part.waits is not None]
    if len(found) < len(parts):
        return Verdict("p99 steady", False, "in a slice nothing was acknowledged")
    best, worst = min(found), max(found)
    bound = max(SLOW_MS, _UNSTEADY * best)
    why = f"p99 of the slices: {best:,.0f} to {worst:,.0f} ms"
    return Verdict("p99 steady", worst <= bound, f"{why}; at most {bound:,.0f} is steady")


def memory_flat(readings: Sequence[Reading]) -> Verdict:
    """Say whether memory rises over the second half by less than 5 % (64 MiB are never held so).

    A line through all readings of it: the log's saw-tooth of some hundred MiB is no rise.
    """
    middle = (readings[0].at + readings[-1].at) / 2
    half = [(each.at, each.rss_mib) for each in readings if each.at >= middle]
    per_second = slope(half)
    rise = per_second * (half[-1][0] - half[0][0])
    mean = statistics.fmean(value for _, value in half)
    bound = max(_GROWTH_MIB, _GROWTH_SHARE * mean)
    why = (
        f"{mean:,.0f} MiB on average in the second half, {per_second * 3600:+,.1f} MiB an hour:"
        f" {rise:+,.1f} MiB in it; at most {bound:,.0f} is flat"
    )
    return Verdict("memory flat", rise <= bound, why)


def ticks_on_time(readings: Sequence[Reading], interval: float) -> Verdict:
    """Say whether the rules looked as often as they were to."""
    seconds = readings[-1].at - readings[0].at
    taken = readings[-1].ticks - readings[0].ticks
    expected = seconds / interval
    why = f"{taken:,.0f} looks in {seconds:,.0f} s, one every {interval:g} s are {expected:,.0f}"
    return Verdict("ticks on time", taken >= expected * _ON_TIME, why)


def snapshots_on_time(readings: Sequence[Reading], interval: float) -> Verdict:
    """Say whether what SQL users see was seldom older than three intervals."""
    ages = sorted(each.snapshot_age for each in readings)
    usual, late = percentile(ages, 0.5), percentile(ages, 0.99)
    published = readings[-1].snapshots - readings[0].snapshots
    bound = _LATE_INTERVALS * interval
    why = (
        f"{published:,.0f} published; data is {usual:.1f} s old, 1 % of the time over {late:.1f} s;"
        f" at most {bound:g} is on time"
    )
    return Verdict("snapshots on time", late <= bound and published > 0, why)


def all_there(sent: int, found: int) -> Verdict:
    """Say whether exactly what was acknowledged can be queried."""
    return Verdict("nothing lost", sent == found, f"{sent:,} spans acknowledged, {found:,} found")


def readers_served(queries: int, failures: int) -> Verdict:
    """Say whether every query was answered."""
    why = f"{queries:,} queries answered, {failures:,} failed"
    return Verdict("SQL answered", queries > 0 and failures == 0, why)
