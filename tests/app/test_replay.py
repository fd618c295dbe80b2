"""A replay finds what a manager that ran at the time found, at the same moments."""

import json
import random
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from manager_agent.analytics.blocked import blocked
from manager_agent.analytics.frame_source import FrameSource
from manager_agent.analytics.frames import Frames
from manager_agent.analytics.history import History
from manager_agent.app.cli import main
from manager_agent.app.issue_desk import IssueDesk
from manager_agent.app.mirror import AlertMirror
from manager_agent.app.replay.outcome import Fired, alerts_of, paired
from manager_agent.app.replay.snapshot import fired_between, snapshot
from manager_agent.app.replay.ticks import Replayed, Ticks, Watch, replay
from manager_agent.app.tick import Ticker
from manager_agent.contract.budget import BudgetPolicy, Group, Limits
from manager_agent.receiver.changes import Changes
from manager_agent.receiver.testing import NOW_NS
from manager_agent.rules.catalog.budget import Budget
from manager_agent.rules.catalog.error_issue import ErrorIssue
from manager_agent.rules.catalog.unpriced_model import UnpricedModel
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import Rule, rule
from manager_agent.store.control import ControlStore
from manager_agent.store.issues import IssueStore
from manager_agent.store.snapshot import Snapshots
from tests.harness.facts import added, call, opened, tool_call

START = datetime.fromtimestamp(NOW_NS / 1e9, UTC)
END = START + timedelta(minutes=50)
EVERY = timedelta(seconds=30)
POLICY = BudgetPolicy(Limits(hourly_limit_usd=Decimal(1), daily_limit_usd=Decimal(2)))


@rule
class Busy:
    """Names agents by their calls, tools and minutes of late; each table of frames counts."""

    def find(self, frames: Frames, now: datetime) -> Iterable[Finding]:
        late = pl.col("ts") > now - timedelta(minutes=3)
        calls, tools = (each.filter(late).height for each in (frames.calls, frames.tools))
        spent = frames.minutes.filter(pl.col("ts") >= now - timedelta(minutes=10))["cost"].to_list()
        hours = frames.hours["calls"].to_list()
        level = calls + 3 * tools + sum(spent) // 10**9 + sum(hours) // 40
        if level > 6:
            yield Finding(
                rule="busy",
                subject="all",
                agent=None,
                severity="warning",
                title="busy",
                headline=f"{level} now",
                evidence={"level": level},
                level=level,
                hold=timedelta(seconds=90),
            )


RULES: list[Rule] = [Budget(), UnpricedModel(), Busy(), ErrorIssue(min_errors=2, quiet_minutes=5)]


@dataclass
class Lived:
    """A data directory in which a manager looked every half minute for fifty minutes."""

    folder: Path
    alerts: list[Fired]
    looks: int


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    folder = tmp_path_factory.mktemp("lived")
    facts = opened(folder)
    with ExitStack() as stack:
        control = stack.enter_context(ControlStore(folder / "control.sqlite"))
        source = FrameSource(told=True)
        facts.touched = source.note
        issues = stack.enter_context(IssueStore(folder / "control.sqlite"))
        ticker = Ticker(facts.cursor, control, RULES, POLICY, lambda: None, source=source)
        ticker.issues = IssueDesk(issues, lambda: POLICY, lambda: END)
        mirror = AlertMirror(control, facts)
        for number, arriving in enumerate(_arriving()):
            if arriving.calls or arriving.tools:
                facts.append(arriving)
            ticker.tick(START + number * EVERY)
            mirror.copy()
        Snapshots(folder / "snapshot", facts.cursor, lambda: END, lambda: 1).publish(END)
        looks = ticker.ticks
    facts.close()
    with snapshot(folder) as con:
        return Lived(folder, fired_between(con, START, END), looks)


