"""Frames that are kept between looks equal those that are read anew, whatever writers do."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import astuple, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from zoneinfo import ZoneInfo

import polars as pl
import polars.testing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manager_agent.analytics import baseline, usage_frames
from manager_agent.analytics.cells import hour_of
from manager_agent.analytics.frame_source import FrameSource
from manager_agent.analytics.frames import Frames, LedgerRow
from manager_agent.analytics.hourly import Hourly
from manager_agent.analytics.load import budget_rows, load
from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.contract.window import PERIODS, window
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import CallVersion, Changes, Retraction, ToolVersion
from manager_agent.receiver.testing import NOW_NS
from tests.harness.facts import added, call, opened, tool_call

T = TypeVar("T")

NOW = datetime.fromtimestamp(NOW_NS / 1e9, UTC)
SECOND, MINUTE, HOUR = 10**9, 60 * 10**9, 3600 * 10**9
HOURLY = ("baselines", "references", "creep")
"""What comes late to hours that are over changes these at the next ten minutes' mark only."""

EVERY = Limits(
    hourly_limit_usd=Decimal(1),
    daily_limit_usd=Decimal(10),
    monthly_limit_usd=Decimal(100),
    monthly_token_limit=10_000,
)


class World:
    """A store with calls of all ages, its manager's frames, and a writer of all that may happen.

    `chance` decides everything.
    """

    def __init__(self, folder: Path, chance: random.Random, zone: str = "UTC") -> None:
        self.facts = opened(folder)
        self.chance = chance
        self.policy = BudgetPolicy(default=EVERY, zone=ZoneInfo(zone))
        self.source = FrameSource(told=True)
        self.facts.touched = self.source.note
        self.now = NOW
        self.calls: dict[str, tuple[Call, int, bool]] = {}
        self.revision = NOW_NS // 1000

    def arrive(self) -> None:
        """Calls and tool calls come in; some are late, some from a clock that is ahead."""
        ages = (
            0,
            SECOND,
            MINUTE,
            59 * MINUTE,
            HOUR,
            2 * HOUR,
            25 * HOUR,
            48 * HOUR,
            20 * 24 * HOUR,
        )
        calls = [self._call(NOW_NS + self.passed_ns - age) for age in self._some(ages)]
        tools = [
            tool_call(f"{self.chance.getrandbits(64):016x}", start_ns=each.start_ns)
            for each in calls
            if self.chance.random() < 0.5
        ]
        self._count_revision()
        self.facts.append(added(calls, tools, revision=self.revision))
        self.calls |= {each.call_id: (each, self.revision, False) for each in calls}

    def correct(self) -> None:
        """A call turns out to be another: another price, another time, or none at all."""
        for call_id in self._some(list(self.calls)):
            old, revision, sealed = self.calls.pop(call_id)
            moved = old.start_ns - self.chance.choice((0, 0, MINUTE, HOUR))
            new = old._replace(start_ns=moved, cost_nano=self._cost(), agent=self._agent())
            taken_back = self.chance.random() < 0.3
            self._count_revision()
            changes = Changes(NOW_NS)
            changes.count(old, -1)
            if sealed:
                changes.retracted_calls.append(Retraction(call_id, revision, old.start_ns))
            if not taken_back:
                changes.count(new, +1)
                self.calls[call_id] = (new, self.revision, False)
            if not (taken_back and sealed):
                version = old if taken_back else new
                changes.calls.append(CallVersion(version, self.revision, taken_back))
            self.facts.append(changes)

    def rename(self) -> None:
        """A tool call is understood better than before."""
        changes = Changes(NOW_NS)
        self._count_revision()
        start = NOW_NS + self.passed_ns - self.chance.choice((0, MINUTE, HOUR))
        tool = tool_call("e" * 16, start_ns=NOW_NS - MINUTE, agent=self._agent())
        changes.tools.append(ToolVersion(tool, self.revision))
        changes.tools.append(ToolVersion(tool_call(f"{start:016x}", start_ns=start), self.revision))
        self.facts.append(changes)

    def seal(self) -> None:
        """The window of some calls closes."""
        names = [n for n in self._some(list(self.calls)) if not self.calls[n][2]]
        self.facts.append(Changes(NOW_NS, sealed_calls=names))
        for name in names:
            old, revision, _ = self.calls[name]
            self.calls[name] = (old, revision, True)

    def compact(self) -> None:
        """The store sums up its deltas."""
        self.facts.compact_usage(datetime(2020, 1, 1))

    def step(self) -> None:
        """The clock goes on, or is put back."""
        steps = (1, 30, 600, 3600, 90_000, -1, -40, -4000, -100_000)
        self.now += timedelta(seconds=self.chance.choice(steps))

    def reopen(self) -> None:
        """The manager starts anew."""
        self.facts.close()
        self.facts = opened(self.facts.path.parent)
        self.source = FrameSource(told=True)
        self.facts.touched = self.source.note

    @property
    def passed_ns(self) -> int:
        return (self.now - NOW) // timedelta(microseconds=1) * 1000

    def ledger(self) -> list[LedgerRow]:
        """Return some limits, as if guards had spent from them."""
        found = [window(period, self.now, self.policy.zone) for period in PERIODS]
        return [
            LedgerRow("agent", name, each.period, "usd", agents, 5, each.start, each.end)
            for each in found
            for name, agents in (("a", frozenset("a")), ("fleet", None))
        ]

    def both(self) -> tuple[Frames, Frames]:
        """Return the frames that are kept, and those that are read anew."""
        with self.facts.cursor() as con:
            kept = self.source.frames(con, self.now, self.policy, self.ledger())
            summed = [astuple(row) for row in budget_rows(con, self.now, self.policy)]
            assert kept.budgets.rows() == summed, "what windows hold, summed at once"
            return kept, load(con, self.now, self.policy, self.ledger())

    def _call(self, start_ns: int) -> Call:
        name = f"{self.chance.getrandbits(60):x}"
        ahead = self.chance.choice((0, 0, 0, 90 * SECOND, 3 * HOUR))
        cost = self._cost()
        leased = self.chance.random() < 0.5
        return call(
            name,
            start_ns=start_ns + ahead,
            agent=self._agent(),
            provider="openai",
            response_model=self.chance.choice(("m1", "m2")),
            input_tokens=self.chance.choice((None, 10, 2000)),
            output_tokens=5,
            cost_nano=cost,
            cost_source="local" if cost is not None else "unpriced",
            holder="h1" if leased else None,
            usd_lease=1 if leased else None,
            settled_nano=7 if leased else None,
            duration_ms=float(self.chance.choice((1, 1500))),
        )

    def _cost(self) -> int | None:
        return self.chance.choice((None, 1, 10**9 + 1, 123_456_789))

    def _agent(self) -> str:
        return self.chance.choice("abc")

    def _count_revision(self) -> None:
        self.revision += 1

    def _some(self, of: Sequence[T]) -> list[T]:
        return self.chance.sample(list(of), min(len(of), self.chance.randint(1, 4)))


