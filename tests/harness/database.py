"""Makes the databases that schema versions are remembered by.

Run as `python -m tests.harness.database`, once, in the commit that adds a migration: it writes
tests/data/databases/<version>.duckdb.gz and .sqlite.gz with this version's code, where they
are not there yet. Files of earlier versions stay as they are: they are what users have.
"""

import gzip
import sqlite3
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.contract.budget import Limits
from manager_agent.contract.budget_document import document
from manager_agent.control.approval_rows import Approval
from manager_agent.control.breaker_rows import BreakerRow
from manager_agent.control.rows import (
    NOTHING,
    Account,
    AccountKey,
    Addition,
    BudgetSet,
    Charged,
    Event,
    Holder,
    Lease,
    LimitSet,
    Paused,
    Row,
)
from manager_agent.receiver.testing import NOW_NS, span
from manager_agent.rules.breaker import Breaker, Held
from manager_agent.rules.finding import Finding
from manager_agent.rules.issues.error import Failed
from manager_agent.rules.issues.track import Tracker
from manager_agent.rules.silence import Silence, matcher
from manager_agent.rules.step import step
from manager_agent.store.control import ControlStore
from manager_agent.store.control_file import newest_schema
from manager_agent.store.deliveries import SlackPosts
from manager_agent.store.issues import IssueStore
from manager_agent.store.ledger import LedgerStore
from manager_agent.store.people import PeopleStore
from manager_agent.store.silences import SilenceStore
from manager_agent.store.sql_files import migrations
from tests.harness.facts import opened
from tests.harness.outbox import due, put_off, refused, sent
from tests.harness.stories import Receiver, agent, llm

FOLDER = Path(__file__).parents[1] / "data" / "databases"

ALERT: dict[str, object] = {
    "alert_id": "budget-1",
    "revision": 7,
    "ts": datetime(2027, 1, 15, 8, 0, 1),
    "rule": "budget",
    "agent": "writer",
    "severity": "critical",
    "state": "firing",
    "title": "writer: hourly limit",
    "message": "writer spent $1.00 of its $1.00 hourly limit",
    "resolved_ts": None,
    "evidence": '{"agent": "writer"}',
    "changed_ts": datetime(2027, 1, 15, 8, 0, 2),
    "reason": "worsened",
    "told": False,
    "muted_by": "spike-1",
    "muted_why": "its spike",
    "silenced_by": None,
}

ISSUE: dict[str, object] = {
    "issue_id": "0123456789abcdef",
    "revision": 9,
    "kind": "rate_limit",
    "title": "OpenAI gpt-4o: too many requests or tokens a minute",
    "tldr": "OpenAI gpt-4o: 2 failed calls",
    "first_seen": datetime(2027, 1, 15, 8),
    "last_seen": datetime(2027, 1, 15, 8, 1),
    "count": 2,
    "agents": "writer",
    "cost_usd": Decimal("0.5"),
    "state": "ongoing",
    "priority": 3,
    "provider": "openai",
    "model_family": "gpt-4o",
    "tool": None,
    "error_type": None,
    "http_status": None,
    "template": "slow down",
    "resolved_by": None,
    "last_call_id": "c1",
}


def make(folder: Path) -> Path:
    """Write a database with a row of every kind: sealed, corrected, taken back, open."""
    receiver = Receiver(opened(folder))
    store = receiver.store
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    same = {"gen_ai.response.id": "resp_1"}
    receiver.take([llm("a", 2, parent=1), span("a", 3, tool, parent=1)])
    receiver.wait(700)
    receiver.take([agent("a", 1, "writer")])
    receiver.wait(700)
    at_ns = receiver.now_ns
    receiver.take([llm("b", 1, scope="two", attributes=same, start_ns=at_ns + 10**9)])
    receiver.take([llm("c", 1, scope="one", attributes=same, start_ns=at_ns)])
    receiver.take([llm("d", 1, 0, start_ns=at_ns, status=2, message="Error code: 429 - slow down")])
    store.append_alerts([ALERT])
    store.append_issues([ISSUE])
    assert receiver.now_ns == NOW_NS + 1400 * 10**9
    store.close()
    return store.path


BEGAN_US = 1_800_000_000_000_000
WRITERS = Limits(daily_limit_usd=Decimal("0.1"), priority=1)
_HOUR = AccountKey("agent", "writer", "hour", "usd", BEGAN_US)
LEDGER: list[Row] = [
    Account(_HOUR, BEGAN_US + 3_600_000_000, 1_000, "hard", NOTHING, 300, 100, (0, 450, 0, 0), 50),
    Holder("h1", "host", "boot", 7, "0.1.0", "prod", BEGAN_US),
    Holder("h2", "host", "boot", 8, "0.1.0", "prod", BEGAN_US, BEGAN_US + 9, "not heard of"),
    Lease(1, "h1", "writer", "usd", 2, (_HOUR,), BEGAN_US + 3_600_000_000, False, 200, 50, 100, 3),
    Lease(2, "h2", "writer", "usd", 2, (_HOUR,), BEGAN_US + 9, False, 250, 0, 150, closed=True),
    Charged("writer|08:00", "writer", "usd", BEGAN_US, 50),
    LimitSet("agent", "writer", "hour", "usd", 1_000),
    Paused("trace", "t1", "runaway", "ann", BEGAN_US),
    BudgetSet("writer", WRITERS, BEGAN_US),
    Event(BEGAN_US, "set_limit", "agent writer hour usd", "0.0005", "0.001", "ann", "sprint"),
    Event(BEGAN_US, "set_budget", "writer", None, document(WRITERS), "api", None),
]


