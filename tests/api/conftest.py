"""A live database and the API over it, in this process or under a real server."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import httpx
import pytest
import uvicorn
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from manager_agent.analytics.install import install
from manager_agent.analytics.savings.suggest import Savings
from manager_agent.api.app import build
from manager_agent.api.services import BusyError, ByHand, Health, Oversight, Services, Upkeep
from manager_agent.api.sql import SqlRunner
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.command import RecordCall, SetBudget
from manager_agent.contract.metric import Metric, Sample
from manager_agent.control.views import AccountView, HolderView, PauseView, Sums
from manager_agent.store.snapshot import Snapshots
from manager_agent.store.sql_files import migrations

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


@dataclass
class Live:
    """A live instance: `changes` counts commits, `health` is what it says of itself."""

    con: duckdb.DuckDBPyConnection
    changes: int = 0
    health: Health = field(default_factory=lambda: Health(True))
    alerts: list[Any] = field(default_factory=list)
    budgets: list[Any] = field(default_factory=list)
    recorded: list[RecordCall] = field(default_factory=list)
    commands: list[SetBudget] = field(default_factory=list)
    policy: BudgetPolicy = field(default_factory=BudgetPolicy)
    trouble: Exception | None = None
    accounts: list[AccountView] = field(default_factory=list)
    holders: list[HolderView] = field(default_factory=list)
    paused: list[PauseView] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    set_limits: set[Any] = field(default_factory=set)

    @property
    def oversight(self) -> Oversight:
        """A ledger that takes commands down in `told`, unless there is `trouble`."""

        def accounts() -> list[AccountView]:
            if self.trouble:
                raise BusyError(str(self.trouble))
            return self.accounts

        def do(commands: Sequence[Any]) -> None:
            if self.trouble:
                raise BusyError(str(self.trouble))
            self.told.extend(commands)

        return Oversight(
            accounts=accounts,
            holders=lambda: self.holders,
            paused=lambda: self.paused,
            sums=lambda: Sums({"usd": 2_500_000_000, "tokens": 7}, {"usd": 0, "tokens": 0}, 2, 1),
            set_limits=lambda: frozenset(self.set_limits),
            policy=lambda: self.policy,
            do=do,
        )

    @property
    def by_hand(self) -> ByHand:
        """What takes commands down in `recorded` and `commands`, unless there is `trouble`."""

        async def record(calls: Sequence[RecordCall]) -> None:
            if self.trouble:
                raise self.trouble
            self.recorded.extend(calls)

        def set_budget(command: SetBudget) -> None:
            if self.trouble:
                raise self.trouble
            self.commands.append(command)

        return ByHand(
            record,
            lambda agent: [row for row in self.budgets if row.agent == agent],
            lambda: self.policy,
            lambda: frozenset(command.agent for command in self.commands if command.limits),
            set_budget,
            "firm",
        )

    def add_call(
        self,
        agent: str | None,
        ts: datetime,
        *,
        cost: str | None = "0.25",
        tokens: int | None = 100,
        error: str | None = None,
    ) -> None:
        """Store one call as the receiver does: its row, and its part of the rollups."""
        naive = ts.astimezone(UTC).replace(tzinfo=None)
        self.con.execute(
            "INSERT INTO calls_sealed (call_id, revision, ts, agent, provider, input_tokens,"
            " output_tokens, cost_usd, status, error_type, error_message)"
            " VALUES (?, 1, ?, ?, 'openai', ?, ?, CAST(? AS DECIMAL(18, 9)), ?, ?, ?)",
            [
                *(f"call-{self.changes}", naive, agent, tokens, tokens, cost),
                *("error" if error else "ok", "server_error" if error else None, error),
            ],
        )
        for grain in ("minute", "hour", "day"):
            self.con.execute(
                f"INSERT INTO usage_{grain}_deltas (ts, agent, provider, calls, errors,"
                " input_tokens, output_tokens, cost_usd, unpriced_calls)"
                f" SELECT date_trunc('{grain}', ?::TIMESTAMP), ?, 'openai', 1, ?, ?, ?,"
                " CAST(? AS DECIMAL(18, 9)), ?",
                [naive, agent, int(error is not None), tokens, tokens, cost, int(cost is None)],
            )
        self.changes += 1


@contextmanager
def live_at(database: str) -> Iterator[Live]:
    con = duckdb.connect(database)
    for _, _, text in migrations():
        con.execute(text)
    install(con)
    yield Live(con)
    con.close()


@contextmanager
def services_over(live: Live, directory: Path, **runner: Any) -> Iterator[Services]:
    sql = SqlRunner(**runner)
    yield Services(
        started=NOW - timedelta(minutes=5),
        version="1.2.3",
        clock=lambda: NOW,
        zone=ZoneInfo("UTC"),
        read=live.con.cursor,
        snapshots=Snapshots(
            directory / "public", live.con.cursor, lambda: NOW, lambda: live.changes
        ),
        sql=sql,
        alerts=lambda open_only: [a for a in live.alerts if not open_only or a.state == "firing"],
        budgets=lambda: live.budgets,
        metrics=lambda: [Metric("calls_total", "counter", "Calls.", [Sample(3, (("a", "b"),))])],
        health=lambda: live.health,
        slack=lambda: "off",
        by_hand=live.by_hand,
        oversight=live.oversight,
        savings=lambda since, until: Savings((), 0, 0),
        upkeep=Upkeep(backup=lambda: {}, take_history=lambda rows: {"added": len(rows)}),
    )
    sql.close()


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve `app` on a free port; yield its URL."""
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.01)  # the condition above, polled
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def live() -> Iterator[Live]:
    with live_at(":memory:") as found:
        yield found


@pytest.fixture
def services(live: Live, tmp_path: Path) -> Iterator[Services]:
    with services_over(live, tmp_path) as found:
        yield found


@pytest.fixture
def client(services: Services) -> TestClient:
    """The API in this process, over a fresh `live`."""
    return TestClient(build(services), base_url="http://localhost")


@pytest.fixture(scope="session")
def served_live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The database file behind `server`, shared by all tests: for what no other test minds."""
    with live_at(str(tmp_path_factory.mktemp("live") / "live.duckdb")) as found:
        yield found


@pytest.fixture(scope="session")
def served(served_live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    directory = tmp_path_factory.mktemp("api")
    with services_over(served_live, directory, workers=1, timeout_seconds=2) as found:
        yield found


@pytest.fixture(scope="session")
def server(served: Services) -> Iterator[httpx.Client]:
    """The API under a real server."""
    with (
        serving(build(served)) as url,
        httpx.Client(base_url=url, timeout=60, trust_env=False) as found,
    ):
        yield found
