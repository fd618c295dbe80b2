"""This one explains that one: which alerts are muted by which, at one moment.

What mutes is always an alert that people were told of, or are told of now: through any number of
others, so that an outage explains the breakers it opens and what these stop. Where alerts explain
each other in a circle, the one that was told first stands for the others.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from manager_agent.rules.alert import Alert
from manager_agent.rules.finding import Finding, Mutes

Key = tuple[str, str]
_SEVERE = {"info": 0, "warning": 1, "critical": 2}


@dataclass(frozen=True, slots=True)
class Explained:
    """Why an alert is muted: `root` is the one that people were told of, `mutes` what it said."""

    root: Key
    mutes: Mutes


def explained(
    causes: Mapping[Key, Alert], effects: Mapping[Key, Alert], untold: Collection[Key]
) -> dict[Key, Explained]:
    """Return which of `effects` are explained by `causes`, by their keys.

    `untold`: those that people neither were told of nor are to be told of now; they explain only
    what they pass on.
    """
    edges = _edges(causes, effects)
    found: dict[Key, Explained] = {}
    waiting = set(edges)
    while waiting:
        ready = [key for key in waiting if not any(cause in waiting for cause in edges[key])]
        # A circle: who was told, or fired, first is judged without those that wait for it.
        ready = ready or [min(waiting, key=lambda key: _rank(effects[key]))]
        waiting.difference_update(ready)
        for key in ready:
            reasons = _reasons(edges[key], waiting, found, untold)
            if reasons:
                found[key] = min(reasons, key=lambda one: _rank(causes[one.root]))
    return found


def _reasons(
    edges: Mapping[Key, Mutes],
    waiting: Collection[Key],
    found: Mapping[Key, Explained],
    untold: Collection[Key],
) -> list[Explained]:
    reasons = []
    for cause, mutes in edges.items():
        if cause in found:
            reasons.append(Explained(found[cause].root, mutes))
        elif cause not in waiting and cause not in untold:
            reasons.append(Explained(cause, mutes))
    return reasons


def _edges(
    causes: Mapping[Key, Alert], effects: Mapping[Key, Alert]
) -> dict[Key, dict[Key, Mutes]]:
    """Return what may explain each effect: by its key, the keys of causes with what they mute."""
    by_rule: dict[str, list[Key]] = {}
    for key in effects:
        by_rule.setdefault(key[0], []).append(key)
    edges: dict[Key, dict[Key, Mutes]] = {}
    for cause, alert in causes.items():
        for mutes in alert.finding.mutes:
            for key in _meant(mutes, by_rule.get(mutes.rule, ()), effects):
                if key != cause:
                    edges.setdefault(key, {}).setdefault(cause, mutes)
    return edges


def _meant(mutes: Mutes, keys: Collection[Key], effects: Mapping[Key, Alert]) -> Iterator[Key]:
    agents = None if mutes.agents is None else frozenset(mutes.agents)
    for key in keys:
        finding = effects[key].finding
        if (agents is None or finding.agent in agents) and _fits(mutes, finding):
            yield key


def _fits(mutes: Mutes, finding: Finding) -> bool:
    if _SEVERE[finding.severity] > _SEVERE[mutes.upto]:
        return False
    return all(name in finding.evidence for name in mutes.facts) and all(
        finding.evidence[name] == value for name, value in mutes.facts.items()
    )


def _rank(alert: Alert) -> tuple[bool, datetime, Key]:
    return (alert.told is None, alert.fired or alert.since, alert.finding.key)
