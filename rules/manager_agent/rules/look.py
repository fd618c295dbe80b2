"""Asks every rule what is wrong now; a broken rule silences itself, never the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import Rule, name_of


@dataclass(frozen=True, slots=True)
class Look:
    """What the rules found; `failed` holds the error of each rule that broke, under its name."""

    findings: tuple[Finding, ...]
    failed: Mapping[str, str]


def look(rules: Iterable[Rule], frames: Frames, now: datetime) -> Look:
    """Return what `rules` find in `frames` at `now`. Give `failed` to `step`, and log it."""
    findings: list[Finding] = []
    failed: dict[str, str] = {}
    for rule in rules:
        try:
            findings += list(rule.find(frames, now))
        except Exception as error:  # noqa: BLE001 - one rule's fault, handed back for log and count
            failed[name_of(rule)] = f"{type(error).__name__}: {error}"
    return Look(tuple(findings), failed)
