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

SPEND_HELD_OUT: tuple[tuple[int, tuple[str, ...]], ...] = (
    (950, ("people", "service", "two_peaks", "deploy", "growing", "day_old", "nightly", "new")),
    (951, ("ramp", "sundays", "crons", "quiet_nights", "lunch", "bursty")),
    (952, ("two_peaks", "shifts", "dearer", "young", "day_old", "mondays")),
    (953, ("sundays", "people", "falling", "weekend", "few", "odd_batch")),
    (954, ("crons", "service", "deploy", "new", "two_peaks", "sparse")),
    (955, ("ramp", "people", "sundays", "nightly", "falling", "shifts")),
)
"""Seeds, and the rhythms that their fleets are made of."""

REAL_HELD_OUT: tuple[tuple[Way, int], ...] = (
    ("thinned", 956),
    ("thinned", 957),
    ("slowed", 958),
    ("slowed", 959),
)
ERRORS_HELD_OUT, CREEP_HELD_OUT = (920, 921), (930, 931)
"""Seeds of real arrivals, of failures, of creep."""
