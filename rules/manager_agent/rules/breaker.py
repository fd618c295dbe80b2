"""A circuit breaker as pure logic: when it opens, for how long, and how it closes again.

Nothing here knows whose breaker it is, who asks, or what time it is. Times are microseconds. What
is random, the jitter, is given: a number from 0 to below 1.
"""

from dataclasses import dataclass, replace
from typing import Literal

Phase = Literal["closed", "open", "half_open"]
Result = Literal["ok", "failed", "neither"]

_SECOND = 1_000_000
_JITTER = 10
"""An opening is up to one in so many parts longer than it says, so that not all end together."""
_MOST_DOUBLINGS = 40
_AGAIN = "; a probe failed"


@dataclass(frozen=True, slots=True)
class Terms:
    """When a breaker opens, and for how long.

    `failures_in_row` open it, or shares of at least `least_calls` within `window_us`. `successes`
    in a row close it. A probe that was given away is taken back after `probe_idle_us` where
    somebody else could use it and it was not begun, after `probe_us` in any case. An agent's opens
    also where its failed calls cost more than `burnt_nano` (nano-USD; 0: never) within `burnt_us`,
    and at least `burnt_percent` of all it spent.
    """

    failures_in_row: int = 5
    least_calls: int = 20
    failed_percent: int = 50
    slow_percent: int = 80
    window_us: int = 60 * _SECOND
    base_open_us: int = 300 * _SECOND
    max_open_us: int = 3600 * _SECOND
    successes: int = 3
    probe_idle_us: int = 10 * _SECOND
    probe_us: int = 120 * _SECOND
    burnt_nano: int = 5 * 10**9
    burnt_percent: int = 50
    burnt_us: int = 600 * _SECOND


@dataclass(frozen=True, slots=True)
class Probe:
    """The one call that may try, given to `holder`."""

    id: str
    holder: str
    given_us: int
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """People hold it open or closed until then; None: until they reset it."""

    to: Literal["open", "closed"]
    until_us: int | None
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Breaker:
    """One breaker. `phase` is what outcomes made of it; `held` overrides it.

    `since_us`: since when it is so; `until_us`: until when it is open. `openings`: how often it
    opened without having closed for good in between. `good`: probes that succeeded in a row.
    """

    phase: Phase = "closed"
    reason: str = ""
    since_us: int = 0
    until_us: int = 0
    openings: int = 0
    good: int = 0
    probe: Probe | None = None
    held: Held | None = None

    @property
    def shown(self) -> Phase:
        """Return what it is for calls: what people hold it at, else its phase."""
        return self.phase if self.held is None else self.held.to


