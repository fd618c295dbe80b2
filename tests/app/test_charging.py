"""Spend without a guard reaches the ledger once, in its window, whatever the order."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.app.charging import Charging
from manager_agent.contract.attributes import AGENT, GUARDED, HOLDER, SETTLED_NANO, TOKEN_LEASE
from manager_agent.contract.attributes import USD_LEASE as IN_USD
from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.contract.money import nano_usd
from manager_agent.contract.window import PERIODS, window
from manager_agent.control.authority import Authority
from manager_agent.control.book import micros
from manager_agent.control.commands import Charge, Configure
from manager_agent.control.rows import Account, AccountKey
from manager_agent.receiver.call import Call
from manager_agent.receiver.span import Span
from manager_agent.receiver.testing import NOW_NS
from manager_agent.store.control import ControlStore
from manager_agent.store.duck import FactStore
from manager_agent.store.ledger import LedgerStore
from tests.harness.facts import added, call, opened, replaced
from tests.harness.stories import Receiver, llm

NOW = datetime.fromtimestamp(NOW_NS // 10**9, UTC)
HOUR_NS = 3600 * 10**9
MUCH = Decimal(100)
LIMITS = Limits(MUCH, MUCH, MUCH, 10**6, 10**6, 10**6)


class Books:
    """A fact store, a ledger, and what carries from one to the other; both can be opened anew."""

    def __init__(self, folder: Path, zone: str = "UTC", ceiling: int = 0) -> None:
        self.folder = folder
        self.zone = ZoneInfo(zone)
        self.now = NOW
        self.policy = BudgetPolicy(default=LIMITS, zone=self.zone)
        self.ceiling = ceiling
        self.told: list[Charge] = []
        self.facts = opened(folder)
        self.ledger = LedgerStore(self._control())
        self._begin()

    def _control(self) -> Path:
        path = self.folder / "control.sqlite"
        ControlStore(path).close()  # which makes its tables
        return path

    def _begin(self) -> None:
        self.authority = Authority(self.ledger, self.policy, micros(self.now))
        self.charging = Charging(
            self.facts.cursor, self.told.append, self.zone, self.ceiling, lambda: self.now
        )
        self.facts.spent = self.charging.note

    def restart(self) -> FactStore:
        self.close()
        self.facts = opened(self.folder)
        self.ledger = LedgerStore(self.folder / "control.sqlite")
        self.told.clear()
        self._begin()
        return self.facts

    def close(self) -> None:
        self.facts.close()
        self.ledger.close()

    def carry(self) -> int:
        """Tell what changed; return how many totals were told."""
        self.charging.tell_now()
        told = len(self.told)
        self.authority.decide(self.told, micros(self.now))
        self.told.clear()
        return told

    def account(self, period: str, unit: str = "usd", agent: str = "writer") -> Account:
        found = window(period, self.now, self.zone)  # type: ignore[arg-type]
        key = AccountKey("agent", agent, period, unit, micros(found.start))  # type: ignore[arg-type]
        return self.authority.book.accounts.get(key) or Account(key, 0, None)

    def spent(self, agent: str = "writer") -> dict[tuple[str, str], int]:
        """Return what was charged without a lease in the present windows."""
        return {
            (period, unit): self.account(period, unit, agent).external
            for period in PERIODS
            for unit in ("usd", "tokens")
        }

    def summed(self, agent: str = "writer") -> dict[tuple[str, str], int]:
        """Return what `llm_calls` says of calls without a lease in the present windows."""
        found: dict[tuple[str, str], int] = {}
        cursor = self.facts.cursor()
        for period in PERIODS:
            of = window(period, self.now, self.zone)
            row = cursor.execute(
                "SELECT coalesce(sum(cost_usd) FILTER (WHERE usd_lease IS NULL), 0),"
                " coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))"
                " FILTER (WHERE token_lease IS NULL), 0)"
                " FROM llm_calls WHERE agent = $agent AND ts >= $start AND ts < $end",
                {
                    "agent": agent,
                    "start": of.start.astimezone(UTC).replace(tzinfo=None),
                    "end": of.end.astimezone(UTC).replace(tzinfo=None),
                },
            ).fetchone()
            assert row is not None
            found[period, "usd"] = nano_usd(row[0])
            found[period, "tokens"] = int(row[1])
        cursor.close()
        return found


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    found = Books(tmp_path)
    yield found
    found.close()


def usd(nano: int, **given: Any) -> Call:
    return call(cost_nano=nano, cost_source="local", input_tokens=10, output_tokens=1, **given)


def test_a_call_without_a_guard_is_charged_in_each_window_that_holds_it(books: Books) -> None:
    books.facts.append(added([usd(5)]))

    assert books.carry() == 6
    assert books.spent() == {(p, u): n for p in PERIODS for u, n in (("usd", 5), ("tokens", 11))}
    assert books.carry() == 0


def test_what_a_guard_charged_is_charged_in_the_other_unit_alone(books: Books) -> None:
    leased: dict[str, Any] = {"guarded": True, "holder": "h1", "settled_nano": 5}
    books.facts.append(
        added([usd(5, usd_lease=1, **leased), usd(7, call_id="c2", token_lease=2, **leased)])
    )
    books.carry()

    account = books.account("day", "usd")
    assert (account.external, books.account("day", "tokens").external) == (7, 11)
    assert account.settled == 12, "a limit that begins now counts what leases were charged before"


def test_a_call_that_turns_out_to_be_guarded_is_given_back(books: Books) -> None:
    """Another emitter's span came first."""
    told_first = usd(5)
    books.facts.append(added([told_first]))
    books.carry()
    books.facts.append(
        replaced(told_first, usd(5, holder="h1", usd_lease=1, token_lease=2), revision=2)
    )
    books.carry()

    assert set(books.spent().values()) == {0}


