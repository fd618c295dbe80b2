"""Rules find the same whether frames remember earlier looks or not, whatever happens in between."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manager_agent.analytics.frames import Frames, Thresholds
from manager_agent.analytics.kept_frames import KeptFrames
from manager_agent.analytics.load import load
from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.receiver.call import Call
from manager_agent.receiver.testing import NOW_NS
from manager_agent.rules.catalog.infinite_loop import InfiniteLoop
from manager_agent.rules.look import look
from manager_agent.rules.loop_runs import runs, whole
from manager_agent.rules.loop_steps import steps
from manager_agent.rules.loop_suspects import suspects
from manager_agent.rules.registry import rules_from
from manager_agent.rules.rule import Rule
from manager_agent.rules.testing import NOW, frames
from tests.analytics.test_frame_source import DEEDS, World
from tests.harness.facts import added

EAGER: dict[str, Any] = {
    "burn_rate": {"min_calls": 1, "factor": 0.2},
    "budget_forecast": {"certainty_percent": 51, "min_passed_percent": 0},
    "creep": {"min_calls": 1, "min_usd_per_day": 0, "growth_percent": 1},
    "error_burst": {"min_calls": 1, "min_errors": 1, "usual_percent": 0},
    "failure_pattern": {"min_errors": 2},
    "silent_agent": {"min_calls": 1, "hours": 1},
    "slow_model": {"min_calls": 1, "min_past_calls": 1, "times": 1.1, "more_ms": 0},
    "success_rate": {"min_calls": 1, "percent": 99},
    "unbudgeted_agent": {"min_usd_per_day": 0.5},
    "cost_spike": {"min_usd": 0},
}
"""Settings with which a few calls are something wrong."""

POLICIES = (
    BudgetPolicy(),
    BudgetPolicy(default=Limits(daily_limit_usd=Decimal(4), monthly_limit_usd=Decimal(9))),
    BudgetPolicy(
        agents={"a": Limits(hourly_limit_usd=Decimal(1))}, fleet=Limits(daily_limit_usd=Decimal(3))
    ),
)
CLOCKS_CHANGE = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
"""Half an hour before New York's clocks are put back."""


class Fleet(World):
    """A world in which calls fail, repeat themselves and cost much; people change settings."""

    def __init__(self, folder: Path, chance: random.Random, zone: str) -> None:
        super().__init__(folder, chance, zone)
        self.zone = ZoneInfo(zone)
        self.rules: list[Rule] = rules_from(EAGER)
        self.thresholds = Thresholds(infinite_loop_calls_per_minute=2)

    def burst(self) -> None:
        """One agent repeats itself, or fails, for two minutes."""
        agent, failed = self._agent(), self.chance.random() < 0.5
        starts = [NOW_NS + self.passed_ns - (20 * n) * 10**9 for n in range(6)]
        calls = [
            self._call(start)._replace(
                agent=agent,
                start_ns=start,
                prompt_digest="d" * 32,
                trace_id="e" * 32,
                error=failed,
                error_type="timeout" if failed else None,
            )
            for start in starts
        ]
        self._count_revision()
        self.facts.append(added(calls, revision=self.revision))
        self.calls |= {each.call_id: (each, self.revision, False) for each in calls}

    def seconds(self) -> None:
        """A moment passes, and nothing else happens."""
        self.now += timedelta(seconds=self.chance.choice((1, 29, 61, -1)))

    def reconfigure(self) -> None:
        """People change settings."""
        self.policy = replace(self.chance.choice(POLICIES), zone=self.zone)
        self.rules = rules_from(self.chance.choice([{}, EAGER, {"creep": {"min_calls": 7}}]))
        self.thresholds = Thresholds(
            cost_spike_percentage=self.chance.choice((None, 10)),
            infinite_loop_calls_per_minute=self.chance.choice((None, 2)),
        )

    def put_back(self) -> None:
        """It is the night in which clocks change."""
        self.now = CLOCKS_CHANGE + timedelta(minutes=self.chance.choice((0, 29, 31, 89, 91)))

    def found(self) -> tuple[Any, Any]:
        """Return what is found in frames that remember, and in those that do not."""
        now, given = self.now, (self.policy, self.ledger(), self.thresholds)
        nothing = KeptFrames()
        nothing.hourly = self.source.kept.hourly  # that changes by the hour, whatever comes late
        with self.facts.cursor() as con:
            kept = self.source.frames(con, now, *given)
            anew = load(con, now, *given, nothing)
        return look(self.rules, kept, self.now), look(self.rules, anew, self.now)

    def _call(self, start_ns: int) -> Call:
        made = super()._call(start_ns)
        model = self.chance.choice(("gpt-4o", "gpt-4-0613", "m2"))
        digest = self.chance.choice((None, "1" * 32, f"{self.chance.getrandbits(99):032x}"))
        failed = self.chance.random() < 0.2
        return made._replace(
            response_model=model,
            prompt_digest=digest,
            error=failed,
            error_type="timeout" if failed else None,
            trace_id=f"{self.chance.getrandbits(3):032x}",
        )


