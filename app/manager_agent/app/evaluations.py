"""How rules were asked of late: when, how long it took, what they found, how they broke."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from manager_agent.contract.metric import Metric, Sample
from manager_agent.rules.look import Asked, Evaluation

KEPT = 20
"""Evaluations of each rule that are remembered."""


@dataclass(slots=True)
class _Sums:
    last: deque[Evaluation] = field(default_factory=lambda: deque(maxlen=KEPT))
    count: int = 0
    broken: int = 0
    seconds: float = 0.0


class Evaluations:
    """Remembers the last of each rule, and sums over all; for any thread."""

    def __init__(self) -> None:
        self._sums: dict[str, _Sums] = {}
        self._lock = threading.Lock()

    def add(self, at: datetime, asked: Mapping[str, Asked]) -> None:
        """Remember how rules were asked at `at` (UTC), by their names."""
        with self._lock:
            for name, one in asked.items():
                sums = self._sums.setdefault(name, _Sums())
                sums.last.append(Evaluation(at, one))
                sums.count += 1
                sums.broken += one.error is not None
                sums.seconds += one.seconds

    def of(self, name: str) -> list[Evaluation]:
        """Return the last evaluations of a rule, the newest first."""
        with self._lock:
            sums = self._sums.get(name)
            return list(reversed(sums.last)) if sums else []

    def metrics(self) -> list[Metric]:
        """Return how often each rule was asked, how long that took, and how often it broke."""
        with self._lock:
            found = sorted(self._sums.items())
            rows = [(name, one.count, one.broken, one.seconds, one.last[-1]) for name, one in found]
        sums: list[tuple[str, str, list[float]]] = [
            ("manager_rule_evaluations_total", "Times a rule was asked.", [r[1] for r in rows]),
            ("manager_rule_failures_total", "Times that a rule broke.", [r[2] for r in rows]),
            ("manager_rule_seconds_total", "Time that a rule took, in all.", [r[3] for r in rows]),
        ]
        last = [Sample(row[4].asked.seconds, (("rule", row[0]),)) for row in rows]
        return [
            Metric("manager_rule_seconds", "gauge", "Time of a rule's last evaluation.", last),
            *(
                Metric(name, "counter", text, _samples([row[0] for row in rows], values))
                for name, text, values in sums
            ),
        ]


def _samples(rules: list[str], values: list[float]) -> list[Sample]:
    return [Sample(value, (("rule", rule),)) for rule, value in zip(rules, values, strict=True)]