DEEDS = ["arrive", "arrive", "correct", "rename", "seal", "compact", "step", "step", "reopen"]


ANYTHING = given(
    deeds=st.lists(
        st.lists(st.sampled_from(DEEDS), min_size=1, max_size=4), min_size=2, max_size=8
    ),
    seed=st.integers(0, 2**32),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/New_York"]),
    most=st.sampled_from([3, usage_frames.MOST_CALLS]),
)


def check(deeds: list[list[str]], seed: int, zone: str, most: int) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(usage_frames, "MOST_CALLS", most)
        world = World(Path(folder), random.Random(seed), zone)
        try:
            for several in deeds:
                for deed in several:
                    getattr(world, deed)()
                assert_equal(*world.both())
        finally:
            world.facts.close()


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@ANYTHING
def test_what_is_kept_equals_what_is_read_anew(
    deeds: list[list[str]], seed: int, zone: str, most: int
) -> None:
    check(deeds, seed, zone, most)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@ANYTHING
def test_what_is_kept_equals_what_is_read_anew_often(
    deeds: list[list[str]], seed: int, zone: str, most: int
) -> None:
    check(deeds, seed, zone, most)


def assert_equal(one: Frames, other: Frames) -> None:
    for field in fields(Frames):
        if field.name in (*HOURLY, "remembered"):
            continue
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, pl.DataFrame):
            polars.testing.assert_frame_equal(mine, theirs, rel_tol=1e-9)
        else:
            assert mine == theirs, field.name


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, random.Random(7))
    yield made
    made.facts.close()


def asked(world: World) -> int:
    return sum(each.asked for each in world.source.kept.kept)


def test_with_nothing_new_the_database_is_not_asked(world: World) -> None:
    world.arrive()
    first, _ = world.both()
    before = asked(world)
    world.now += timedelta(seconds=1)

    second, _ = world.both()

    assert asked(world) == before
    assert second.hours is first.hours
    assert second.budgets is first.budgets


