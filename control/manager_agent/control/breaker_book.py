"""The breakers of the fleet, and what is remembered to decide about them; in memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.contract.guard import BreakerState, Outcomes
from manager_agent.control.breaker_rows import BreakerRow, BreakerView
from manager_agent.control.rows import Event
from manager_agent.rules.breaker import Breaker, Seen, Window
from manager_agent.rules.burn import Burn

K = TypeVar("K")
V = TypeVar("V")

PLAIN = Breaker()
Place = tuple[str, str, str]
"""Agent, provider, family."""

_FORGET_US = 3600 * 1_000_000


@dataclass(slots=True)
class Heard:
    """What one holder last said of one place: the totals, and when."""

    counts: Mapping[str, int]
    at_us: int


@dataclass(slots=True)
class BreakerBook:
    """`breakers`: those that are not as at first. `wanted`: holders whose calls a breaker refused,
    the last one last. `agents`: when each was last heard of; `used`: the families of each.
    `changed`: what of it must be stored; `events`: what people will ask about."""

    breakers: dict[BreakerKey, Breaker] = field(default_factory=dict)
    windows: dict[BreakerKey, Window] = field(default_factory=dict)
    burns: dict[BreakerKey, Burn] = field(default_factory=dict)
    heard: dict[tuple[str, Place], Heard] = field(default_factory=dict)
    wanted: dict[BreakerKey, dict[str, int]] = field(default_factory=dict)
    agents: dict[str, int] = field(default_factory=dict)
    used: dict[str, dict[BreakerKey, int]] = field(default_factory=dict)
    capped_us: dict[BreakerKey, int] = field(default_factory=dict)
    changed: dict[BreakerKey, Breaker] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    _heard_before: dict[tuple[str, Place], Heard | None] = field(default_factory=dict)
    _windows_before: dict[BreakerKey, Window | None] = field(default_factory=dict)
    _burns_before: dict[BreakerKey, Burn | None] = field(default_factory=dict)

    def get(self, key: BreakerKey) -> Breaker:
        """Return a breaker; one that nothing is known of is closed."""
        return self.breakers.get(key, PLAIN)

    def put(self, key: BreakerKey, new: Breaker) -> None:
        """Let a breaker be as it is now."""
        before = self.get(key)
        if new == before:
            return
        self.breakers[key] = new
        if replace(new, probe=None) != replace(before, probe=None):
            self.changed[key] = new

    def note(
        self, now_us: int, key: BreakerKey, before: str, after: str, by: str, why: str
    ) -> None:
        """Note what people will ask about."""
        self.events.append(Event(now_us, "breaker", key.text, before, after, by, why or None))

    def see(self, key: BreakerKey, window: Window | None) -> None:
        """Let a breaker's last outcomes be these; None: neither they nor what they cost count."""
        self._windows_before.setdefault(key, self.windows.get(key))
        if window is None:
            self.windows.pop(key, None)
            self.see_burn(key, None)
        else:
            self.windows[key] = window

    def see_burn(self, key: BreakerKey, burn: Burn | None) -> None:
        """Let what an agent spent of late be this; None: nothing of it counts any more."""
        self._burns_before.setdefault(key, self.burns.get(key))
        if burn is None:
            self.burns.pop(key, None)
        else:
            self.burns[key] = burn

    def rows(self) -> list[BreakerRow | Event]:
        """Return what must be stored now."""
        return [*(BreakerRow(key, one) for key, one in self.changed.items()), *self.events]

    def stored(self) -> None:
        """Take note that it was stored."""
        self.changed.clear()
        self.events.clear()
        self._heard_before.clear()
        self._windows_before.clear()
        self._burns_before.clear()

    def restore(self, rows: Iterable[BreakerRow]) -> None:
        """Let all breakers be as they were stored, and what was heard since be heard anew."""
        self.breakers = {row.key: row.breaker for row in rows}
        _put_back(self.heard, self._heard_before)
        _put_back(self.windows, self._windows_before)
        _put_back(self.burns, self._burns_before)
        self.stored()

    def difference(self, said: Outcomes, now_us: int) -> tuple[Seen, int, int]:
        """Return what is new in a holder's totals: outcomes, "too many requests", refusals.

        Fewer than before is another beginning. Of what is heard for the first time, which may be
        a manager's first word of a long story, only the end counts. `Seen.streak` is without "too
        many requests".
        """
        key = (said.holder, (said.agent, said.provider, said.family))
        before = self.heard.get(key)
        self._heard_before.setdefault(key, before)
        known = before.counts if before else _beginning(said.counts)
        if any(said.counts.get(name, 0) < number for name, number in known.items() if _grows(name)):
            known = {}
        self.heard[key] = Heard(dict(said.counts), now_us)

        def more(name: str) -> int:
            return max(0, said.counts.get(name, 0) - known.get(name, 0))

        streak = max(0, said.counts.get("streak", 0))
        return (
            Seen(more("ok"), more("failed"), more("slow"), streak),
            more("pressure"),
            more("refused"),
        )

    def forget(self, now_us: int) -> None:
        """Let go of what is long ago: agents and holders come and go."""
        since_us = now_us - _FORGET_US
        self.heard = {key: one for key, one in self.heard.items() if one.at_us > since_us}
        self.agents = {name: at for name, at in self.agents.items() if at > since_us}
        self.used = {name: keys for name, keys in self.used.items() if name in self.agents}
        live = {BreakerKey(agent=name) for name in self.agents}
        live |= {key for keys in self.used.values() for key in keys}
        self.windows = {key: one for key, one in self.windows.items() if key in live}
        self.burns = {key: one for key, one in self.burns.items() if key in live}
        self.wanted = {
            key: kept
            for key, holders in self.wanted.items()
            if (kept := {one: at for one, at in holders.items() if at > since_us})
        }
        self.capped_us = {key: at for key, at in self.capped_us.items() if at > since_us}