@pytest.mark.parametrize(
    ("ceiling", "nano"),
    [
        pytest.param(100 * 10**9, 1_100_000, id="at the ceiling"),
        pytest.param(0, 0, id="allowed uncounted"),
    ],
)
def test_a_call_without_a_price_is_charged_at_the_ceiling(
    tmp_path: Path, ceiling: int, nano: int
) -> None:
    books = Books(tmp_path, ceiling=ceiling)
    books.facts.append(added([call(cost_source="unpriced", input_tokens=10, output_tokens=1)]))
    books.carry()

    assert books.account("hour").settled == nano
    books.close()


def test_late_spans_of_an_hour_that_is_over_touch_the_day_and_not_the_present_hour(
    books: Books,
) -> None:
    books.facts.append(added([usd(5, start_ns=NOW_NS - HOUR_NS), usd(1, call_id="c2")]))
    books.carry()

    assert [books.account(period).settled for period in PERIODS] == [1, 6, 6]


def test_history_of_this_month_counts_in_the_month_however_old(books: Books) -> None:
    books.facts.take_in([usd(5, start_ns=NOW_NS - 10 * 24 * HOUR_NS)], NOW_NS)
    books.facts.take_in([usd(9, call_id="c2", start_ns=NOW_NS - 90 * 24 * HOUR_NS)], NOW_NS)
    books.carry()

    assert books.account("month").settled == 5
    assert len(books.authority.book.accounts) == 2, "what is long over opens no account"


def test_a_limit_that_is_set_in_mid_window_knows_what_was_spent_before(books: Books) -> None:
    none = replace(books.policy, default=None)
    books.authority.decide([Configure(none)], micros(books.now))
    books.facts.append(added([usd(5), usd(7, agent="reader", call_id="c2")]))
    books.carry()
    assert not books.authority.book.accounts

    fleet = replace(books.policy, fleet=Limits(daily_limit_usd=MUCH))
    books.authority.decide([Configure(fleet)], micros(books.now))
    books.facts.append(added([usd(1, call_id="c3")]))
    books.carry()

    day = window("day", books.now, books.zone)
    assert books.spent()["day", "usd"] == 6
    key = AccountKey("fleet", "", "day", "usd", micros(day.start))
    assert books.authority.book.accounts[key].settled == 13


def test_what_was_stored_and_not_told_is_told_at_the_next_start(books: Books) -> None:
    books.facts.append(added([usd(5)]))
    books.restart()
    books.carry()
    assert books.account("hour").settled == 5

    books.restart()
    books.carry()
    assert books.account("hour").settled == 5, "told again, it changes nothing"


def test_a_total_is_kept_as_long_as_its_month_however_old_the_month(books: Books) -> None:
    """Were it pruned with what is two days old, all of it would be charged again."""
    books.facts.append(added([usd(5)]))
    books.carry()
    books.now += timedelta(days=5)
    books.ledger.prune(micros(books.now))
    books.restart()
    books.carry()

    assert books.account("month").settled == 5


