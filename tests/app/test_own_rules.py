"""Rules in SQL are asked in the sandbox, beside the look, and their answers are kept."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from structlog.testing import capture_logs

from manager_agent.app.evaluations import Evaluations
from manager_agent.app.own_rules import OwnRules
from manager_agent.app.rule_settings import rule_problems
from manager_agent.rules.custom import SqlRule, custom_rules

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


def made(name: str, sql: str, message: str = "m", **more: Any) -> SqlRule:
    [rule] = custom_rules([{"name": name, "sql": sql, "message": message, **more}])
    return rule


GOOD = made(
    "good",
    "SELECT agent, sum(usd) AS usd, max(ts) AS last FROM spend GROUP BY agent ORDER BY agent",
    "{agent}: {usd}",
)
FAILS = made("fails", "SELECT error('it fails') AS x")
WRITES = made("writes", "COPY (SELECT 1) TO 'x.csv'")
READS = made("reads", "SELECT * FROM read_csv('/etc/passwd')")
MANY = made("many", "SELECT 'x' || range AS subject FROM range(1000)")
OFF = made("off", "SELECT 1 AS x", enabled=False)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / "public" / "snapshot.duckdb"
    path.parent.mkdir()
    with duckdb.connect(path) as con:
        con.execute("CREATE TABLE spend (agent VARCHAR, usd DECIMAL(38, 9), ts TIMESTAMP)")
        con.execute("INSERT INTO spend VALUES ('a1', 1.5, now()), ('a2', 0.123456789, now())")
    return path


@pytest.fixture
def own(snapshot: Path) -> Iterator[OwnRules]:
    rules = [GOOD, FAILS, WRITES, READS, MANY, OFF]
    found = OwnRules(rules, lambda: snapshot, Evaluations())
    yield found
    found.close()


def test_answers_and_errors_are_kept(own: OwnRules, snapshot: Path) -> None:
    before = own.beside()
    assert before.waiting == before.names == {"good", "fails", "writes", "reads", "many"}

    with capture_logs() as logs:
        for rule in (GOOD, FAILS, WRITES, READS, MANY, FAILS):
            own.ask(rule, snapshot, NOW)
    after = own.beside()

    good = [one for one in after.findings if one.rule == "good"]
    assert [one.headline for one in good] == ["a1: 1.50", "a2: 0.123456789"]
    assert [one.subject for one in good] == ["a1", "a2"], "a time is no name"
    assert len(after.findings) == 102
    assert after.waiting == set()
    assert after.failed.keys() == {"fails", "writes", "reads", "many"}
    assert "it fails" in after.failed["fails"]
    assert "not allowed" in after.failed["writes"]
    assert "read_csv() is not allowed" in after.failed["reads"]
    assert "more than 100 rows" in after.failed["many"]
    assert [one["rule"] for one in logs] == ["fails", "writes", "reads", "many"], "told once"


def test_each_question_is_timed(snapshot: Path) -> None:
    seen = Evaluations()
    own = OwnRules([GOOD], lambda: snapshot, seen)
    own.ask(GOOD, snapshot, NOW)
    own.close()

    [one] = seen.of("good")
    assert (one.at, one.asked.findings, one.asked.error) == (NOW, 2, None)
    assert one.asked.seconds > 0


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        pytest.param("SELEC 1", "syntax error", id="no SQL"),
        pytest.param("SELECT agnt FROM llm_calls", '"agnt" not found', id="no such column"),
        pytest.param("SELECT * FROM calls_opn", "calls_opn does not exist", id="no such table"),
        pytest.param("DELETE FROM spans", "DELETE statements are not allowed", id="a write"),
        pytest.param("SELECT 1 AS a, 2 AS a", "two columns have one name", id="one name twice"),
        pytest.param("SELECT 1 AS a", "message: {b} is none of the columns a", id="no column"),
    ],
)
def test_what_cannot_run_is_named_before_it_does(sql: str, says: str) -> None:
    [problem] = rule_problems({"custom": [{"name": "mine", "sql": sql, "message": "{b}"}]})

    assert problem.startswith("rules.custom: mine: ")
    assert says in problem


def test_what_can_run_is_let_through() -> None:
    sql = "SELECT agent, reason FROM alert_changes WHERE ts >= now()::TIMESTAMP - INTERVAL 1 HOUR"

    assert rule_problems({"custom": [{"name": "a", "sql": sql, "message": "{agent}"}]}) == []
