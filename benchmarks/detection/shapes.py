"""Shapes of fleets, and the seeds they are made with: those that were tuned on."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """`work`: how often agents do which kind, by weight. `agents`: how many. `runs_a_day`: of each.

    `night`: how busy nights and weekends are beside a working day's noon. `loops`: injected, of
    each kind. `emitters`: how often telemetry shows how much, by weight; empty: equally.
    """

    name: str
    work: Mapping[str, float]
    agents: int = 24
    runs_a_day: float = 12
    night: float = 0.15
    loops: int = 6
    emitters: Mapping[str, float] | None = None


MIXED = Shape(
    "mixed",
    {
        "chat": 3, "code": 4, "move": 1, "pages": 1, "poll": 1, "retry": 1, "batch": 0.5, "ask": 1,
        "lead": 1, "sample": 1, "cron": 0.5,
    },
)  # fmt: skip

TUNED_ON: tuple[tuple[Shape, int], ...] = ((MIXED, 1), (MIXED, 2))

SPEND_TUNED_ON: tuple[tuple[int, tuple[str, ...]], ...] = (
    (1, ("people", "service", "nightly", "mondays", "sparse", "growing", "deploy", "new")),
    (901, ("people", "lunch", "growing", "dearer", "deploy", "falling")),
)
"""The same of what fleets spend: seeds, and rhythms (`spend_world.RHYTHMS`)."""
