"""Parts of the server, each with real stores and a scripted clock: ticks, mirror, health."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from structlog.testing import capture_logs

from manager_agent.analytics.frames import Frames, Thresholds
from manager_agent.app.mirror import AlertMirror
from manager_agent.app.outlook import health
from manager_agent.app.serve import Stores, _wired
from manager_agent.app.settings import Settings
from manager_agent.app.tick import Beside, Ticker
from manager_agent.app.unsupported import warn_unused
from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.receiver.content import Door
from manager_agent.rules.catalog.budget import Budget
from manager_agent.rules.catalog.unpriced_model import UnpricedModel
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import Rule, rule
from manager_agent.rules.silence import Silence, matcher
from manager_agent.store.control import ControlStore
from manager_agent.store.duck import FactStore
from manager_agent.store.issues import IssueStore
from manager_agent.store.ledger import LedgerStore
from manager_agent.store.people import PeopleStore
from tests.harness.facts import KEY, added, call, opened, records, rows
from tests.harness.outbox import due, refused, sent

START = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
"""When `call`s of the harness begin."""

MINUTE = timedelta(minutes=1)
DOLLAR = 10**9
POLICY = BudgetPolicy(Limits(hourly_limit_usd=Decimal(1)))


@rule
class Shaky:
    """A rule that breaks as long as `SHAKY` says so, and finds what `FOUND` holds."""

    def find(self, frames: Frames, now: datetime) -> Iterable[Finding]:
        if SHAKY:
            raise ZeroDivisionError(SHAKY[0])
        yield from FOUND


SHAKY: list[str] = []
FOUND: list[Finding] = []


@dataclass
class World:
    """The stores, a ticker over them, and how often it said that there is news."""

    facts: FactStore
    control: ControlStore
    ledger: LedgerStore
    people: PeopleStore
    issues: IssueStore
    rules: list[Rule] = field(default_factory=lambda: [Budget(), UnpricedModel()])
    news: int = 0
    calls: int = 0

    def __post_init__(self) -> None:
        self.ticker = Ticker(self.facts.cursor, self.control, self.rules, POLICY, self._told)
        self.mirror = AlertMirror(self.control, self.facts)

    def _told(self) -> None:
        self.news += 1

    def spend(self, usd: str, after: timedelta = timedelta(0), **more: Any) -> None:
        """Store a call of `writer` that cost so much."""
        self.calls += 1
        start_ns = int((START + after).timestamp()) * 10**9
        nano = int(Decimal(usd) * DOLLAR)
        given = {"start_ns": start_ns, "cost_nano": nano, "cost_source": "local", **more}
        self.facts.append(added([call(f"c{self.calls}", **given)]))

    def told(self, now: datetime) -> list[str]:
        """Look at `now`; return the keys of all messages in the outbox, each sent at once."""
        self.ticker.tick(now)
        found = [outgoing.message for outgoing in due(self.control, now)]
        for message in found:
            sent(self.control, message.key, now)
        return [f"{message.kind} {message.severity} {message.agent}" for message in found]

    def shown(self) -> list[tuple[Any, ...]]:
        """Return what users see of the alerts in SQL."""
        return rows(self.facts, "SELECT rule, agent, severity, state FROM alerts ORDER BY ts, rule")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    SHAKY.clear()
    FOUND.clear()
    with ControlStore(tmp_path / "control.sqlite") as control:
        facts = opened(tmp_path)
        path = tmp_path / "control.sqlite"
        with (
            LedgerStore(path) as ledger,
            PeopleStore(path) as people,
            IssueStore(path) as issues,
        ):
            yield World(facts, control, ledger, people, issues)
        facts.close()


# The tick


def found(rule_name: str) -> Finding:
    return Finding(
        rule=rule_name,
        subject="s",
        agent="writer",
        severity="info",
        title="t",
        headline="h",
        evidence={},
    )


def test_what_is_found_beside_the_look_counts_and_a_silence_keeps_it_from_people(
    world: World,
) -> None:
    names = frozenset({"mine", "slow"})
    world.ticker.beside = lambda: Beside(names, [found("mine")], {}, frozenset({"slow"}))
    until = START + 2 * MINUTE
    whole = Silence("s1", (matcher("rule=mine"),), START, until, "ann", "", START)
    world.ticker.silences = lambda: [whole]

    assert world.told(START) == []
    [row] = world.control.alerts(open_only=True)
    assert (row.rule, row.silenced_by, row.told) == ("mine", "s1", False)
    assert world.told(until) == ["mine info writer"]
    world.mirror.copy()
    assert rows(world.facts, "SELECT reason, told, silenced_by FROM alert_changes ORDER BY ts") == [
        ("fired", False, "s1"),
        ("unsilenced", True, None),
    ]


def test_alerts_wait_for_a_rule_that_waits_or_breaks_and_go_with_one_that_is_gone(
    world: World,
) -> None:
    names = frozenset({"mine"})
    world.ticker.beside = lambda: Beside(names, [found("mine")])
    world.ticker.tick(START)
    world.ticker.beside = lambda: Beside(names, waiting=names)
    world.ticker.tick(START + MINUTE)
    world.ticker.beside = lambda: Beside(names, failed={"mine": "no such table"})
    world.ticker.tick(START + 2 * MINUTE)
    assert [row.state for row in world.control.alerts()] == ["firing"]
    assert world.ticker.broken == {"mine": "no such table"}

    world.ticker.beside = Beside
    world.ticker.unusable = {"mine": "a package that does not load"}
    world.ticker.tick(START + 3 * MINUTE)
    assert [row.state for row in world.control.alerts()] == ["firing"]
    world.ticker.unusable = {}
    world.ticker.tick(START + 4 * MINUTE)

    [row] = world.control.alerts()
    assert (row.state, row.reason) == ("resolved", "withdrawn")


def test_each_look_at_a_rule_is_remembered_and_counted(world: World) -> None:
    world.ticker.rules = [Budget(), Shaky()]
    SHAKY.append("broken")
    for minute in range(22):
        world.ticker.tick(START + minute * MINUTE)

    last = world.ticker.evaluations.of("shaky")
    assert [one.at for one in last] == [START + minute * MINUTE for minute in range(21, 1, -1)]
    assert last[0].asked.error == "ZeroDivisionError: broken"
    counts = {
        metric.name: sample.value
        for metric in world.ticker.metrics()
        for sample in metric.samples
        if sample.labels == (("rule", "shaky"),)
    }
    assert counts["manager_rule_evaluations_total"] == 22
    assert counts["manager_rule_failures_total"] == 22
    assert 0 <= counts["manager_rule_seconds"] <= counts["manager_rule_seconds_total"]


def test_rules_see_the_thresholds_that_are_named(world: World) -> None:
    seen: list[Thresholds] = []

    @rule
    class Watching:
        """Remembers what it is shown."""

        def find(self, frames: Frames, now: datetime) -> Iterable[Finding]:
            seen.append(frames.thresholds)
            return ()

    world.ticker.rules = [Watching()]
    world.ticker.tick(START)
    world.ticker.thresholds = Thresholds(20.0, 10)
    world.ticker.tick(START)

    assert seen == [Thresholds(None, None), Thresholds(20.0, 10)]


def test_a_budget_that_is_crossed_is_told_once_per_share_and_window(world: World) -> None:
    world.spend("0.4")
    assert world.told(START + MINUTE) == []
    world.spend("0.15")
    assert world.told(START + 2 * MINUTE) == ["budget info writer"]
    assert world.told(START + 3 * MINUTE) == []
    world.spend("0.45")
    assert world.told(START + 4 * MINUTE) == ["budget critical writer"]
    world.spend("5")
    assert world.told(START + 5 * MINUTE) == []
    assert world.told(START + 60 * MINUTE) == []
    world.spend("0.9", after=61 * MINUTE)
    assert world.told(START + 62 * MINUTE) == ["budget warning writer"]
    assert world.ticker.ticks == 7


def test_an_alert_has_its_numbers_in_the_outbox_and_in_sql(world: World) -> None:
    world.spend("0.123456789")
    world.spend("0.9")
    world.ticker.tick(START + MINUTE)
    world.mirror.copy()

    (outgoing,) = due(world.control, START + MINUTE)
    assert outgoing.message.facts["spent_usd"] == "1.023456789"
    assert outgoing.queued == START + MINUTE
    (alert,) = records(world.facts, "SELECT * FROM alerts")
    assert alert["alert_id"] == outgoing.message.alert_id
    assert alert["message"] == outgoing.message.headline
    assert '"spent_usd": "1.023456789"' in alert["evidence"]
    assert alert["ts"] == (START + MINUTE).replace(tzinfo=None)


def test_a_model_without_a_price_is_told_of(world: World) -> None:
    unknown: dict[str, Any] = {
        "cost_nano": None,
        "cost_source": "unpriced",
        "response_model": "house-7b",
    }
    world.spend("0", provider="openai", input_tokens=3, output_tokens=4, **unknown)

    assert world.told(START + MINUTE) == ["unpriced_model warning writer"]


def test_news_is_said_only_where_there_is_any(world: World) -> None:
    world.told(START)
    quiet = world.news
    world.spend("2")
    world.told(START + MINUTE)
    world.told(START + 2 * MINUTE)

    assert (quiet, world.news) == (0, 1)


def test_a_tick_that_could_not_be_kept_is_as_if_it_had_not_been(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.spend("2")
    with monkeypatch.context() as broken:

        def full(_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        broken.setattr(world.control, "commit", full)
        with pytest.raises(sqlite3.OperationalError):
            world.ticker.tick(START + MINUTE)
    assert (world.news, world.ticker.ticks) == (0, 0)

    assert world.told(START + 2 * MINUTE) == ["budget critical writer"]


def test_a_tick_sees_the_facts_again_after_they_were_opened_anew(world: World) -> None:
    world.spend("2")
    world.facts.recover(duckdb.FatalException("by hand"))

    assert world.told(START + MINUTE) == ["budget critical writer"]


def test_memory_outlives_the_process(world: World, tmp_path: Path) -> None:
    world.spend("0.6")
    world.told(START + MINUTE)

    with ControlStore(tmp_path / "control.sqlite") as control:
        again = World(world.facts, control, world.ledger, world.people, world.issues)
        assert again.told(START + 2 * MINUTE) == []


# A rule that raises


def test_a_rule_that_raises_silences_itself_alone_and_is_named(world: World) -> None:
    world.rules.insert(0, Shaky())
    world.spend("2")
    SHAKY.append("boom")
    with capture_logs() as logs:
        told = world.told(START + MINUTE)

    assert told == ["budget critical writer"]
    assert world.ticker.broken == {"shaky": "ZeroDivisionError: boom"}
    assert [(line["log_level"], line["rule"]) for line in logs] == [("error", "shaky")]
    assert number(world.ticker, "manager_rules_broken") == 1
    SHAKY.clear()
    world.told(START + 2 * MINUTE)
    assert world.ticker.broken == {}
    assert number(world.ticker, "manager_rules_broken") == 0


def test_silence_of_a_rule_that_raises_is_no_good_news(world: World) -> None:
    """Its alert goes on firing until the rule can look again and finds nothing."""
    finding = {"rule": "shaky", "subject": "s", "agent": None, "severity": "info"}
    FOUND.append(Finding(**finding, title="t", headline="h", evidence={}))  # type: ignore[arg-type]
    world.rules.insert(0, Shaky())
    world.told(START)
    SHAKY.append("boom")
    FOUND.clear()
    world.told(START + MINUTE)
    while_broken = world.control.alerts(open_only=True)
    SHAKY.clear()
    world.told(START + 2 * MINUTE)

    assert [alert.rule for alert in while_broken] == ["shaky"]
    assert world.control.alerts(open_only=True) == []


def number(ticker: Ticker, name: str) -> float:
    (metric,) = [metric for metric in ticker.metrics() if metric.name == name]
    return metric.samples[0].value


def test_health_names_the_rule_that_raises_and_what_people_did_not_hear(
    world: World,
) -> None:
    stores = Stores(world.facts, world.control, world.ledger, world.people, world.issues)
    manager = _wired(Settings(), stores, Door(KEY), KEY)
    well = health(manager)
    SHAKY.append("boom")
    manager.ticker.rules = [Shaky(), Budget()]
    manager.ticker.policy = POLICY
    world.spend("2")
    manager.ticker.tick(START + MINUTE)
    broken = health(manager)
    (outgoing,) = due(world.control, START + MINUTE)
    refused(world.control, outgoing.message.key, START, "invalid_token")
    both = health(manager)

    assert (well.ok, well.reasons) == (True, ())
    assert not broken.ok
    assert broken.reasons == ("rule shaky raises: ZeroDivisionError: boom",)
    assert both.reasons[1] == "1 message(s) undeliverable: slack: invalid_token"


# The mirror


def test_each_change_of_an_alert_is_copied_once(world: World) -> None:
    world.spend("0.6")
    world.ticker.tick(START + MINUTE)
    first = world.mirror.copy(), world.mirror.copy()
    fired = world.shown()
    world.spend("0.6")
    world.ticker.tick(START + 2 * MINUTE)
    worse = world.mirror.copy()
    world.ticker.tick(START + 60 * MINUTE)
    over = world.mirror.copy(), world.mirror.copy()

    assert (first, worse, over) == ((1, 0), 1, (1, 0))
    assert fired == [("budget", "writer", "info", "firing")]
    assert world.shown() == [("budget", "writer", "critical", "resolved")]
    (alert,) = records(world.facts, "SELECT * FROM alerts")
    assert alert["resolved_ts"] == datetime(2027, 1, 15, 9, 0)


def test_what_a_crash_kept_from_being_copied_is_copied_by_the_next(
    world: World, tmp_path: Path
) -> None:
    """Both files are opened anew; several changes wait, some are there already."""
    world.spend("0.6")
    world.ticker.tick(START + MINUTE)
    world.mirror.copy()
    world.spend("0.6")
    world.ticker.tick(START + 2 * MINUTE)
    world.ticker.tick(START + 60 * MINUTE)
    world.facts.close()

    facts = opened(tmp_path)
    with ControlStore(tmp_path / "control.sqlite") as control:
        mirror = AlertMirror(control, facts)
        copied = mirror.copy(), mirror.copy()

    states = rows(facts, "SELECT state, severity FROM alert_events ORDER BY revision")
    facts.close()
    assert copied == (2, 0)
    assert states == [("firing", "info"), ("firing", "critical"), ("resolved", "critical")]


def test_a_copy_that_failed_is_whole_the_next_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two rows cannot be written: the first is not there either."""
    for agent in ("a", "b"):
        world.spend("2", agent=agent)
    world.ticker.tick(START + MINUTE)
    good = world.facts.append_alerts

    def half(values: Any) -> None:
        good([values[0], {**values[1], "ts": "no time"}])

    with monkeypatch.context() as broken:
        broken.setattr(FactStore, "append_alerts", lambda _, values: half(values))
        with pytest.raises(duckdb.Error):
            world.mirror.copy()
    empty = world.shown()

    assert world.mirror.copy() == 2
    assert empty == []
    assert [agent for _, agent, *_ in world.shown()] == ["a", "b"]


def test_facts_that_were_lost_get_all_alerts_again(world: World, tmp_path: Path) -> None:
    world.spend("2")
    world.ticker.tick(START + MINUTE)
    world.mirror.copy()
    (tmp_path / "new").mkdir()
    facts = opened(tmp_path / "new")

    assert AlertMirror(world.control, facts).copy() == 1
    facts.close()


# What this version does not do


@pytest.mark.parametrize("key", ["infinite_loop_calls_per_minute"])
def test_what_is_not_acted_on_is_said(key: str) -> None:
    with capture_logs() as logs:
        warn_unused(
            Settings.model_validate({"thresholds": {key: 20, "max_consecutive_failures": 3}})
        )

    said = [(line["log_level"], line["key"]) for line in logs]
    assert said == [("warning", f"thresholds.{key}")]