BREAKERS = [
    BreakerRow(
        BreakerKey(agent="writer"),
        Breaker(held=Held("open", None, "ann", "a deploy"), since_us=BEGAN_US),
    ),
    BreakerRow(
        BreakerKey(provider="openai", family="gpt-4o"),
        Breaker("open", "5 failures in a row", BEGAN_US, BEGAN_US + 300_000_000, 2),
    ),
]
APPROVALS = [
    Approval(
        *("ask-1", "print1", "writer", "openai", "gpt-4o", "chat", "c1", 500_000_000, "h1"),
        *(BEGAN_US, BEGAN_US + 120_000_000),
    ),
    Approval(
        *("ask-2", "print2", "writer", "openai", "gpt-4o", "chat", "", 500_000_000, "h1"),
        *(BEGAN_US + 1, BEGAN_US + 120_000_000, "approved", 600_000_000, BEGAN_US + 9),
        *("ann", "fine", BEGAN_US + 9, "ask-2"),
    ),
]
ALLOWANCE = replace(
    APPROVALS[1],
    id="ask-3",
    fingerprint="print3",
    used_us=None,
    used_by="",
    reason="budget",
    limit_name="hourly_limit_usd of agent writer",
    choice="amount",
    until_us=BEGAN_US + 1_800_000_000,
)
ADDITION = Addition("ask-3", _HOUR, 500, BEGAN_US + 1_800_000_000, "ann")


SILENCE = Silence(
    id="5111ece0",
    matchers=(matcher("rule=loop"), matcher("agent=~w.*")),
    starts=datetime(2027, 1, 15, 9, tzinfo=UTC),
    ends=datetime(2027, 1, 15, 11, tzinfo=UTC),
    by="ann",
    why="a deploy",
    created=datetime(2027, 1, 15, 9, tzinfo=UTC),
)


def make_control(folder: Path) -> Path:
    """Write a control database with a row of every kind: of alerts, messages, budgets, audit."""
    path = folder / "control.sqlite"
    with ControlStore(path) as store:
        for found, at in CONTROL_STEPS:
            store.commit(step(store.memory(), found, at))
        first, second, third, *_ = due(store, LATER, 10)
        sent(store, first.message.key, LATER)
        refused(store, second.message.key, LATER, "channel_not_found")
        put_off(store, third.message.key, LATER, "ratelimited")
        posts = SlackPosts(store)
        posts.trying(first.message.key, "#alerts", "card", first.message.alert_id, LATER)
        posts.placed(first.message.key, "#alerts", "card", "C0", "1.2")
    with LedgerStore(path) as ledger:
        ledger.keep([*LEDGER, ADDITION])
    with ControlStore(path) as store:
        SilenceStore(store).add(SILENCE)
    with PeopleStore(path) as people:
        people.breakers.keep(BREAKERS)
        people.approvals.keep([*APPROVALS, ALLOWANCE])
    with IssueStore(path) as issues:
        issues.keep(Tracker().follow(ERRORS, BEGAN, BEGAN - timedelta(hours=1)))
    with sqlite3.connect(path) as con:
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    con.close()
    return path


def control_finding(subject: str) -> Finding:
    return Finding(
        rule="budget",
        subject=subject,
        agent="writer",
        severity="critical",
        title=f"{subject}: hourly limit",
        headline=f"{subject} spent $1.00 of its $1.00 hourly limit",
        evidence={"spent_usd": "1.00", "share": 0.5, "none": None},
    )


BEGAN = datetime(2027, 1, 15, 8, tzinfo=UTC)
LATER = BEGAN + timedelta(hours=2)
ERRORS = [
    Failed(
        key=f"call {number}",
        ts=BEGAN - timedelta(minutes=number),
        source="call",
        agent="writer",
        provider="openai",
        model="gpt-4o",
        error_type="RateLimitError",
        http_status=429,
        message="Error code: 429 - slow down",
        cost=5,
        call_id=str(number),
    )
    for number in range(2)
]
CONTROL_STEPS = [
    ([control_finding("a"), control_finding("b")], BEGAN),
    ([control_finding("a")], BEGAN + timedelta(minutes=30)),
    ([control_finding("a"), control_finding("c")], BEGAN + timedelta(hours=1)),
]


def keep(version: int, kind: str, made: Path) -> None:
    target = FOLDER / f"{version:04}.{kind}.gz"
    if target.exists():
        print(f"{target}: is there, and stays as it is")
        return
    target.write_bytes(gzip.compress(made.read_bytes(), mtime=0))
    print(f"{target}: {target.stat().st_size} bytes")


def main() -> None:
    newest = max(version for version, _, _ in migrations())
    with tempfile.TemporaryDirectory() as folder:
        keep(newest, "duckdb", make(Path(folder)))
        keep(newest_schema(), "sqlite", make_control(Path(folder)))


if __name__ == "__main__":
    main()
