"""All detectors over all fleets, those tuned on and those held out, as one list of figures."""

from collections.abc import Iterator, Sequence
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
from benchmarks.detection.spend_world import SpendWorld, of_young, spend_world
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
    """Yield the figures of each spike detector on each fleet, young agents' apart."""
    for group, fleets in (("tuned on", SPEND_TUNED_ON), ("held out", SPEND_HELD_OUT)):
        worlds = [spend_world(seed, AGENTS, days, rhythms) for seed, rhythms in fleets]
        for place, score in _spike_scores([seed for seed, _ in fleets], worlds):
            told = {"fleet": "+".join(dict.fromkeys(fleets[place][1])), **asdict(score)}
            yield {"what": "spikes", "group": group, **told}
        young = [of_young(world) for world in worlds]
        for _, score in _spike_scores([seed for seed, _ in fleets], young):
            told = {"fleet": "less than three days old", **asdict(score)}
            yield {"what": "spikes of young agents", "group": group, **told}


def _spike_scores(
    seeds: Sequence[int], worlds: Sequence[SpendWorld]
) -> Iterator[tuple[int, SpendScore]]:
    """Yield the figures of each world (its place), those of the rule first.

    Worlds without a spike have none.
    """
    judged = {
        "cost_spike": rule_alerts(CostSpike(), worlds),
        "cost_spike_threshold": rule_alerts(CostSpikeThreshold(), worlds, percent=20.0),
    }
    for judge in (fixed, z_score, ewma):
        judged[judge.__name__] = [simple_alerts(judge, world) for world in worlds]
    for place, (seed, world) in enumerate(zip(seeds, worlds, strict=True)):
        for name, told in judged.items():
            if world.spikes:
                yield place, spend_score(name, seed, world, told[place])


def real_spikes(trace: Path, days: int) -> Iterator[Figures]:
    """Yield the figures of each spike detector on real arrivals (`--trace`)."""
    worlds = [real_world(trace, way, seed, AGENTS, days) for way, seed in REAL_HELD_OUT]
    for place, score in _spike_scores([seed for _, seed in REAL_HELD_OUT], worlds):
        way = REAL_HELD_OUT[place][0]
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
