"""Figures from what was told and what was there: one record a detector and fleet."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

import polars as pl

from benchmarks.detection.loop_trial import Trial, concerns
from benchmarks.detection.loop_world import Label, LoopWorld


@dataclass(frozen=True, slots=True)
class LoopScore:
    """How well a detector found loops.

    `recall`, `in_60_s`: share of the provable ones that were told, and told within 60 s of their
    third repeat. `opaque_recall`: of those that nothing equal tells. `seconds_*`: from the third
    repeat to the alert (below 0: before it). `leaked_usd`: spent in all provable loops until told.
    """

    detector: str
    fleet: str
    seed: int
    loops: int
    recall: float
    in_60_s: float
    opaque_recall: float | None
    precision: float | None
    false_alerts: int
    agent_weeks: float
    seconds_median: float | None
    seconds_p95: float | None
    leaked_usd: float
    missed: Mapping[str, int] = field(default_factory=dict)

    @property
    def false_a_week(self) -> float:
        """False alerts in a week of one agent."""
        return self.false_alerts / self.agent_weeks


def loop_score(detector: str, fleet: str, seed: int, world: LoopWorld, trial: Trial) -> LoopScore:
    """Return the figures of a trial."""
    pairs = list(zip(world.labels, trial.detected, strict=True))
    sure = [(label, at) for label, at in pairs if label.provable]
    late = sorted((at - label.third).total_seconds() for label, at in sure if at is not None)
    missed: dict[str, int] = defaultdict(int)
    for label, at in sure:
        if at is None:
            missed[f"{label.kind}, {label.emitter}"] += 1
    opaque = [at is not None for label, at in pairs if not label.provable]
    false = sum(not any(concerns(one, label) for label in world.labels) for one in trial.alerts)
    return LoopScore(
        detector=detector,
        fleet=fleet,
        seed=seed,
        loops=len(sure),
        recall=len(late) / len(sure),
        in_60_s=sum(seconds <= 60 for seconds in late) / len(sure),
        opaque_recall=sum(opaque) / len(opaque) if opaque else None,
        precision=1 - false / len(trial.alerts) if trial.alerts else None,
        false_alerts=false,
        agent_weeks=world.agents * world.days / 7,
        seconds_median=median(late) if late else None,
        seconds_p95=late[int(len(late) * 0.95)] if late else None,
        leaked_usd=sum(_leaked(world, label, at) for label, at in sure),
        missed=dict(missed),
    )


def _leaked(world: LoopWorld, label: Label, told: datetime | None) -> float:
    until = label.end if told is None else min(told, label.end)
    within = pl.col("ts").is_between(label.start, until) & pl.col("agent").is_in(label.agents)
    return float(world.calls.filter(within)["cost"].sum()) / 1e9
