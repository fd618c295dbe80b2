"""The detectors' quality does not fall: small fleets of the benchmark, held to stated floors."""

from dataclasses import replace

from benchmarks.detection.shapes import MIXED
from benchmarks.detection.sizes import CHAT, CODE
from benchmarks.detection.suite import loop_scores

SMALL = replace(MIXED, agents=8, loops=2)


def test_loops_are_found_soon_and_work_is_left_alone() -> None:
    [score] = loop_scores(SMALL, 7, 0.25, (CODE, CHAT), only_default=True)

    assert score.loops == 16
    assert score.recall >= 0.95, score.missed
    assert score.in_60_s >= 0.9
    assert score.false_alerts == 0
    assert score.precision == 1