def _arriving() -> Iterator[Changes]:
    """Yield what comes before each look: calls that ended since the last; bursts now and then."""
    chance = random.Random(3)
    ended: dict[int, list[Any]] = {}
    for number in range(100):
        burst = 8 if 30 <= number < 38 else 1
        for _ in range(chance.choice((0, 0, 0, burst))):
            seconds = chance.choice((2, 20, 70, 300))
            start_ns = NOW_NS + int((number * 30 + chance.random() * 30 - 30) * 1e9)
            at = (start_ns + seconds * 10**9 - NOW_NS) // (30 * 10**9) + 1
            cost = chance.choice((None, 5 * 10**7, 10**8))
            one = call(
                f"c{start_ns}",
                start_ns=start_ns,
                duration_ms=seconds * 1000.0,
                agent=chance.choice(("a", "b")),
                provider="openai",
                response_model="m",
                input_tokens=100,
                output_tokens=10,
                cost_nano=cost,
                cost_source="local" if cost else "unpriced",
                **_failing(number),
            )
            ended.setdefault(at, []).append(one)
    for number in range(101):
        calls = ended.get(number, [])
        tools = [
            tool_call(f"{each.start_ns:016x}", start_ns=each.start_ns, duration_ms=each.duration_ms)
            for each in calls[:1]
        ]
        yield added(calls, tools, revision=NOW_NS // 1000 + number)


def _failing(number: int) -> dict[str, Any]:
    """Of two stretches of calls all fail, alike but for a number; others are well."""
    if not (10 <= number < 20 or 60 <= number < 75):
        return {}
    said = f"Error code: 400 - message {number} has no content"
    return {"error": True, "error_type": "BadRequestError", "error_message": said}


def replayed(lived: Lived, stride: int = 1) -> Replayed:
    with snapshot(lived.folder) as con:
        ticks = Ticks(START, END, EVERY, stride)
        return replay(History(con, START, END), Watch(RULES, POLICY), ticks)


def told(alerts: Iterable[Fired]) -> list[tuple[object, ...]]:
    return [
        (one.fired, one.rule, one.agent, one.severity, one.title, one.message, one.resolved)
        for one in alerts
    ]


@pytest.mark.slow
def test_the_same_alerts_as_live_at_the_same_moments(lived: Lived) -> None:
    done = replayed(lived)

    assert sorted(told(alerts_of(done.alerts)), key=str) == sorted(told(lived.alerts), key=str)
    assert done.looks == lived.looks == 101
    rules = [alert.rule for alert in lived.alerts]
    assert {"budget", "unpriced_model", "busy", "error_issue"} <= set(rules)
    assert any(alert.resolved for alert in lived.alerts)


def told_briefly(one: Fired) -> tuple[object, ...]:
    return (one.rule, one.agent, one.title, one.fired)


@pytest.mark.slow
def test_in_strides_it_looks_less_often_and_misses_only_what_is_short(lived: Lived) -> None:
    done = replayed(lived, stride=10)

    stride = 10 * EVERY
    lasting = [one for one in lived.alerts if (one.resolved or END + stride) - one.fired > stride]
    assert {told_briefly(one) for one in lasting} <= set(map(told_briefly, alerts_of(done.alerts)))
    assert len(lasting) >= 3
    assert done.looks < 100


@pytest.mark.slow
def test_on_the_command_line(lived: Lived, capsys: pytest.CaptureFixture[str]) -> None:
    config = lived.folder / "new.yaml"
    config.write_text(
        "agent_budgets: {default: {hourly_limit_usd: 1, daily_limit_usd: 2}}\nrules: {}\n"
    )
    line = ["rules", "replay", "--since", START.isoformat(), "--rule", "budget", "--json"]
    where = ["--config", str(config), "--data-dir", str(lived.folder)]

    assert main([*line, *where]) == 0
    found = json.loads(capsys.readouterr().out)
    budgets = [one for one in lived.alerts if one.rule == "budget"]
    assert len(found["alerts"]) == len(budgets)
    assert [one["fired_live"]["alert_id"] for one in found["alerts"]]
    assert found["only_live"] == []
    assert found["blocked"]["calls"] > 0
    assert Decimal(found["blocked"]["cost_usd"]) > 0

    config.write_text("agent_budgets: {}\n")
    assert main([*line[:-1], *where]) == 0
    text = capsys.readouterr().out
    assert f"budget           0  {len(budgets):>8}     0" in text
    assert "- 01-15" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param(["--since", "soon"], "must be a duration such as 30d", id="since"),
        pytest.param(["--rule", "budgets"], "there is no such rule; there are", id="rule"),
        pytest.param(["--since", "2030-01-01"], "is not before the end", id="after the end"),
    ],
)
def test_what_cannot_be_replayed_is_told(
    lived: Lived, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert main(["rules", "replay", "--data-dir", str(lived.folder), *more]) == 1
    assert said in capsys.readouterr().err


def test_without_a_snapshot_it_says_where_one_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "replay", "--data-dir", str(tmp_path)]) == 1
    assert "manager-agent serve" in capsys.readouterr().err


