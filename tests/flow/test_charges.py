"""A real manager: what spans cost without a guard reaches its budget ledger, whatever kills it."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from manager_agent.contract.attributes import (
    GUARDED,
    HOLDER,
    SETTLED_NANO,
    TOKEN_LEASE,
    USD_LEASE,
)
from manager_agent.contract.money import nano_usd
from tests.harness.manager import Manager
from tests.harness.otlp import Sender, one_call, request

CONFIG = {
    "agent_budgets": {"default": {"monthly_limit_usd": 100, "monthly_token_limit": 10**9}},
    "receiver": {"merge_window_seconds": 2},
}
LEASED = {GUARDED: True, HOLDER: "h1", USD_LEASE: 7, TOKEN_LEASE: 8, SETTLED_NANO: 210_000}
SECONDS = 30.0


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    found = Manager(tmp_path / "data", CONFIG)
    yield found
    found.reap()


def booked(manager: Manager, agent: str) -> dict[str, int]:
    """Return what the ledger holds spent in an agent's month, by unit."""
    path = manager.data_dir / "control.sqlite"
    con = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        query = "SELECT unit, settled FROM ledger_accounts WHERE name = ? AND period = 'month'"
        return dict(con.execute(query, (agent,)).fetchall())
    finally:
        con.close()


def spent(manager: Manager, agent: str) -> int:
    return booked(manager, agent).get("usd", 0)


def summed(manager: Manager, agent: str) -> dict[str, int]:
    """Return what `llm_calls` says of an agent's calls without a lease."""
    [row] = manager.sql(
        "SELECT sum(cost_usd) FILTER (WHERE usd_lease IS NULL) AS usd,"
        " sum(total_tokens) FILTER (WHERE token_lease IS NULL) AS tokens"
        " FROM llm_calls WHERE agent = ?",
        agent,
    )
    return {"usd": nano_usd(row["usd"] or 0), "tokens": row["tokens"] or 0}


def until(found: Callable[[], object], wanted: object) -> None:
    deadline = time.monotonic() + SECONDS
    while found() != wanted:
        assert time.monotonic() < deadline, f"{found()} is not {wanted}"
        time.sleep(0.05)


def test_spans_without_a_guard_are_charged_and_those_of_guards_are_not(manager: Manager) -> None:
    with Sender(manager.where) as sender:
        sender.send(request([one_call("free", seed) for seed in range(5)]))
        sender.send(request([one_call("led", 8)]))
        until(lambda: booked(manager, "led"), {"usd": 210_000, "tokens": 1100})
        sender.send(request([one_call("led", 9, **LEASED), one_call("led", 10)]))

    until(lambda: booked(manager, "free"), {"usd": 5 * 210_000, "tokens": 5500})
    until(lambda: booked(manager, "led"), {"usd": 420_000, "tokens": 2200})
    assert summed(manager, "free") == booked(manager, "free")
    assert summed(manager, "led") == booked(manager, "led")
    [row] = manager.sql("SELECT * FROM llm_calls WHERE guarded")
    assert (row["holder"], row["usd_lease"], row["token_lease"]) == ("h1", 7, 8)
    assert float(row["settled_usd"]) == 0.00021
    assert manager.metric("manager_charges_total") >= 4


@pytest.mark.slow
def test_kill_9_between_commit_and_charge_loses_nothing_and_charges_nothing_twice(
    tmp_path: Path,
) -> None:
    """The answer says that spans are stored; the ledger learns of them half a second later."""
    manager = Manager(tmp_path / "data", CONFIG)
    try:
        for round_ in range(3):
            with Sender(manager.where) as sender:
                sender.send(request([one_call("free", 10 * round_ + seed) for seed in range(5)]))
            manager.kill()
            assert spent(manager, "free") < (round_ + 1) * 5 * 210_000, (
                "it was not killed in between"
            )
            manager.reap()
            manager = Manager(tmp_path / "data", CONFIG)
            until(partial(spent, manager, "free"), 5 * 210_000 * (round_ + 1))
        assert manager.stop() == 0
        manager.reap()
        manager = Manager(tmp_path / "data", CONFIG)
        until(partial(manager.metric, "manager_charges_total"), 6.0)
        assert booked(manager, "free") == summed(manager, "free")
    finally:
        manager.reap()