ANYTHING = given(
    deeds=st.lists(
        st.lists(
            st.sampled_from([*DEEDS, "burst", "burst", "seconds", "seconds", "reconfigure"]),
            min_size=1,
            max_size=3,
        ),
        min_size=2,
        max_size=6,
    ),
    seed=st.integers(0, 2**32),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/New_York"]),
    night=st.booleans(),
)


def check(deeds: list[list[str]], seed: int, zone: str, *, night: bool) -> int:
    """Look after each few deeds; return how much was found."""
    found = 0
    with TemporaryDirectory() as folder:
        world = Fleet(Path(folder), random.Random(seed), zone)
        try:
            if night:
                world.put_back()
            for several in deeds:
                for deed in several:
                    getattr(world, deed)()
                kept, anew = world.found()
                assert kept.failed == anew.failed == {}
                assert kept.findings == anew.findings
                found += len(kept.findings)
        finally:
            world.facts.close()
    return found


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@ANYTHING
def test_rules_find_the_same_with_what_is_remembered(
    deeds: list[list[str]], seed: int, zone: str, night: bool
) -> None:
    check(deeds, seed, zone, night=night)


def test_that_world_has_much_that_is_wrong() -> None:
    deeds = [["arrive", "burst"], ["seconds"], ["burst", "seconds"], ["reconfigure"], ["step"]]

    assert check(deeds, 5, "America/New_York", night=True) > 20


def _steps(draw: random.Random, number: int) -> Iterator[dict[str, Any]]:
    for at in range(number):
        yield {
            "ts": NOW - timedelta(seconds=10 * (number - at)),
            "agent": draw.choice(["a", "b", None]),
            "trace_id": draw.choice(["t1", "t2", None, None, None]),
            "conversation_id": draw.choice(["k", None, None]),
            "prompt_digest": draw.choice(["p1", "p2", f"p{at}", f"p{at}", f"p{at}", None]),
            "model": "m",
            "status": draw.choice(["ok", "ok", "ok", "error"]),
            "input_tokens": draw.choice([100, 100 + at]),
            "output_tokens": draw.choice([5, 10]),
        }


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 30), ago=st.integers(0, 300))
def test_whoever_repeats_himself_is_a_suspect(seed: int, number: int, ago: int) -> None:
    seen = steps(frames(calls=list(_steps(random.Random(seed), number))))
    since = NOW - timedelta(seconds=ago)
    order = ["run", "kind", "ts", "agent", "name", "sig"]

    of_suspects, of_all = (
        whole(runs(some, since), some).drop("at").sort(order)
        for some in (suspects(seen, since), seen)
    )

    assert of_suspects.equals(of_all)


def test_of_a_fleet_without_repeats_nobody_is_a_suspect() -> None:
    calls = [
        {"ts": NOW, "agent": f"a{n}", "trace_id": f"t{n}", "prompt_digest": f"p{n}"}
        for n in range(50)
    ]
    seen: Frames = frames(calls=calls)

    assert suspects(steps(seen), NOW - timedelta(minutes=5)).is_empty()
    assert list(InfiniteLoop().find(seen, NOW)) == []
    assert isinstance(seen.calls, pl.DataFrame)