# Beside each other


def fired(title: str, minute: int, end: int | None, agent: str = "a") -> Fired:
    over = None if end is None else START + timedelta(minutes=end)
    began = START + timedelta(minutes=minute)
    return Fired(f"{title}{minute}", "r", agent, "info", title, title, began, over)


def test_alerts_pair_where_they_overlap() -> None:
    mine = [fired("x", 0, 5), fired("x", 30, None), fired("y", 30, None)]
    live = [fired("x", 6, 8), fired("x", 20, 25), fired("x", 50, 60), fired("y", 30, 31, "b")]

    pairs = paired(mine, live, END, slack=timedelta(minutes=1))

    assert [(p.replayed and p.replayed.alert_id, p.live and p.live.alert_id) for p in pairs] == [
        ("x0", "x6"),
        (None, "x20"),
        ("x30", "x50"),
        ("y30", None),
        (None, "y30"),
    ]


# What would have been refused


def calls(*rows: tuple[int, str, int | None, int]) -> pl.DataFrame:
    made = [(START + timedelta(minutes=m), agent, cost, tokens) for m, agent, cost, tokens in rows]
    schema = pl.Schema(
        {
            "ts": pl.Datetime("us", "UTC"),
            "agent": pl.String(),
            "cost": pl.Int64(),
            "tokens": pl.Int64(),
        }
    )
    return pl.DataFrame(made, schema=schema, orient="row")


def hard(**limits: Any) -> Limits:
    return Limits(**limits)


def test_a_hard_limit_refuses_what_would_pass_it_and_nothing_else() -> None:
    cent = 10**7
    policy = BudgetPolicy(agents={"a": hard(hourly_limit_usd=Decimal("0.1"))})

    [found] = blocked(
        calls(
            (0, "a", 8 * cent, 0),
            (1, "a", 3 * cent, 0),  # would be 11: refused, and spends nothing
            (2, "a", 2 * cent, 0),  # just fits
            (3, "b", 99 * cent, 0),  # has no limit
            (4, "a", None, 5),  # of unknown cost
            (5, "a", 1 * cent, 0),
            (60, "a", 9 * cent, 0),  # another hour
        ),
        policy,
        START,
    )

    assert (found.agent, found.calls, found.cost) == ("a", 2, 4 * cent)
    assert found.limits == {"agent a hour usd": 2}


def test_what_was_spent_before_counts_but_is_not_refused() -> None:
    policy = BudgetPolicy(default=hard(monthly_token_limit=100))
    rows = calls((0, "a", 0, 90), (1, "a", 0, 90), (2, "a", 0, 1))

    [found] = blocked(rows, policy, START + timedelta(minutes=2))

    assert (found.calls, found.limits) == (1, {"agent a month tokens": 1})


def test_groups_and_the_fleet_refuse_and_soft_limits_do_not() -> None:
    ten = hard(hourly_token_limit=10)
    group = Group(frozenset("ab"), ten)
    rows = calls((0, "a", 0, 8), (1, "b", 0, 8), (2, "c", 0, 3))

    [found] = blocked(rows, BudgetPolicy(groups={"g": group}), START)
    assert (found.agent, found.limits) == ("b", {"group g hour tokens": 1})
    [one, two] = blocked(rows, BudgetPolicy(fleet=ten), START)
    assert (one.agent, two.agent) == ("b", "c")
    soft = Limits(hourly_token_limit=1, enforcement="soft")
    assert blocked(rows, BudgetPolicy(default=soft), START) == []