def test_a_ledger_that_begins_in_mid_month_learns_of_the_month(books: Books) -> None:
    """The ledger is new, or its database was lost: the facts know what was spent."""
    books.facts.append(added([usd(5, start_ns=NOW_NS - 9 * 24 * HOUR_NS), usd(2, call_id="c2")]))
    books.carry()
    books.close()
    for file in books.folder.glob("control.sqlite*"):
        file.unlink()
    books._control()
    books.restart()
    books.carry()

    assert [books.account(period).settled for period in PERIODS] == [2, 2, 7]


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"])
def test_windows_of_zones_with_odd_offsets_sum_exactly(tmp_path: Path, zone: str) -> None:
    books = Books(tmp_path, zone)
    hours = range(-60, 60)
    calls = [
        usd(1, call_id=f"c{quarter}", start_ns=NOW_NS + quarter * 900 * 10**9) for quarter in hours
    ]
    books.facts.append(added(calls))
    books.carry()

    assert books.spent() == books.summed()
    books.close()


def test_a_failure_to_read_loses_nothing(books: Books) -> None:
    books.facts.append(added([usd(5)]))
    reading, books.charging._read = books.charging._read, _broken
    with pytest.raises(OSError, match="no disk"):
        books.carry()
    books.charging._read = reading

    assert books.carry() == 6


def _broken() -> NoReturn:
    raise OSError("no disk")


def test_compacting_the_rollup_changes_no_sum(books: Books) -> None:
    books.facts.append(added([usd(5), usd(7, call_id="c2")]))
    books.facts.compact_usage(datetime(2000, 1, 1))
    books.restart()
    books.carry()

    assert books.account("hour").settled == 12


AGENTS = ("writer", "reader")
SPANS = st.tuples(
    st.integers(0, 3),  # which call: several spans may tell of one
    st.sampled_from(AGENTS),
    st.sampled_from(["one", "two"]),  # the emitter
    st.sampled_from([0, 1, 2, 3]),  # leases: none, USD, tokens, both
    st.integers(1, 20),  # tokens
)


Story = tuple[int, str, str, int, int]


def told(number: int, of: Story, at_ns: int) -> Span:
    which, agent, scope, leases, tokens = of
    more: dict[str, object] = {AGENT: agent, "gen_ai.response.id": f"resp_{which}"}
    if leases:
        more |= {GUARDED: True, HOLDER: "h1", SETTLED_NANO: 7 * tokens}
        more |= {IN_USD: leases & 1, TOKEN_LEASE: leases & 2}
    start_ns = at_ns - which * 900 * 10**9
    return llm("abcd"[which], number, tokens, scope=scope, attributes=more, start_ns=start_ns)


STORIES = {
    "spans": st.lists(SPANS, min_size=1, max_size=8),
    "steps": st.lists(st.sampled_from(["take", "carry", "restart", "wait"]), max_size=10),
}
ROUND = settings(deadline=None, derandomize=True)


@settings(ROUND, max_examples=3)
@given(**STORIES)
def test_the_ledger_and_llm_calls_agree(
    tmp_path_factory: pytest.TempPathFactory, spans: list[Story], steps: list[str]
) -> None:
    _agree(Books(tmp_path_factory.mktemp("books")), spans, steps)


@pytest.mark.slow
@settings(ROUND, max_examples=25)
@given(**STORIES)
def test_they_agree_in_many_more_stories(
    tmp_path_factory: pytest.TempPathFactory, spans: list[Story], steps: list[str]
) -> None:
    _agree(Books(tmp_path_factory.mktemp("books")), spans, steps)


def _agree(books: Books, spans: list[Story], steps: list[str]) -> None:
    """Take spans of guarded and unguarded calls, one call told by several, with restarts."""
    receiver = Receiver(books.facts)
    waiting = [told(number, of, NOW_NS) for number, of in enumerate(spans, start=1)]
    for step in [*steps, *["take"] * len(waiting)]:
        if step == "take" and waiting:
            receiver.take([waiting.pop()])
        elif step == "carry":
            books.carry()
        elif step == "restart":
            receiver.restart(books.restart())
        elif step == "wait":
            receiver.wait(301)
    books.carry()

    for agent in AGENTS:
        assert books.spent(agent) == books.summed(agent)
    books.close()


def test_the_thread_tells_what_was_noted_also_when_it_is_stopped(tmp_path: Path) -> None:
    books = Books(tmp_path)
    books.charging.start()
    books.facts.append(added([usd(5)]))
    books.charging.stop()

    assert {charge.total for charge in books.told} == {5, 11}
    assert [m.samples[0].value for m in books.charging.metrics()][:2] == [6.0, 0.0]
    books.close()
