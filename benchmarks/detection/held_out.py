"""Fleets and seeds that no setting was ever chosen by: run them to judge, not to tune."""

from benchmarks.detection.real_world import Way
from benchmarks.detection.shapes import Shape

HELP_DESK = Shape("help desk", {"chat": 5, "ask": 4, "retry": 1, "cron": 1}, night=0.4)
CODE_FACTORY = Shape(
    "code factory", {"code": 6, "move": 2, "pages": 1, "poll": 2, "sample": 1}, night=0.05
)
RESEARCH = Shape("research", {"lead": 4, "pages": 3, "sample": 2, "batch": 1, "chat": 1})
OPERATIONS = Shape(
    "operations",
    {"poll": 4, "retry": 3, "cron": 3, "batch": 1, "code": 1},
    night=0.8,
    emitters={"tools": 1, "guard": 3, "counts": 3},
)

HELD_OUT: tuple[tuple[Shape, int], ...] = (
    (HELP_DESK, 101),
    (CODE_FACTORY, 102),
    (RESEARCH, 103),
    (OPERATIONS, 104),
)

_OLD = ("people", "service", "nightly", "mondays", "sparse", "growing", "deploy", "new")
SPEND_HELD_OUT: tuple[tuple[int, tuple[str, ...]], ...] = (
    (900, (*_OLD, "quiet_nights", "dearer", "weekend", "young")),
    (901, ("people", "lunch", "growing", "dearer", "deploy", "falling")),
    (902, ("service", "shifts", "nightly", "sparse", "new", "quiet_nights")),
    (903, ("shifts", "lunch", "falling")),
    (904, ("few", "bursty", "odd_batch", "day_old", "service", "lunch")),
    (905, ("weekend", "mondays", "young", "people", "shifts", "deploy")),
)
"""Seeds, and the rhythms that their fleets are made of."""

REAL_HELD_OUT: tuple[tuple[Way, int], ...] = (
    ("thinned", 910),
    ("thinned", 911),
    ("slowed", 912),
)
ERRORS_HELD_OUT, CREEP_HELD_OUT = (920, 921), (930, 931)
"""Seeds of real arrivals, of failures, of creep."""