def keys_of(place: Place) -> tuple[BreakerKey, BreakerKey]:
    """Return whose breakers stand before a call: the model family's and the agent's."""
    agent, provider, family = place
    return BreakerKey(provider=provider, family=family), BreakerKey(agent=agent)


def state_of(key: BreakerKey, breaker: Breaker, holder: str, now_us: int) -> BreakerState | None:
    """Return what `holder` is told of a breaker; None of one that is closed by itself."""
    if breaker.held is None and breaker.phase == "closed":
        return None
    held = breaker.held
    until_us = breaker.until_us if held is None else held.until_us
    probe = breaker.probe
    mine = probe is not None and probe.holder == holder and held is None
    return BreakerState(
        *key,
        phase=breaker.shown,
        reason=breaker.reason if held is None else _held_words(held.by, held.why),
        retry_in_ms=0 if until_us is None else max(0, until_us - now_us) // 1000,
        probe=probe.id if mine and probe is not None else "",
        forced=held is not None,
    )


def view_of(key: BreakerKey, breaker: Breaker, failures: int) -> BreakerView:
    """Return a breaker as people see it."""
    held = breaker.held
    return BreakerView(
        key=key,
        state=breaker.shown,
        held=None if held is None else held.to,
        reason=breaker.reason if breaker.phase != "closed" else "",
        since_us=breaker.since_us,
        until_us=breaker.until_us if breaker.phase == "open" else None,
        held_until_us=None if held is None else held.until_us,
        by="" if held is None else held.by,
        why="" if held is None else held.why,
        openings=breaker.openings,
        good=breaker.good,
        probing="" if breaker.probe is None else breaker.probe.holder,
        failures=failures,
    )


def _beginning(counts: Mapping[str, int]) -> Mapping[str, int]:
    """Return the totals before the end of a row of outcomes that is heard of for the first time."""
    known = {name: number for name, number in counts.items() if _grows(name)}
    streak, with_429 = counts.get("streak", 0), counts.get("streak_429", 0)
    known["ok"] = max(0, counts.get("ok", 0) - 1)
    known["failed"] = counts.get("failed", 0) - streak
    known["pressure"] = counts.get("pressure", 0) - max(0, with_429 - streak)
    known["refused"] = 0
    return known


def _put_back(now: dict[K, V], before: Mapping[K, V | None]) -> None:
    for key, value in before.items():
        if value is None:
            now.pop(key, None)
        else:
            now[key] = value


def _held_words(by: str, why: str) -> str:
    return f"held by {by or 'an operator'}{': ' + why if why else ''}"


def _grows(name: str) -> bool:
    return not name.startswith("streak")
