"""Guards on a real manager: kill -9 in mid-stream, limits changed over REST, SQL's audit."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from manager_agent.contract.guard import Grant, Report
from tests.harness.guards import Guard
from tests.harness.manager import Manager, command, manager, run_command, until

LIMIT = 1000
CONFIG: dict[str, Any] = {
    "agent_budgets": {"a": {"hourly_token_limit": LIMIT, "monthly_token_limit": LIMIT}},
    "groups": {"g": {"agents": ["b", "c"], "daily_token_limit": 100, "floors": {1: 0.5}}},
    "fleet": {"monthly_token_limit": 10**6},
    "budgets": {"unreachable": "closed", "unpriced": "refuse", "max_wait_seconds": 1.5},
    "monitoring": {"check_interval_seconds": 0.2},
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with manager(tmp_path_factory.mktemp("guards") / "data", CONFIG) as found:
        yield found


@pytest.fixture
def rest(running: Manager) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.where["api"], trust_env=False, timeout=30) as client:
        yield client


def test_what_is_configured_reaches_the_guard(running: Manager) -> None:
    with Guard(running.where["otlp_grpc"], "f1", agent="b") as guard:
        grant = guard.ask(need=40)
        assert grant.verdict == "ok"
        assert grant.limit_name == "daily_token_limit of group g"
        assert guard.ask(lease=grant.lease, need=60, granted_seen=40).verdict == "exhausted"
        [policy] = guard.policies()
        assert (policy.unreachable, policy.unpriced, policy.max_wait_ms) == (
            *("closed", "refuse"),
            1500,
        )
    assert running.metric("manager_guard_grants_total", verdict="exhausted") >= 1
    until(
        "what leases hold is counted",
        lambda: running.metric("manager_guard_outstanding", unit="tokens") >= 40,
    )


def test_a_limit_changed_over_rest_holds_for_guards_at_once(
    running: Manager, rest: httpx.Client
) -> None:
    with Guard(running.where["otlp_grpc"], "f2", agent="d") as guard:
        assert guard.ask(need=5).limit_name == "monthly_token_limit of the fleet"

        put = rest.put("/api/v1/budgets/d", json={"daily_token_limit": 10, "why": "too much"})
        assert put.status_code == 200, put.text
        lease = guard.ask(need=20).lease
        assert guard.grants()[-1].verdict == "exhausted"

        rest.put("/api/v1/budgets/d", json={"daily_token_limit": 500, "enforcement": "firm"})
        guard.until("the raise", lambda: guard.grants()[-1].verdict == "ok")
        assert guard.ask(lease=lease, need=400).verdict == "ok"
        assert guard.policies()[-1].enforcement == "hard", "the fleet's limit is"

        rest.put("/api/v1/budgets/d", json={"daily_token_limit": 100})
        guard.until("the recall", lambda: any(one.recall_to == 0 for one in guard.grants()))

    events = until(
        "the audit",
        lambda: running.sql(
            "SELECT detail, actor FROM control_events WHERE subject = 'd' ORDER BY ts"
        )[2:],
    )
    first = json.loads(
        running.sql("SELECT detail FROM control_events WHERE subject = 'd' ORDER BY ts")[0][
            "detail"
        ]
    )
    assert (first["before"], first["why"]) == (None, "too much")
    assert first["after"]["daily_token_limit"] == 10
    assert events[0]["actor"] == "api 127.0.0.1"


def test_a_second_manager_does_not_share_the_ledger(running: Manager) -> None:
    done = run_command(*command(running.data_dir)[3:], seconds=60)

    assert done.returncode != 0
    assert str(running.data_dir) in done.stderr
    with Guard(running.where["otlp_grpc"], "f3", agent="a") as guard:
        assert guard.ask(need=1).verdict == "ok"


class Spender:
    """A guard that spends all it gets, over managers that die: what it holds it keeps count of."""

    def __init__(self, number: int) -> None:
        self.holder = f"spender-{number}"
        self.seq = 0
        self.leases: dict[int, Grant] = {}
        self.spent = 0

    def go(self, address: str, stop: threading.Event) -> None:
        """Ask, spend, tell, until the manager is gone or says that there is nothing more."""
        with Guard(address, self.holder) as guard:
            while not stop.is_set() and not guard.ended:
                self._report(guard)
                if self._heard(guard) == "exhausted":
                    return
                stop.wait(0.002)

    def _report(self, guard: Guard) -> None:
        for lease in self.leases.values() or [Grant()]:
            self.seq += 1
            guard.say(
                Report(
                    holder=self.holder,
                    seq=self.seq,
                    lease=lease.lease,
                    agent="a",
                    unit="tokens",
                    settled_total=lease.granted_total,  # all of it, at once
                    need=7,
                    granted_seen=lease.granted_total,
                )
            )

    def _heard(self, guard: Guard) -> str:
        verdict = ""
        for grant in guard.grants():
            known = self.leases.get(grant.lease)
            if grant.lease and (known is None or known.granted_total < grant.granted_total):
                self.leases[grant.lease] = grant
            verdict = grant.verdict
        self.spent = sum(lease.granted_total for lease in self.leases.values())
        return verdict


def spend(running: Manager, spenders: list[Spender], least: int | None) -> int:
    """Let all spend at once until they spent `least`, or are told that there is nothing more."""
    stop = threading.Event()
    address = running.where["otlp_grpc"]
    threads = [threading.Thread(target=one.go, args=(address, stop)) for one in spenders]
    for thread in threads:
        thread.start()
    try:
        if least is not None:
            until("some spend", lambda: sum(one.spent for one in spenders) >= least)
            running.kill()  # while they speak
        else:
            until("the end", lambda: not any(thread.is_alive() for thread in threads))
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    return sum(one.spent for one in spenders)


@pytest.mark.slow
def test_kill_9_in_mid_stream_grants_nothing_twice(tmp_path: Path) -> None:
    """What guards spent over the lives of the manager is what they were granted, to the limit."""
    spenders = [Spender(number) for number in range(4)]
    data = tmp_path / "data"
    for least in (300, 700):
        with manager(data, CONFIG) as running:
            assert spend(running, spenders, least) <= LIMIT
        with sqlite3.connect(data / "control.sqlite") as ledger:
            rows = ledger.execute(
                "SELECT settled, doubt, outstanding, excess FROM ledger_accounts"
                " WHERE scope = 'agent' AND settled + doubt + outstanding > 0"
            ).fetchall()
        ledger.close()
        assert rows
        assert all(sum(row[:3]) <= LIMIT and not row[3] for row in rows), rows

    with manager(data, CONFIG) as running:
        spent = spend(running, spenders, None)
        assert LIMIT - 7 < spent <= LIMIT, "all of it is used, and not more"
        assert "[error" not in running.log()
