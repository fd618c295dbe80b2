"""Leases of processes that are gone are held against their spans; sums are set side by side."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from manager_agent.analytics.load import load
from manager_agent.app.reconciling import Reconciling, gone
from manager_agent.app.truth import ledger_rows
from manager_agent.contract.budget import BudgetPolicy, Group, Limits
from manager_agent.contract.guard import Bye, Hello, Report
from manager_agent.control.commands import Charge, Command, Tick
from manager_agent.control.views import account_views
from manager_agent.receiver.testing import NOW_NS
from manager_agent.rules.catalog.budget_drift import BudgetDrift
from manager_agent.store.duck import FactStore
from tests.control.desk import Desk
from tests.harness.facts import added, call, opened

NOW = datetime.fromtimestamp(NOW_NS // 10**9, UTC)
CENT = 10_000_000


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[FactStore]:
    store = opened(tmp_path)
    yield store
    store.close()


class Ledger(Desk):
    """A desk whose agent `writer` has a dollar an hour, at the time of the facts."""

    def __init__(self, policy: BudgetPolicy | None = None) -> None:
        limits = Limits(hourly_limit_usd=Decimal(1))
        super().__init__(policy or BudgetPolicy(agents={"writer": limits}))
        self.now = NOW_NS // 1000
        self.seconds = 0.0

    def reconciling(self, facts: FactStore) -> Reconciling:
        told: list[Command] = []

        def look() -> int:
            found = one.look()
            self.tell(*told)
            told.clear()
            return found

        one = Reconciling(
            lambda: gone(self.authority.book, self.now), facts.cursor, told.append, self.time
        )
        self.look = look
        return one

    def time(self) -> float:
        return self.seconds

    def began(self, cents: int, calls: int) -> int:
        """Let a process get 60 cents, settle so much, and return its lease."""
        self.tell(Hello("h1", host="host", boot_id="boot"))
        said = Report(holder="h1", agent="writer", unit="usd", seq=1, need=60 * CENT)
        self.tell(said)
        lease = self.answer("h1").lease
        settled = replace(
            said, seq=2, lease=lease, need=0, settled_total=cents * CENT, settled_calls=calls
        )
        self.tell(replace(settled, granted_seen=60 * CENT))
        return lease

    def cents(self) -> tuple[int, int]:
        """Return settled and in doubt."""
        [account] = [one for one in self.authority.book.accounts.values() if one.total]
        return account.settled // CENT, account.doubt // CENT


def spans(facts: FactStore, lease: int, *cents: int | None, holder: str = "h1") -> None:
    facts.append(
        added(
            [
                call(
                    f"{holder}{lease}{number}",
                    cost_nano=None if each is None else each * CENT,
                    cost_source="local",
                    holder=holder,
                    usd_lease=lease,
                    settled_nano=5 * CENT,
                )
                for number, each in enumerate(cents)
            ]
        )
    )


def test_one_that_was_killed_is_raised_to_its_spans(facts: FactStore) -> None:
    ledger = Ledger()
    lease = ledger.began(20, calls=2)
    ledger.now += 11_000_000
    ledger.tell(Tick())
    ledger.reconciling(facts)
    assert (ledger.look(), ledger.cents()) == (0, (20, 40))

    spans(facts, lease, 10, 10, 15)
    ledger.seconds += 2
    assert (ledger.look(), ledger.cents()) == (1, (35, 25))


def test_one_that_ended_is_replaced_by_its_spans_once_none_is_missing(facts: FactStore) -> None:
    ledger = Ledger()
    lease = ledger.began(20, calls=3)
    ledger.tell(Bye("h1"))
    ledger.reconciling(facts)
    spans(facts, lease, 6, 6)
    assert (ledger.look(), ledger.cents()) == (0, (20, 40)), "one is missing"

    facts.append(added([call("last", usd_lease=lease, holder="h1", settled_nano=5 * CENT)]))
    ledger.seconds += 1
    assert ledger.look() == 0, "not due again yet"
    ledger.seconds += 1
    assert (ledger.look(), ledger.cents()) == (1, (17, 0)), "5 cents stand in for what is unknown"


def test_spans_of_another_holder_say_nothing_of_a_lease(facts: FactStore) -> None:
    """Another manager's, or an older ledger's: numbers of leases are its own."""
    ledger = Ledger()
    lease = ledger.began(20, calls=3)
    ledger.tell(Bye("h1"))
    ledger.reconciling(facts)
    spans(facts, lease, 50, 50, 50, holder="other")

    assert (ledger.look(), ledger.cents()) == (0, (20, 40))


def test_leases_of_those_who_are_there_are_left_to_them(facts: FactStore) -> None:
    ledger = Ledger()
    lease = ledger.began(20, calls=3)
    ledger.reconciling(facts)
    spans(facts, lease, 50)

    assert (ledger.look(), ledger.cents()) == (0, (20, 0))


def drift(ledger: Ledger, facts: FactStore, now: datetime) -> dict[str, object]:
    rows = ledger_rows(account_views(ledger.authority.book, ledger.now), ledger.policy)
    cursor = facts.cursor()
    frames = load(cursor, now, ledger.policy, rows)
    cursor.close()
    found = list(BudgetDrift().find(frames, now))
    return {
        f"{one.subject.split('|')[0]} {one.evidence['period']}": one.evidence["kind"]
        for one in found
    }


def test_a_span_that_is_lost_shows_as_drift(facts: FactStore) -> None:
    ledger = Ledger()
    lease = ledger.began(20, calls=4)
    spans(facts, lease, 5, 5, 5)
    later = NOW + timedelta(minutes=3)

    assert drift(ledger, facts, later) == {"agent writer hour": "spans_missing"}
    facts.append(
        added([call("4", cost_nano=5 * CENT, usd_lease=lease, holder="h1", settled_nano=5 * CENT)])
    )
    assert drift(ledger, facts, later) == {}


def test_what_is_charged_without_a_guard_or_said_by_people_is_no_drift(facts: FactStore) -> None:
    ledger = Ledger()
    lease = ledger.began(20, calls=4)
    spans(facts, lease, 5, 5, 5, 5)
    facts.append(added([call("free", cost_nano=70 * CENT, cost_source="local")]))
    ledger.tell(Charge("k", "writer", "usd", ledger.now, 70 * CENT))

    assert drift(ledger, facts, NOW + timedelta(minutes=3)) == {}


def test_prices_that_differ_show_as_drift(facts: FactStore) -> None:
    ledger = Ledger()
    lease = ledger.began(20, calls=4)
    spans(facts, lease, 5, 5, 5, 8)

    assert drift(ledger, facts, NOW + timedelta(minutes=3)) == {"agent writer hour": "prices"}


def test_groups_and_the_fleet_are_compared_with_all_their_agents(facts: FactStore) -> None:
    hour = Limits(hourly_limit_usd=Decimal(1))
    group = Group(frozenset({"writer", "reader"}), hour)
    ledger = Ledger(BudgetPolicy(groups={"desk": group}, fleet=hour))
    lease = ledger.began(20, calls=4)
    spans(facts, lease, 5, 5)

    assert drift(ledger, facts, NOW + timedelta(minutes=3)) == {
        "group desk hour": "spans_missing",
        "fleet hour": "spans_missing",
    }
