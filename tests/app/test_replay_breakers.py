"""Breakers of a replay are those that opened live, and it says what they would have refused."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from manager_agent.analytics.frame_source import FrameSource
from manager_agent.analytics.history import History
from manager_agent.app.mirror import AlertMirror
from manager_agent.app.outcomes import EVERY_NS, SpanOutcomes
from manager_agent.app.replay.breakers import Opening, PastBreakers, earliest
from manager_agent.app.replay.outcome import Fired, alerts_of
from manager_agent.app.replay.past_calls import past_calls
from manager_agent.app.replay.report import Report, as_json, as_text
from manager_agent.app.replay.snapshot import fired_between, snapshot
from manager_agent.app.replay.ticks import Replayed, Ticks, Watch, replay
from manager_agent.app.tick import Ticker
from manager_agent.contract.breaker_key import breaker_key
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.control.breakers import FleetBreakers
from manager_agent.control.commands import Tick
from manager_agent.control.rows import Event
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import CallVersion
from manager_agent.receiver.testing import NOW_NS
from manager_agent.rules.breaker import Terms
from manager_agent.rules.catalog.circuit_breaker import CircuitBreaker
from manager_agent.rules.catalog.failure_pattern import FailurePattern
from manager_agent.rules.rule import Rule
from manager_agent.store.control import ControlStore
from manager_agent.store.snapshot import Snapshots
from tests.control.breaker_fleet import MemoryBreakers
from tests.harness.facts import added, call, opened

START = datetime.fromtimestamp(NOW_NS / 1e9, UTC)
MINUTES = 13
END = START + timedelta(minutes=MINUTES)

EVERY = timedelta(seconds=60)
TERMS = Terms(base_open_us=60_000_000, max_open_us=240_000_000)
RULES: list[Rule] = [CircuitBreaker(), FailurePattern()]
POLICY = BudgetPolicy()
DOLLAR = 10**9
DOWN: dict[str, Any] = {"error": True, "http_status": 529, "error_type": "overloaded_error"}
UNUSABLE: dict[str, Any] = {"error": True, "error_type": "ValidationError", "cost_nano": 2 * DOLLAR}
CLAUDE: dict[str, Any] = {"provider": "anthropic", "response_model": "claude-sonnet-4-5"}


def _calls() -> list[Call]:
    """Three agents whose provider is down for three minutes, and one whose answers are unusable."""
    chance = random.Random(5)
    found: list[Call] = []

    def add(agent: str, second: float, **values: Any) -> None:
        start_ns = NOW_NS + int(second * 1e9)
        cost: dict[str, Any] = {"cost_nano": DOLLAR // 10, "cost_source": "local"}
        found.append(
            call(
                f"call-{len(found):04}",
                start_ns=start_ns,
                duration_ms=chance.choice((300.0, 1700.0, 4000.0)),
                agent=agent,
                input_tokens=100,
                output_tokens=10,
                **{**cost, **values},
            )
        )

    for second in range(0, MINUTES * 60, 10):
        down = DOWN if 120 <= second < 300 else {}
        add(chance.choice(("a", "b", "c")), second + chance.random() * 9, **CLAUDE, **down)
        add("d", second + chance.random() * 9, provider="openai", response_model="gpt-4o")
        if 360 <= second < 450:
            openai: dict[str, Any] = {"provider": "openai", "response_model": "gpt-4o-mini"}
            add("careless", second + chance.random() * 9, **openai, **UNUSABLE)
        if 450 <= second < 600:
            add("careless", second + chance.random() * 9, **openai)
    return sorted(found, key=lambda one: _ended_ns(one))


def _ended_ns(one: Call) -> int:
    return one.start_ns + int((one.duration_ms or 0) * 1e6)


@dataclass
class Lived:
    """A data directory in which a manager watched it all."""

    folder: Path
    alerts: list[Fired]
    events: list[Event]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("breakers")
    facts = opened(folder)
    now_ns, said = [NOW_NS], list[Any]()
    outcomes = SpanOutcomes(said.append, lambda: now_ns[0])
    keeper = MemoryBreakers()
    breakers = FleetBreakers(keeper, TERMS, draw=lambda: 0.0)
    facts.called = outcomes.note
    with ExitStack() as stack:
        control = stack.enter_context(ControlStore(folder / "control.sqlite"))
        source = FrameSource(told=True)
        facts.touched = source.note
        ticker = Ticker(facts.cursor, control, RULES, POLICY, lambda: None, source=source)
        ticker.breakers = lambda: breakers.views
        mirror = AlertMirror(control, facts)
        waiting = _calls()
        for beat in range(MINUTES * 120 + 1):
            now_ns[0] = NOW_NS + beat * EVERY_NS
            over = [one for one in waiting if _ended_ns(one) <= now_ns[0]]
            if over:
                waiting = waiting[len(over) :]
                facts.append(added(over, revision=now_ns[0] // 1000))
            outcomes.tell_now()
            breakers.decide([*said, Tick()], now_ns[0] // 1000)
            said.clear()
            if beat % 120 == 0:
                ticker.tick(START + timedelta(seconds=beat / 2))
                mirror.copy()
        Snapshots(folder / "snapshot", facts.cursor, lambda: END, lambda: 1).publish(END)
    facts.close()
    with snapshot(folder) as con:
        yield Lived(folder, fired_between(con, START, END), keeper.events)


@pytest.fixture(scope="module")
def replayed(lived: Lived) -> Replayed:
    with snapshot(lived.folder) as con:
        watch = Watch(RULES, POLICY, terms=TERMS)
        return replay(History(con, START, END), watch, Ticks(START, END, EVERY))


def told(alerts: list[Fired]) -> list[tuple[object, ...]]:
    return sorted(
        ((one.fired, one.rule, one.title, one.message, one.resolved) for one in alerts), key=str
    )


@pytest.mark.slow
def test_the_same_alerts_and_openings_as_live(lived: Lived, replayed: Replayed) -> None:
    assert told(alerts_of(replayed.alerts)) == told(lived.alerts)
    assert {one.rule for one in lived.alerts} == {"circuit_breaker", "failure_pattern"}
    live = [
        (event.at_us, event.subject, event.why) for event in lived.events if event.after == "open"
    ]
    assert [(one.since_us, one.key.text, one.reason) for one in replayed.openings] == live
    assert {key for _, key, _ in live} == {"anthropic/claude-sonnet-4-5", "careless"}
    over = [event.at_us for event in lived.events if event.before == "open"]
    assert [one.until_us for one in replayed.openings] == over


@pytest.mark.slow
def test_what_it_would_have_refused_is_what_began_while_it_was_open(replayed: Replayed) -> None:
    calls = _calls()
    for one in replayed.openings:
        began = [
            each
            for each in calls
            if one.since_us <= each.start_ns // 1000 < (one.until_us or 1 << 62)
            and (one.key.agent == each.agent or one.key.provider == each.provider)
        ]
        assert len(one.refused) == len(began)
        assert one.cost == sum(each.cost_nano or 0 for each in began)
    assert sum(len(one.refused) for one in replayed.openings) > 10


@pytest.mark.slow
def test_what_opened_before_the_replay_begins_is_open(lived: Lived, replayed: Replayed) -> None:
    first = replayed.openings[0]
    since = datetime.fromtimestamp(first.since_us / 1e6, UTC) + timedelta(seconds=20)
    with snapshot(lived.folder) as con:
        calls = past_calls(History(con, since, END), earliest(since, TERMS), END)
        past = PastBreakers(calls, TERMS, count_429=False)
        past.at(END)
    again = past.openings(since)[0]

    assert (again.key, again.since_us) == (first.key, first.since_us)
    assert 0 < len(again.refused) < len(first.refused), "what was refused before is not counted"


# Without a database


def version(number: int, second: float, **values: Any) -> CallVersion:
    one = call(f"c{number}", start_ns=NOW_NS + int(second * 1e9), duration_ms=100.0, **values)
    return CallVersion(one, 0, False)


def test_it_may_look_ahead_and_back() -> None:
    calls = [version(number, number, **{**CLAUDE, **DOWN}) for number in range(5)]
    past = PastBreakers(calls, TERMS, count_429=False)

    def states(second: float) -> list[str]:
        return [one.state for one in past.at(START + timedelta(seconds=second))]

    assert states(200) == ["half_open"]
    assert (states(5), states(8), states(66), states(70)) == ([], ["open"], ["open"], ["half_open"])


def test_the_report_sums_each_breaker() -> None:
    assert PastBreakers([], TERMS, count_429=False).openings(START) == []
    family = Opening(breaker_key("anthropic/claude"), "5 failures in a row", NOW_NS // 1000)
    family.refused = [(NOW_NS // 1000, DOLLAR), (NOW_NS // 1000, 0)]
    again = Opening(
        breaker_key("anthropic/claude"), "again", NOW_NS // 1000 + 1, NOW_NS // 1000 + 2
    )
    report = Report(START, END, 30, 1, 1, 2, (), (), {}, openings=[family, again])

    assert list(as_text(report))[-2:] == [
        "breakers would have opened 2 times and refused 2 calls that cost $1.00",
        f"  anthropic/claude: 2 times, first {START:%m-%d %H:%M} (5 failures in a row): 2 calls,"
        " $1.00",
    ]
    found = as_json(report)["breakers"]
    assert (found["calls"], found["cost_usd"]) == (2, "1.00")
    assert [(one["calls"], one["until"] is None) for one in found["openings"]] == [
        (2, True),
        (0, False),
    ]
