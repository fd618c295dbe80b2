"""Whatever is found, explained and silenced whenever: nothing is said twice, nothing that people
are not to hear, nothing they should hear is kept from them for good, and no alert is lost."""

import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from manager_agent.rules.alert import Alert, AlertRow
from manager_agent.rules.finding import Finding, Mutes
from manager_agent.rules.lifecycle import may_return
from manager_agent.rules.memory import Memory
from manager_agent.rules.message import Message, Severity
from manager_agent.rules.reminder import STILL_OPEN
from manager_agent.rules.silence import Silence, matcher
from manager_agent.rules.step import Step, step
from manager_agent.store.control import ControlStore

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
RULES = ("breaker", "budget", "loop")
AGENTS = (None, "a1", "a2")


def minutes(low: int, high: int) -> st.SearchStrategy[timedelta]:
    return st.integers(low, high).map(lambda count: timedelta(minutes=count))


mutes = st.builds(
    Mutes,
    rule=st.sampled_from(RULES),
    why=st.just("why"),
    agents=st.none() | st.sampled_from([("a1",), ("a1", "a2")]),
    upto=st.sampled_from(SEVERITIES),
    facts=st.sampled_from([{}, {"x": 1}]),
    linger=minutes(0, 3),
)
findings = st.builds(
    Finding,
    rule=st.sampled_from(RULES),
    subject=st.sampled_from(["a", "ü|1"]),
    agent=st.sampled_from(AGENTS),
    severity=st.sampled_from(SEVERITIES),
    title=st.just("title"),
    headline=st.text(max_size=3),
    evidence=st.dictionaries(
        st.sampled_from(["x", "y_usd"]),
        st.none() | st.booleans() | st.integers(0, 2) | st.floats(-1, 1) | st.text(max_size=3),
    ),
    level=st.integers(0, 3),
    hold=minutes(0, 2),
    until=st.none() | minutes(0, 30).map(lambda span: START + span),
    tell_resolved=st.booleans(),
    keep=minutes(0, 3),
    mutes=st.lists(mutes, max_size=2).map(tuple),
)
texts = st.sampled_from(
    ["rule=budget", "rule!=loop", "agent=a*", "agent=", "agent=~a1|a2", "severity!~crit.*"]
)