def test_what_changes_an_old_hour_is_read_and_no_other_hour(world: World) -> None:
    world.arrive()
    world.both()
    before = asked(world)
    world.facts.append(added([call("late", start_ns=NOW_NS - 30 * HOUR)], revision=world.revision))

    kept, anew = world.both()

    assert_equal(kept, anew)
    # The hour itself, and the stretches of budgets that hold it; no minute is so old.
    assert asked(world) - before <= 4


def test_a_source_that_nobody_tells_reads_all_anew(world: World) -> None:
    world.source = FrameSource()
    world.both()
    world.facts.touched = lambda minutes: None
    world.arrive()

    assert_equal(*world.both())


def test_after_an_error_all_is_read_anew(world: World) -> None:
    world.arrive()
    world.both()
    world.arrive()
    closed = world.facts.cursor()
    closed.close()
    with pytest.raises(Exception, match="closed"):
        world.source.frames(closed, world.now, world.policy)

    assert_equal(*world.both())


def test_of_too_many_calls_the_newest_are_seen_and_older_minutes_not_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_frames, "MOST_CALLS", 10)
    for minute in range(20):
        many = [call(f"{minute}-{n}", start_ns=NOW_NS - minute * MINUTE) for n in range(4)]
        world.facts.append(added(many, revision=world.revision + minute))
    kept, anew = world.both()
    assert_equal(kept, anew)
    assert [each.split("-")[0] for each in kept.calls["call_id"]] == ["2"] * 2 + ["1"] * 4 + [
        "0"
    ] * 4

    gone, *_ = [call(f"1-{n}", start_ns=NOW_NS - MINUTE) for n in range(1)]
    changes = Changes(NOW_NS)
    changes.count(gone, -1)
    changes.calls.append(CallVersion(gone, world.revision + 99, True))
    world.facts.append(changes)
    kept, anew = world.both()
    assert_equal(kept, anew)
    assert kept.calls.height == 10


def test_weeks_of_hours_are_computed_once_an_hour(world: World) -> None:
    world.arrive()
    seen: list[int] = []

    def looked(minute: float) -> None:
        world.now = NOW + timedelta(minutes=minute)
        with world.facts.cursor() as con:
            hourly = world.source.kept.hourly
            world.both()
            hourly.begin(world.now)

            def counted() -> pl.DataFrame:
                hours = hourly.lines(con, world.now).hours
                seen.append(hours.height)
                return hours

            hourly.get("h", counted)

    for minute in (0, 1, 30, 59):
        looked(minute)
    assert len(seen) == 1
    looked(60)
    assert len(seen) == 2, "an hour began"
    late = call("late", start_ns=NOW_NS - 72 * HOUR, agent="z")
    world.facts.append(added([late], revision=world.revision))
    looked(61)
    assert len(seen) == 2, "soon, but not at every look"
    looked(70)
    assert len(seen) == 3
    assert seen[2] == seen[1] + 2, "of its model, and of the agent"
    looked(80)
    assert len(seen) == 3


def test_normal_hours_are_the_same_of_few_series_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agents = ["b", "a", "d", "c", None]
    history = pl.DataFrame(
        [
            {
                "ts": NOW.replace(minute=0) - timedelta(hours=hour),
                "agent": agent,
                "provider": "p",
                "model": "m1" if hour % 3 else "m2",
                "cost": 10**8 * (1 + (hour * 7 + number) % 11),
            }
            for hour in range(1, 200, 2)
            for number, agent in enumerate(agents)
        ],
        schema_overrides={"ts": pl.Datetime("us", "UTC")},
    )

    def normal(together: int) -> pl.DataFrame:
        monkeypatch.setattr(baseline, "_TOGETHER", together)
        return baseline.baselines(history, NOW, ZoneInfo("UTC"))

    polars.testing.assert_frame_equal(normal(3), normal(100))
    assert normal(1)["agent"].unique().sort().to_list() == ["a", "b", "c", "d"]


def test_hours_of_weeks_end_before_the_present_hour(world: World) -> None:
    for age in (0, 1, 6 * 7 * 24, 6 * 7 * 24 + 1):
        one = call(str(age), start_ns=NOW_NS - age * HOUR)
        world.facts.append(added([one], revision=world.revision + age))

    with world.facts.cursor() as con:
        found = Hourly().lines(con, NOW).hours["hour"].unique()

    assert sorted(found) == [hour_of(NOW) - 6 * 7 * 24, hour_of(NOW) - 1]
