"""Whether the alerts of a test are those that were expected, and what differs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from manager_agent.app.replay.cases import Expected
from manager_agent.app.replay.outcome import Fired


@dataclass(frozen=True, slots=True)
class Verdict:
    """What differs, a line each; nothing where a test passes."""

    name: str
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.unexpected or self.broken)


def judged(
    name: str,
    expected: Sequence[Expected],
    fired: Sequence[Fired],
    start: datetime,
    broken: Sequence[str] = (),
) -> Verdict:
    """Return what was expected and did not fire, and what fired beside it."""
    left = list(fired)
    missing = []
    for one in expected:
        found = next((alert for alert in left if _is(one, alert, start)), None)
        if found is None:
            missing.append(_wanted(one))
        else:
            left.remove(found)
    return Verdict(
        name, tuple(missing), tuple(_seen(each, start) for each in left), broken=tuple(broken)
    )


def _is(expected: Expected, alert: Fired, start: datetime) -> bool:
    said = (
        expected.rule == alert.rule
        and expected.agent in (None, alert.agent)
        and expected.severity in (None, alert.severity)
        and expected.message in alert.message
        and _within(expected.fires, alert.fired, start)
    )
    if expected.resolves is None or not said:
        return said
    if expected.resolves == "never" or alert.resolved is None:
        return expected.resolves == "never" and alert.resolved is None
    return _within(expected.resolves, alert.resolved, start)


def _within(span: tuple[timedelta, timedelta], moment: datetime, start: datetime) -> bool:
    return span[0] <= moment - start <= span[1]


def _wanted(one: Expected) -> str:
    parts = [one.rule, one.severity, one.agent and f"of {one.agent}", f"at {_span(one.fires)}"]
    if one.resolves is not None:
        over = one.resolves if one.resolves == "never" else f"at {_span(one.resolves)}"
        parts.append(f"resolved {over}")
    if one.message:
        parts.append(f"with {one.message!r}")
    return " ".join(filter(None, parts))


def _seen(alert: Fired, start: datetime) -> str:
    over = "never" if alert.resolved is None else f"at {_short(alert.resolved - start)}"
    whose = f" of {alert.agent}" if alert.agent else ""
    at = _short(alert.fired - start)
    return (
        f"{alert.rule} {alert.severity}{whose} at {at} resolved {over}, which says"
        f" {alert.message!r}"
    )


def _span(span: tuple[timedelta, timedelta]) -> str:
    return "..".join(dict.fromkeys(_short(each) for each in span))


def _short(length: timedelta) -> str:
    """Return a duration as people write it: `1h30m`, `45s`, `0`."""
    return "".join(_units(int(length.total_seconds()))) or "0"


def _units(seconds: int) -> Iterator[str]:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            yield f"{count}{unit}"