@dataclass(frozen=True, slots=True)
class Seen:
    """Outcomes that were told together; `streak`: failures in a row at their end."""

    ok: int = 0
    failed: int = 0
    slow: int = 0
    streak: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Outcomes of the last minute in parts of a few seconds, and failures in a row.

    `parts`: (its number, calls, failed, slow), the oldest first. A slow call is not a failed one.
    """

    streak: int = 0
    parts: tuple[tuple[int, int, int, int], ...] = ()

    def add(self, seen: Seen, now_us: int, terms: Terms) -> "Window":
        """Return it with what was told now, and without what is too old."""
        step_us = terms.window_us // 12
        number = now_us // step_us
        kept = tuple(part for part in self.parts if part[0] > number - 12)
        calls, failed, slow = seen.ok + seen.failed, seen.failed, seen.slow
        if kept and kept[-1][0] >= number:
            number, *before = kept[-1]
            calls, failed, slow = calls + before[0], failed + before[1], slow + before[2]
            kept = kept[:-1]
        streak = seen.streak if seen.ok else self.streak + seen.failed
        return Window(streak, (*kept, (number, calls, failed, slow)))

    def trips(self, terms: Terms) -> str | None:
        """Return why calls should stop, in words; None where all is well."""
        if self.streak >= terms.failures_in_row:
            return f"{self.streak} failures in a row"
        calls = sum(part[1] for part in self.parts)
        if calls < terms.least_calls:
            return None
        failed = sum(part[2] for part in self.parts)
        slow = sum(part[3] for part in self.parts)
        seconds = terms.window_us // _SECOND
        if failed * 100 >= calls * terms.failed_percent:
            return f"{failed} of {calls} calls in {seconds} s failed"
        if slow * 100 >= calls * terms.slow_percent:
            return f"{slow} of {calls} calls in {seconds} s were slow"
        return None


def opened(breaker: Breaker, reason: str, now_us: int, jitter: float, terms: Terms) -> Breaker:
    """Return it open: twice as long each time, until it has closed for good."""
    openings = breaker.openings
    if breaker.phase == "closed" and now_us - breaker.since_us >= terms.base_open_us:
        openings = 0
    doubled_us = terms.base_open_us << min(openings, _MOST_DOUBLINGS)
    open_us = int(min(doubled_us, terms.max_open_us) * (1 + jitter / _JITTER))
    return replace(
        breaker,
        phase="open",
        reason=reason,
        since_us=now_us,
        until_us=now_us + min(open_us, terms.max_open_us),
        openings=openings + 1,
        good=0,
        probe=None,
    )


def at(breaker: Breaker, now_us: int, terms: Terms) -> Breaker:
    """Return it as it is at `now_us`: half open after its time, let go of by people, a lost probe
    taken back."""
    held = breaker.held
    if held is not None and held.until_us is not None and now_us >= held.until_us:
        breaker = replace(breaker, held=None)
    if breaker.phase == "open" and now_us >= breaker.until_us:
        breaker = replace(breaker, phase="half_open", since_us=now_us, good=0, probe=None)
    probe = breaker.probe
    if probe is not None and now_us >= probe.given_us + terms.probe_us:
        breaker = replace(breaker, probe=None)
    return breaker


def wants_probe(breaker: Breaker, holder: str, now_us: int, terms: Terms) -> bool:
    """Say whether a probe can be given to `holder`: there is none, or it lies idle elsewhere."""
    if breaker.shown != "half_open":
        return False
    probe = breaker.probe
    if probe is None:
        return True
    idle = not probe.begun and now_us >= probe.given_us + terms.probe_idle_us
    return idle and probe.holder != holder


def given(breaker: Breaker, probe: Probe) -> Breaker:
    """Return it with its one probe given away, in place of one that lay idle."""
    return replace(breaker, probe=probe)


def begun(breaker: Breaker, probe: str) -> Breaker:
    """Take note that the call of a probe has left."""
    if breaker.probe is None or breaker.probe.id != probe:
        return breaker
    return replace(breaker, probe=replace(breaker.probe, begun=True))


def probed(
    breaker: Breaker, probe: str, result: Result, now_us: int, jitter: float, terms: Terms
) -> Breaker:
    """Take note of how a probe went; one that is not the present one's changes nothing."""
    if breaker.phase != "half_open" or breaker.probe is None or breaker.probe.id != probe:
        return breaker
    if result == "failed":
        cause = breaker.reason.removesuffix(_AGAIN) + _AGAIN
        return opened(breaker, cause, now_us, jitter, terms)
    good = breaker.good + (result == "ok")
    if good >= terms.successes:
        return closed(breaker, now_us)
    return replace(breaker, good=good, probe=None)


def observed(breaker: Breaker, seen: Seen, now_us: int, jitter: float, terms: Terms) -> Breaker:
    """Take note of calls that went out whatever the breaker said, while it is half open.

    Those of agents without a guard: they count as probes do.
    """
    if breaker.phase != "half_open" or breaker.held is not None:
        return breaker
    if seen.failed:
        cause = breaker.reason.removesuffix(_AGAIN) + _AGAIN
        return opened(breaker, cause, now_us, jitter, terms)
    good = breaker.good + seen.ok
    return closed(breaker, now_us) if good >= terms.successes else replace(breaker, good=good)


def closed(breaker: Breaker, now_us: int) -> Breaker:
    """Return it closed; that it opened is remembered for a while."""
    return Breaker("closed", since_us=now_us, openings=breaker.openings, held=breaker.held)


def lost(breaker: Breaker, holder: str) -> Breaker:
    """Take back the probe of a holder that is gone."""
    mine = breaker.probe is not None and breaker.probe.holder == holder
    return replace(breaker, probe=None) if mine else breaker


def hold(breaker: Breaker, held: Held, now_us: int) -> Breaker:
    """Let people hold it open or closed. Held closed, what it was before is over."""
    before = closed(breaker, now_us) if held.to == "closed" else breaker
    return replace(before, held=held, probe=None)
