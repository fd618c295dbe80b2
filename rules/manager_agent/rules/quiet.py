"""Who is not to be told: by a silence of theirs, or because another alert explains it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from manager_agent.rules.alert import Alert, Mute
from manager_agent.rules.explain import Explained, Key, explained
from manager_agent.rules.lifecycle import Outcome, Transition
from manager_agent.rules.silence import Silence, silencing

_OVER: Final[frozenset[Outcome]] = frozenset({"resolved", "withdrawn"})
_STILL: Final[frozenset[Outcome]] = frozenset({"continues", "missing", "kept"})


def quieted(
    done: Sequence[Transition], silences: Iterable[Silence], now: datetime
) -> list[Transition]:
    """Return what became of each alert, and whether people are to be told of it.

    Where nothing else changed than that, the reason says so.
    """
    active = [one for one in silences if one.state(now) == "active"]
    silenced = [_silenced(one, active) for one in done]
    causes = {one.alert.finding.key: one.alert for one in silenced if one.alert.state == "firing"}
    over = {one.alert.finding.key: one.alert for one in silenced if one.reason in _OVER}
    untold = {one.alert.finding.key for one in silenced if not _telling(one, now)}
    found = explained(causes, causes | over, untold)
    muted = [_muted(one, causes, found.get(one.alert.finding.key), now) for one in silenced]
    return [_named(after, before.alert) for before, after in zip(done, muted, strict=True)]


def is_quiet(alert: Alert) -> bool:
    """Return whether people are not to be told of an alert at present."""
    return bool(alert.silenced_by) or alert.mute is not None


def _silenced(done: Transition, active: Sequence[Silence]) -> Transition:
    if done.alert.state != "firing" and done.reason not in _OVER:
        return done
    by = silencing(active, done.alert.finding)
    return replace(done, alert=replace(done.alert, silenced_by=by))


def _telling(done: Transition, now: datetime) -> bool:
    """Return whether people were told of it, or are now unless something explains it."""
    alert = done.alert
    if alert.told is not None:
        return True
    firing = done.found and alert.state == "firing"
    return firing and not alert.silenced_by and _lingering(alert.mute, now) is None


def _muted(
    done: Transition, causes: dict[Key, Alert], found: Explained | None, now: datetime
) -> Transition:
    alert = done.alert
    if alert.state != "firing" and done.reason not in _OVER:
        return done
    if found is None:
        mute = _lingering(alert.mute, now)
    else:
        mute = Mute(causes[found.root].alert_id, found.mutes.why, now, found.mutes.linger)
    return replace(done, alert=replace(alert, mute=mute))


def _lingering(mute: Mute | None, now: datetime) -> Mute | None:
    """Return a mute whose cause is over while it still holds; a clock put back prolongs nothing."""
    if mute is None:
        return None
    seen = min(mute.seen, now)
    return replace(mute, seen=seen) if now - seen < mute.linger else None


def _named(done: Transition, before: Alert) -> Transition:
    """Return it with the reason that tells what changed, where nothing else did."""
    if done.reason not in _STILL:
        return done
    after = done.alert
    reason = done.reason
    if after.silenced_by != before.silenced_by:
        reason = "silenced" if after.silenced_by else "unsilenced"
    elif _by(after) != _by(before):
        reason = "muted" if after.mute else "unmuted"
    return replace(done, reason=reason)


def _by(alert: Alert) -> str:
    return "" if alert.mute is None else alert.mute.by
