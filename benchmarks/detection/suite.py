"""All detectors over all fleets, those tuned on and those held out, as one list of figures."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.detection.held_out import (
    CREEP_HELD_OUT,
    ERRORS_HELD_OUT,
    HELD_OUT,
    REAL_HELD_OUT,
    SPEND_HELD_OUT,
)
from benchmarks.detection.label_trial import creep_scores, error_scores
from benchmarks.detection.loop_baselines import calls_per_minute, identical_in_a_row
from benchmarks.detection.loop_trial import rule_trial, stream_trial
from benchmarks.detection.loop_world import loop_world
from benchmarks.detection.real_world import real_world
from benchmarks.detection.scores import LoopScore, loop_score
from benchmarks.detection.shapes import SPEND_TUNED_ON, TUNED_ON, Shape
from benchmarks.detection.sizes import Sizes
from benchmarks.detection.spend_trial import (
    SpendScore,
    ewma,
    fixed,
    rule_alerts,
    simple_alerts,
    spend_score,
    z_score,
)
from benchmarks.detection.spend_world import SpendWorld, spend_world
from manager_agent.rules.catalog.cost_spike import CostSpike
from manager_agent.rules.catalog.cost_spike_threshold import CostSpikeThreshold
from manager_agent.rules.catalog.infinite_loop import InfiniteLoop
from manager_agent.rules.catalog.infinite_loop_threshold import InfiniteLoopThreshold

AGENTS = 24
DEFAULTS = ("infinite_loop", "cost_spike")
"""The detectors that targets are set for; the users' own thresholds are noisy by nature."""

Figures = dict[str, Any]


def loops(days: float, sizes: tuple[Sizes, Sizes]) -> Iterator[Figures]:
    """Yield the figures of each loop detector on each fleet."""
    for group, fleets in (("tuned on", TUNED_ON), ("held out", HELD_OUT)):
        for shape, seed in fleets:
            for score in loop_scores(shape, seed, days, sizes):
                told = asdict(score) | {"false_a_week": score.false_a_week}
                yield {"what": "loops", "group": group, **told}


def loop_scores(
    shape: Shape, seed: int, days: float, sizes: tuple[Sizes, Sizes], only_default: bool = False
) -> Iterator[LoopScore]:
    """Yield the figures of one fleet, those of the rule first."""
    world = loop_world(shape, seed, days, sizes)
    of = (shape.name, seed, world)
    yield loop_score("infinite_loop", *of, rule_trial(InfiniteLoop(), world))
    if only_default:
        return
    threshold = rule_trial(InfiniteLoopThreshold(), world, threshold=10)
    yield loop_score("infinite_loop_threshold", *of, threshold)
    for simple in (calls_per_minute, identical_in_a_row):
        yield loop_score(simple.__name__, *of, stream_trial(simple, world))


def spikes(days: int) -> Iterator[Figures]:
    """Yield the figures of each spike detector on each fleet."""
    for group, fleets in (("tuned on", SPEND_TUNED_ON), ("held out", SPEND_HELD_OUT)):
        for seed, rhythms in fleets:
            for score in spike_scores(seed, days, rhythms):
                told = {"fleet": "+".join(dict.fromkeys(rhythms)), **asdict(score)}
                yield {"what": "spikes", "group": group, **told}


def spike_scores(
    seed: int, days: int, rhythms: tuple[str, ...], only_default: bool = False
) -> Iterator[SpendScore]:
    """Yield the figures of one fleet, those of the rule first."""
    yield from _spike_scores(seed, spend_world(seed, AGENTS, days, rhythms), only_default)


def _spike_scores(seed: int, world: SpendWorld, only_default: bool) -> Iterator[SpendScore]:
    yield spend_score("cost_spike", seed, world, rule_alerts(CostSpike(), world))
    if only_default:
        return
    threshold = rule_alerts(CostSpikeThreshold(), world, percent=20.0)
    yield spend_score("cost_spike_threshold", seed, world, threshold)
    for judge in (fixed, z_score, ewma):
        yield spend_score(judge.__name__, seed, world, simple_alerts(judge, world))


def real_spikes(trace: Path, days: int) -> Iterator[Figures]:
    """Yield the figures of each spike detector on real arrivals (`--trace`)."""
    for way, seed in REAL_HELD_OUT:
        world = real_world(trace, way, seed, AGENTS, days)
        for score in _spike_scores(seed, world, only_default=False):
            told = {"fleet": f"Azure trace, {way}", **asdict(score)}
            yield {"what": f"spikes in real arrivals, {way}", "group": "held out", **told}


def failures() -> Iterator[Figures]:
    """Yield the figures of each detector of failing calls."""
    for group, seeds in (("tuned on", (1,)), ("held out", ERRORS_HELD_OUT)):
        for seed in seeds:
            for score in error_scores(seed, 28, 3):
                yield {"what": "failures", "group": group, "fleet": "calls", **asdict(score)}


def creeping() -> Iterator[Figures]:
    """Yield the figures of each detector of creeping costs."""
    for group, seeds in (("tuned on", (1,)), ("held out", CREEP_HELD_OUT)):
        for seed in seeds:
            for score in creep_scores(seed, 32, 21):
                yield {"what": "creep", "group": group, "fleet": "weeks", **asdict(score)}
