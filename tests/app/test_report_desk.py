"""Reports of a running manager: over real stores, by a clock that the tests turn."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from manager_agent.app.reporting import plan_of
from manager_agent.app.reports.chart import chart
from manager_agent.app.reports.desk import ReportDesk
from manager_agent.app.reports.gathered import NOTHING
from manager_agent.app.reports.period import Kind
from manager_agent.app.reports.schedule import Plan
from manager_agent.app.settings import Settings
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.stored_time import naive
from manager_agent.control.keeper import KeeperError
from manager_agent.rules.message import Message
from manager_agent.store.control import ControlStore
from manager_agent.store.reports import ReportStore
from tests.harness.history import History
from tests.harness.outbox import due, sent

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
DAILY = Plan(BERLIN, kinds=frozenset({"daily"}))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    of = History()
    for number in range(20):
        priced = {"cost_usd": Decimal("0.25"), "cost_source": "local"}
        of.call("writer", naive(NOW - number * DAY), provider="openai", status="ok", **priced)
    of.roll_up()
    yield of
    of.con.close()


class Office:
    """A desk over stores in `folder`, which may be opened again; `woken`: how often it said so."""

    def __init__(self, folder: Path, history: History, **given: object) -> None:
        self.woken = 0
        self.control = ControlStore(folder / "control.sqlite")
        self.desk = ReportDesk(
            plan=DAILY,
            read=history.con.cursor,
            policy=lambda: BudgetPolicy(zone=BERLIN),
            savings=lambda since, until, now: NOTHING,
            store=ReportStore(self.control),
            wake=self._wake,
        )
        for name, value in given.items():
            setattr(self.desk, name, value)

    def _wake(self) -> None:
        self.woken += 1

    def told(self) -> list[Message]:
        return [one.message for one in due(self.control, NOW + 3650 * DAY)]

    def told_keys(self) -> list[str]:
        return [message.key for message in self.told()]


Opened = Callable[..., Office]


@pytest.fixture
def opened(tmp_path: Path, history: History) -> Iterator[Opened]:
    offices: list[Office] = []

    def open_again(**given: object) -> Office:
        for office in offices:
            office.control.close()
        offices.append(Office(tmp_path, history, **given))
        return offices[-1]

    yield open_again
    offices[-1].control.close()


def test_what_is_due_is_told_once_also_after_a_restart(opened: Opened) -> None:
    for minutes in (0, 1, 30, 31):  # at each look the manager was started anew
        office = opened(plan=Plan(BERLIN))
        office.desk.tell_due(NOW + minutes * MINUTE)

    assert (
        office.told_keys()
        == [
            "report:hourly:2026-11-26T08:00+01:00",  # there is nothing to tell of: but see below
            "report:daily:2026-11-25",
            "report:weekly:2026-W47",
            "report:hourly:2026-11-26T09:00+01:00",
        ][1:]
    )
    assert [message.kind for message in office.told()][:2] == ["daily_report", "weekly_report"]


def test_a_clock_that_jumps_a_year_ahead_and_back_has_nothing_told_twice(opened: Opened) -> None:
    office = opened()
    office.desk.tell_due(NOW)
    first = office.told_keys()
    for key in first:
        sent(office.control, key, NOW)
    office.control.prune(NOW + 365 * DAY)

    again = opened()
    again.desk.tell_due(NOW)

    assert first
    assert again.told_keys() == []


def test_quiet_hours_are_told_only_where_people_want_that(opened: Opened) -> None:
    silent = NOW - 90 * MINUTE

    hourly = Plan(BERLIN, kinds=frozenset({"hourly"}))

    office = opened(plan=hourly)
    office.desk.tell_due(silent)
    assert office.told_keys() == []
    assert office.woken == 0

    office = opened(plan=hourly, quiet=True)
    office.desk.tell_due(silent)
    assert office.told_keys() == ["report:hourly:2026-11-26T06:00+01:00"]


def test_a_manager_without_any_history_tells_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path, History())
    office.desk.tell_due(NOW)

    assert office.told_keys() == []
    office.control.close()


def test_days_that_were_missed_are_named(opened: Opened) -> None:
    office = opened()
    office.desk.tell_due(NOW - 3 * DAY)
    office.desk.tell_due(NOW)

    [daily] = [m for m in office.told() if m.key == "report:daily:2026-11-25"]
    assert str(daily.facts["not_told_before"]).startswith("2026-11-23, 2026-11-24: ")
    assert office.told_keys().count("report:daily:2026-11-24") == 0


def test_what_failed_is_tried_again_and_nothing_is_lost(opened: Opened, history: History) -> None:
    def broken() -> duckdb.DuckDBPyConnection:
        raise duckdb.IOException("no space left on device")

    office = opened(read=broken)
    with pytest.raises(duckdb.IOException):
        office.desk.tell_due(NOW)
    assert office.told_keys() == []

    office.desk.read = history.con.cursor
    office.desk.tell_due(NOW)
    assert "report:daily:2026-11-25" in office.told_keys()


def test_a_disk_that_fails_is_said_so(opened: Opened) -> None:
    office = opened()
    office.control.close()

    with pytest.raises(KeeperError):
        office.desk.send("daily", None, NOW)


def test_the_picture_can_be_drawn_from_what_waited_in_the_outbox(opened: Opened) -> None:
    office = opened()
    office.desk.tell_due(NOW)
    [daily] = [m for m in office.told() if m.kind == "daily_report"]

    picture = chart(daily)

    assert daily == office.desk.report("daily", None, NOW)
    assert picture is not None
    assert picture.startswith(b"\x89PNG")
    assert picture == chart(office.desk.report("daily", None, NOW))
    assert chart(office.desk.report("hourly", None, NOW)) is None


def test_by_hand_it_is_sent_as_often_as_people_ask(opened: Opened) -> None:
    office = opened()
    office.desk.send("daily", None, NOW)
    office.desk.send("daily", None, NOW + MINUTE)
    office.desk.tell_due(NOW)

    assert len({key for key in office.told_keys() if "daily" in key}) == 3
    assert office.woken == 3


@pytest.mark.parametrize(
    ("kind", "at", "start", "end"),
    [
        pytest.param("daily", None, "2026-11-25T00:00+01:00", "2026-11-26T00:00+01:00", id="over"),
        pytest.param(
            "daily",
            "2026-11-26T01:00+01:00",
            "2026-11-26T00:00+01:00",
            "2026-11-26T09:30+01:00",
            id="so far",
        ),
        pytest.param(
            "hourly",
            "2026-11-20T13:10+01:00",
            "2026-11-20T13:00+01:00",
            "2026-11-20T14:00+01:00",
            id="one of the past",
        ),
    ],
)
def test_what_a_report_is_about(
    opened: Opened, kind: Kind, at: str | None, start: str, end: str
) -> None:
    moment = None if at is None else datetime.fromisoformat(at)
    found = opened().desk.period(kind, moment, NOW - timedelta(seconds=20))

    assert found.start == datetime.fromisoformat(start)
    assert found.end == datetime.fromisoformat(end)


def test_the_settings_say_what_is_told_when() -> None:
    settings = Settings.model_validate(
        {
            "timezone": "Asia/Kolkata",
            "monitoring": {"summary_interval_minutes": 15, "daily_report_hour": 7},
            "reports": {"hourly": False, "issues": True},
        }
    )

    assert plan_of(settings) == Plan(
        ZoneInfo("Asia/Kolkata"), 15 * MINUTE, 7, frozenset({"daily", "weekly", "issues"})
    )
