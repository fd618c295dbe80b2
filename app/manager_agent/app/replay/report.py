"""What a replay tells: as JSON, and as text for a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from manager_agent.analytics.blocked import Blocked
from manager_agent.api.shapes import moment_of
from manager_agent.app.replay.breakers import Opening
from manager_agent.app.replay.outcome import Fired, Pair
from manager_agent.rules.amounts import counted, dollars, usd_text

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Report:
    """All that came of one replay. `looks`: moments looked at, of `moments` there were."""

    since: datetime
    until: datetime
    every_seconds: float
    looks: int
    moments: int
    calls: int
    pairs: Sequence[Pair]
    blocked: Sequence[Blocked]
    failed: dict[str, str]
    openings: Sequence[Opening] = ()


def as_json(report: Report) -> dict[str, Any]:
    """Return it as a JSON object; money is text in USD."""
    return {
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        "every_seconds": report.every_seconds,
        "moments": report.moments,
        "looks": report.looks,
        "calls": report.calls,
        "alerts": [
            {**_alert(pair.replayed), "fired_live": pair.live and _alert(pair.live)}
            for pair in report.pairs
            if pair.replayed
        ],
        "only_live": [
            _alert(pair.live) for pair in report.pairs if not pair.replayed and pair.live
        ],
        "blocked": {
            "calls": sum(each.calls for each in report.blocked),
            "cost_usd": usd_text(sum(each.cost for each in report.blocked)),
            "by_agent": [
                {
                    "agent": each.agent,
                    "calls": each.calls,
                    "cost_usd": usd_text(each.cost),
                    "limits": dict(each.limits),
                }
                for each in report.blocked
            ],
        },
        "breakers": {
            "calls": sum(len(each.refused) for each in report.openings),
            "cost_usd": usd_text(sum(each.cost for each in report.openings)),
            "openings": [
                {
                    "key": each.key.text,
                    "reason": each.reason,
                    "since": moment_of(each.since_us),
                    "until": moment_of(each.until_us),
                    "calls": len(each.refused),
                    "cost_usd": usd_text(each.cost),
                }
                for each in report.openings
            ],
        },
        "failed": report.failed,
    }


def as_text(report: Report, most: int = _SHOWN) -> Iterator[str]:
    """Yield lines: the sums, then each alert, at most so many."""
    yield (
        f"{report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC,"
        f" {report.calls:,} calls and tools; {report.looks:,} looks at {report.moments:,} moments"
    )
    yield from _sums(report.pairs)
    yield ""
    for pair in report.pairs[:most]:
        yield _line(pair)
    if len(report.pairs) > most:
        yield f"... and {len(report.pairs) - most:,} more (--json shows all)"
    yield from _blocked(report.blocked)
    yield from _opened(report.openings)
    for rule, error in sorted(report.failed.items()):
        yield f"rule {rule} broke: {error}"


def _sums(pairs: Sequence[Pair]) -> Iterator[str]:
    if not pairs:
        yield "nothing would have fired, and nothing did"
        return
    would, did, both = Counter[str](), Counter[str](), Counter[str]()
    for pair in pairs:
        rule = pair.shown.rule
        would[rule] += pair.replayed is not None
        did[rule] += pair.live is not None
        both[rule] += pair.replayed is not None and pair.live is not None
    width = max(len(rule) for rule in would)
    yield f"{'rule':{width}}  would fire  did fire  both"
    for rule in sorted(would):
        yield f"{rule:{width}}  {would[rule]:10,}  {did[rule]:8,}  {both[rule]:4,}"


def _line(pair: Pair) -> str:
    shown = pair.shown
    mark = "=" if pair.replayed and pair.live else "+" if pair.replayed else "-"
    over = f"{shown.resolved:%m-%d %H:%M}" if shown.resolved else "still"
    return (
        f"{mark} {shown.fired:%m-%d %H:%M:%S} to {over:11}  {shown.severity:8} {shown.rule}:"
        f" {shown.message}"
    )


def _blocked(blocked: Sequence[Blocked]) -> Iterator[str]:
    if not blocked:
        return
    calls, cost = sum(each.calls for each in blocked), sum(each.cost for each in blocked)
    yield ""
    yield f"hard limits would have refused {calls:,} calls that cost {dollars(cost)}"
    for each in blocked:
        limits = ", ".join(f"{name} ({n:,})" for name, n in each.limits.items())
        yield f"  {each.agent}: {each.calls:,} calls, {dollars(each.cost)}: {limits}"


def _opened(openings: Sequence[Opening]) -> Iterator[str]:
    if not openings:
        return
    calls, cost = sum(len(each.refused) for each in openings), sum(each.cost for each in openings)
    yield ""
    yield (
        f"breakers would have opened {counted(len(openings), 'time')} and refused"
        f" {counted(calls, 'call')} that cost {dollars(cost)}"
    )
    for key in dict.fromkeys(each.key for each in openings):
        mine = [each for each in openings if each.key == key]
        first = moment_of(mine[0].since_us) or ""
        yield (
            f"  {key.text}: {counted(len(mine), 'time')}, first {first[5:16].replace('T', ' ')}"
            f" ({mine[0].reason}): {counted(sum(len(each.refused) for each in mine), 'call')},"
            f" {dollars(sum(each.cost for each in mine))}"
        )


def _alert(found: Fired) -> dict[str, Any]:
    return {
        "alert_id": found.alert_id,
        "rule": found.rule,
        "agent": found.agent,
        "severity": found.severity,
        "title": found.title,
        "message": found.message,
        "fired": found.fired.isoformat(),
        "resolved": found.resolved and found.resolved.isoformat(),
    }
