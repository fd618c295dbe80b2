"""Whatever is found whenever: nothing is said twice, no alert is lost, each is resolved once."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from manager_agent.rules.alert import AlertRow
from manager_agent.rules.finding import Finding
from manager_agent.rules.memory import Memory
from manager_agent.rules.message import Severity
from manager_agent.rules.step import step

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


def minutes(low: int, high: int) -> st.SearchStrategy[timedelta]:
    return st.integers(low, high).map(lambda count: timedelta(minutes=count))


findings = st.builds(
    Finding,
    rule=st.sampled_from(["budget", "loop"]),
    subject=st.sampled_from(["a", "b", "ü|1"]),
    agent=st.sampled_from([None, "a1"]),
    severity=st.sampled_from(SEVERITIES),
    title=st.just("title"),
    headline=st.text(max_size=3),
    evidence=st.dictionaries(
        st.sampled_from(["x", "y_usd"]),
        st.none() | st.booleans() | st.integers() | st.floats(-1, 1) | st.text(max_size=3),
    ),
    level=st.integers(0, 3),
    hold=minutes(0, 2),
    until=st.none() | minutes(0, 30).map(lambda span: START + span),
    tell_resolved=st.booleans(),
)


class Ticks(RuleBasedStateMachine):
    """Drives `step` through time, which mostly runs forward, and checks each outcome."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        self.now = START
        self.keys: Counter[str] = Counter()
        self.highest: dict[str, int] = {}
        self.latest: dict[str, AlertRow] = {}

    @rule(
        found=st.lists(findings, max_size=4),
        passed=minutes(-1, 5),
        failed=st.sets(st.sampled_from(["budget", "loop"]), max_size=1),
    )
    def tick(self, found: list[Finding], passed: timedelta, failed: set[str]) -> None:
        self.now += passed
        before = self.memory
        found = [one for one in found if one.rule not in failed]
        done = step(before, found, self.now, failed)

        assert done == step(Memory.from_json(before.to_json()), found, self.now, failed)
        assert done.memory.revision >= before.revision
        self.memory = done.memory
        for row in done.alerts:
            self.record(row, before.revision)
        for message in done.messages:
            self.keys[message.key] += 1
            assert message.alert_id in self.latest
            assert message.state == self.latest[message.alert_id].state
        self.nothing_lost(before, found, failed)

    def record(self, row: AlertRow, revision: int) -> None:
        """A resolved alert was firing; what is recorded is newer than all before."""
        before = self.latest.get(row.alert_id)
        assert row.revision > revision
        assert (row.resolved_ts is None) == (row.state == "firing")
        if before is None:
            assert row.state == "firing"
        else:
            assert row.revision > before.revision
            assert (row.rule, row.ts) == (before.rule, before.ts)
            assert not before.state == row.state == "resolved"
        self.latest[row.alert_id] = row

    def nothing_lost(self, before: Memory, found: list[Finding], failed: set[str]) -> None:
        """What is found without a hold fires now; what was not found fires no more."""
        firing = {one.finding.key for one in self.memory.alerts if one.state == "firing"}
        held = {one.finding.key for one in self.memory.alerts if one.state == "pending"}
        keys = {one.key for one in found}
        spared = {one.finding.key for one in before.alerts if one.finding.rule in failed}

        assert keys <= firing | held
        assert firing <= keys | spared
        assert all(any(one.hold for one in found if one.key == key) for key in held - spared)

    @invariant()
    def no_key_is_used_twice(self) -> None:
        assert all(count == 1 for count in self.keys.values())

    @invariant()
    def the_memory_survives_its_json(self) -> None:
        assert Memory.from_json(self.memory.to_json()) == self.memory

    @invariant()
    def the_record_agrees_with_the_memory(self) -> None:
        """Every alert that fires is recorded as firing, and no other."""
        firing = {one.alert_id for one in self.memory.alerts if one.state == "firing"}

        assert firing == {key for key, row in self.latest.items() if row.state == "firing"}

    @invariant()
    def every_firing_alert_was_told_at_its_height(self) -> None:
        for alert in self.memory.alerts:
            if alert.state != "pending":
                assert self.keys[f"{alert.alert_id}:firing:{alert.told}"] == 1
                assert alert.told is not None
                assert alert.told >= alert.finding.level

    def teardown(self) -> None:
        """In the end, with nothing found, every alert that fired is over, once and for all."""
        over = step(self.memory, [], self.now)
        for row in over.alerts:
            self.record(row, self.memory.revision)
        assert {row.state for row in self.latest.values()} <= {"resolved"}
        later = step(over.memory, [], START + timedelta(days=1))
        assert (later.alerts, later.messages) == ((), ())
        assert later.memory == replace(over.memory, alerts=())


TestTicks = Ticks.TestCase
TestTicks.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
