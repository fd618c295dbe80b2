"""Asks every rule what is wrong now; a broken rule silences itself, never the others."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import Rule, name_of
from manager_agent.rules.severity import weighed
from manager_agent.rules.sound import fault_of

MOST_FINDINGS = 20_000
"""Findings of one rule in one look; more are a fault of the rule."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How one rule was asked: it took `seconds` and found `findings`; `error` where it broke."""

    seconds: float
    findings: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One time that a rule was asked, at `at` (UTC)."""

    at: datetime
    asked: Asked


@dataclass(frozen=True, slots=True)
class Look:
    """What the rules found; `failed` holds the error of each rule that broke, under its name.

    `asked`: how each rule was asked, under its name.
    """

    findings: tuple[Finding, ...]
    failed: Mapping[str, str]
    asked: Mapping[str, Asked] = field(default_factory=dict, compare=False)


def look(
    rules: Iterable[Rule], frames: Frames, now: datetime, clock: Callable[[], float] = perf_counter
) -> Look:
    """Return what `rules` find in `frames` at `now`. Give `failed` to `step`, and log it.

    `clock`: seconds, to measure how long each takes.
    """
    findings: list[Finding] = []
    asked: dict[str, Asked] = {}
    for rule in rules:
        started = clock()
        found, error = _ask(rule, frames, now)
        asked[name_of(rule)] = Asked(clock() - started, len(found), error)
        findings += found
    failed = {name: one.error for name, one in asked.items() if one.error is not None}
    return Look(tuple(findings), failed, asked)


def _ask(rule: Rule, frames: Frames, now: datetime) -> tuple[list[Finding], str | None]:
    """Return what a rule found that can be used, and what is wrong with it."""
    name, found, error = name_of(rule), list[Finding](), None
    try:
        for one in rule.find(frames, now):
            fault = fault_of(one, name)
            if fault is None and len(found) == MOST_FINDINGS:
                return found, f"it finds more than {MOST_FINDINGS:,} things; only these are taken"
            if fault is None:
                found.append(weighed(one, frames.policy))
            error = error or fault
    except Exception as raised:  # noqa: BLE001 - one rule's fault, handed back for log and count
        return [], f"{type(raised).__name__}: {raised}"
    return found, error