class Ticks(RuleBasedStateMachine):
    """Drives `step` through time, which mostly runs forward, and checks each outcome."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        self.now = START
        self.silences: list[Silence] = []
        self.keys: Counter[str] = Counter()
        self.latest: dict[str, AlertRow] = {}
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "control.sqlite"
        self.last: list[Finding] = []

    @initialize(every=st.none() | minutes(1, 10))
    def remind(self, every: timedelta | None) -> None:
        self.every = every

    @rule(which=st.lists(texts, min_size=1, max_size=2), starts=minutes(-2, 2), lasts=minutes(1, 9))
    def silence(self, which: list[str], starts: timedelta, lasts: timedelta) -> None:
        begin = self.now + starts
        matchers = tuple(matcher(text) for text in which)
        made = Silence(
            f"s{len(self.silences)}", matchers, begin, begin + lasts, "ann", "", self.now
        )
        self.silences.append(made)

    @rule()
    def unsilence(self) -> None:
        self.silences = [replace(one, ends=min(one.ends, self.now)) for one in self.silences]

    @rule()
    def restart(self) -> None:
        """The memory goes through the store's file, and the outbox keeps a key once."""
        with ControlStore(self.path) as store:
            store.commit(Step(self.memory))
        with ControlStore(self.path) as store:
            assert store.memory() == self.memory

    @rule(jump=st.sampled_from([timedelta(days=-2), timedelta(hours=-1), timedelta(days=1)]))
    def the_clock_jumps(self, jump: timedelta) -> None:
        self.now += jump

    @rule(passed=minutes(0, 5))
    def all_goes_away(self, passed: timedelta) -> None:
        """For a moment: what was found may be back at the next look."""
        back = self.last
        self.look([], passed, set(), set())
        self.last = back

    @rule(passed=minutes(0, 3))
    def nothing_changes(self, passed: timedelta) -> None:
        self.look(self.last, passed, set(), set())

    @rule(
        found=st.lists(findings, max_size=5),
        passed=minutes(-1, 5),
        failed=st.sets(st.sampled_from(RULES), max_size=1),
        gone=st.sets(st.sampled_from(RULES), max_size=1),
    )
    def tick(
        self, found: list[Finding], passed: timedelta, failed: set[str], gone: set[str]
    ) -> None:
        unasked = failed | gone
        self.look([one for one in found if one.rule not in unasked], passed, failed, gone - failed)

    def look(
        self, found: list[Finding], passed: timedelta, failed: set[str], gone: set[str]
    ) -> None:
        self.now += passed
        self.last = found
        before = self.memory
        done = self.stepped(before, found, failed, gone)

        assert done == self.stepped(Memory.from_json(before.to_json()), found, failed, gone)
        assert done.memory.revision >= before.revision
        self.memory = done.memory
        for row in done.alerts:
            self.record(row, before.revision)
        for message in done.messages:
            self.hear(message, done)
        self.nothing_lost(before, found, failed, gone)
        self.nobody_waits_for_good(found, failed, gone)

    def stepped(
        self, memory: Memory, found: list[Finding], failed: set[str], gone: set[str]
    ) -> Step:
        return step(
            *(memory, found, self.now, failed),
            silences=self.silences,
            gone=gone,
            remind=self.every,
        )

    def record(self, row: AlertRow, revision: int) -> None:
        """A resolved alert was firing; what is recorded is newer than all before, and says why."""
        before = self.latest.get(row.alert_id)
        assert row.revision > revision
        assert row.changed_ts == self.now
        assert row.reason is not None
        assert (row.resolved_ts is None) == (row.state in ("pending", "firing", "dropped"))
        if before is None:
            assert row.reason in ("pending", "fired")
        else:
            assert row.revision > before.revision
            assert row.rule == before.rule
            assert row.ts == before.ts or row.reason == "fired" or before.state == "pending"
            assert not before.state == row.state == "resolved"
            assert before.state != "dropped"
            assert row.reason not in ("resolved", "withdrawn") or before.state == "firing"
        self.latest[row.alert_id] = row

    def hear(self, message: Message, done: Step) -> None:
        """What people hear is recorded as told, and is neither silenced nor explained."""
        self.keys[message.key] += 1
        if message.kind == STILL_OPEN:
            assert self.every is not None
            return
        row = self.latest[message.alert_id]
        assert row in done.alerts
        assert row.told
        assert message.state == row.state
        assert (row.muted_by, row.silenced_by) == (None, None)
        if message.state == "resolved":
            assert any(key.startswith(f"{message.alert_id}:firing:") for key in self.keys)

    def nothing_lost(
        self, before: Memory, found: list[Finding], failed: set[str], gone: set[str]
    ) -> None:
        """What is found without a hold fires now; what was not found is over, or kept a while."""
        firing = {one.finding.key: one for one in self.memory.alerts if one.state == "firing"}
        held = {one.finding.key for one in self.memory.alerts if one.state == "pending"}
        keys = {one.key for one in found}
        spared = {one.finding.key for one in before.alerts if one.finding.rule in failed}

        assert keys <= firing.keys() | held
        fired = {one.finding.key for one in before.alerts if one.state == "firing"}
        assert fired & spared <= firing.keys(), "a rule that broke says nothing"
        active = {one.id for one in self.silences if one.state(self.now) == "active"}
        assert {one.silenced_by for one in firing.values()} <= active | {""}
        for key, alert in firing.items():
            kept = alert.missing is not None and self.now - alert.missing < alert.finding.keep
            assert key in keys | spared or (kept and key[0] not in gone)
            assert alert.missing is None or key not in keys
        assert all(any(one.hold for one in found if one.key == key) for key in held - spared)

    def nobody_waits_for_good(self, found: list[Finding], failed: set[str], gone: set[str]) -> None:
        """Without silences and once the causes are gone, everything found has been told."""
        keys = {one.key for one in found}
        for alert in self.memory.alerts:
            if alert.state != "firing" or alert.finding.key not in keys:
                continue
            assert alert.told is not None or alert.mute is not None or alert.silenced_by
            if alert.mute is None and not alert.silenced_by:
                assert alert.told is not None
                assert alert.told >= alert.finding.level

    @invariant()
    def no_key_is_used_twice(self) -> None:
        assert all(count == 1 for count in self.keys.values())

    @invariant()
    def the_memory_survives_its_json(self) -> None:
        assert Memory.from_json(self.memory.to_json()) == self.memory

    @invariant()
    def the_memory_holds_no_more_than_matters(self) -> None:
        """At most one alert for each thing; what is over is kept only where it may return."""
        keys = [one.finding.key for one in self.memory.alerts]
        assert len(keys) == len(set(keys)) <= len(RULES) * 2
        assert all(one.finding.until for one in self.memory.alerts if one.state == "resolved")

    @invariant()
    def the_record_agrees_with_the_memory(self) -> None:
        """Every alert that fires is recorded as firing, and no other; so with what keeps quiet."""
        firing = {one.alert_id: one for one in self.memory.alerts if one.state == "firing"}
        rows = {key: row for key, row in self.latest.items() if row.state == "firing"}

        assert firing.keys() == rows.keys()
        for key, alert in firing.items():
            assert (rows[key].silenced_by or "") == alert.silenced_by
            assert (rows[key].muted_by or "") == (alert.mute.by if alert.mute else "")

    @invariant()
    def what_explains_was_told(self) -> None:
        """Whoever is kept from hearing of one alert has heard of the one that explains it."""
        for alert in self.memory.alerts:
            if alert.state == "firing" and alert.mute is not None:
                assert alert.mute.by != alert.alert_id
                assert any(key.startswith(f"{alert.mute.by}:firing:") for key in self.keys)

    @invariant()
    def a_silence_covers_what_it_silences(self) -> None:
        active = {one.id: one for one in self.silences if one.state(self.now) == "active"}
        for alert in self.memory.alerts:
            if alert.state == "firing" and alert.silenced_by in active:
                assert active[alert.silenced_by].covers(alert.finding)

    @invariant()
    def every_level_was_told_under_its_key(self) -> None:
        for alert in self.memory.alerts:
            if alert.told is not None:
                assert self.keys[f"{alert.alert_id}:firing:{alert.told}"] == 1

    def teardown(self) -> None:
        """Without silences and causes what is found is told at once; then all is over for good."""
        self.silences = []
        self.every = None
        last = [replace(one, mutes=(), hold=timedelta(0), keep=timedelta(0)) for one in self.last]
        self.look(last, timedelta(0), set(), set())
        self.look(last, timedelta(hours=1), set(), set())
        found = {one.key for one in last}
        assert all(told(one) for one in self.memory.alerts if one.finding.key in found)
        self.look([], timedelta(0), set(), set())
        self.look([], timedelta(hours=1), set(), set())
        assert {row.state for row in self.latest.values()} <= {"resolved", "dropped"}
        late = max(self.now, START) + timedelta(days=1)
        self.look([], late - self.now, set(), set())
        assert self.memory.alerts == ()
        self.folder.cleanup()


def told(alert: Alert) -> bool:
    return alert.told is not None and alert.told >= alert.finding.level


def test_what_may_return_is_remembered_until_then() -> None:
    """The machine's promise of the memory's size rests on this."""
    finding = Finding(
        rule="budget", subject="a", agent=None, severity="info", title="t", headline="h",
        evidence={}, until=START,
    )  # fmt: skip
    alert = Alert(finding, "resolved", since=START)

    assert may_return(alert, START - timedelta(microseconds=1))
    assert not may_return(alert, START)


TestTicks = Ticks.TestCase
TestTicks.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
