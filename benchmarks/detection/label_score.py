"""Figures of detectors that tell of agents: what was told, against labels with start and end."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import sqrt
from statistics import median
from typing import Protocol, TypeVar

from benchmarks.detection.loop_trial import Told

_Z = 1.96


class Label(Protocol):
    """What was put in: an agent, a kind of trouble, from when to when."""

    @property
    def agent(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well a detector found labels. `minutes_*`: from a label's start until it was told."""

    detector: str
    seed: int
    count: int
    recall: float
    precision: float | None
    false_alerts: int
    agent_weeks: float
    minutes_median: float | None
    minutes_p95: float | None
    leaked_usd: float
    missed: Mapping[str, int] = field(default_factory=dict)


_L = TypeVar("_L", bound=Label)


def label_score(
    detector: str,
    seed: int,
    labels: Sequence[_L],
    told: Sequence[Told],
    agent_weeks: float,
    after: timedelta,
    leaked: Callable[[_L, datetime | None], float],
) -> LabelScore:
    """Return the figures. `after`: how long after its end an alert still is of a label."""

    def concerns(one: Told, label: _L) -> bool:
        return one.agent == label.agent and label.start <= one.at <= label.end + after

    first = [
        (label, min((one.at for one in told if concerns(one, label)), default=None))
        for label in labels
    ]
    missed: dict[str, int] = defaultdict(int)
    for label, at in first:
        if at is None:
            missed[label.kind] += 1
    waits = sorted((at - label.start).total_seconds() / 60 for label, at in first if at)
    false = sum(not any(concerns(one, label) for label in labels) for one in told)
    return LabelScore(
        detector=detector,
        seed=seed,
        count=len(labels),
        recall=len(waits) / len(labels),
        precision=1 - false / len(told) if told else None,
        false_alerts=false,
        agent_weeks=agent_weeks,
        minutes_median=median(waits) if waits else None,
        minutes_p95=waits[int(len(waits) * 0.95)] if waits else None,
        leaked_usd=sum(leaked(label, at) for label, at in first),
        missed=dict(missed),
    )


def interval(found: float, count: int) -> tuple[float, float]:
    """Return Wilson's interval, at 95 %, of a share that was found in so many."""
    middle = (found + _Z * _Z / (2 * count)) / (1 + _Z * _Z / count)
    half = _Z * sqrt(found * (1 - found) / count + _Z * _Z / (4 * count * count))
    half /= 1 + _Z * _Z / count
    return max(0.0, middle - half), min(1.0, middle + half)
