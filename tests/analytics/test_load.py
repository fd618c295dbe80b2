"""Frames are exact in every time zone, read from rollups alone."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from manager_agent.analytics.frames import BUDGETS, UNPRICED, BudgetRow
from manager_agent.analytics.load import budget_rows, load, whole_hours
from manager_agent.contract.budget import BudgetPolicy, Limits, Unit
from manager_agent.contract.window import PERIODS, Period, window

Con = duckdb.DuckDBPyConnection

EVERY = Limits(
    hourly_limit_usd=Decimal(1),
    daily_limit_usd=Decimal(10),
    monthly_limit_usd=Decimal(100),
    hourly_token_limit=1000,
    daily_token_limit=10_000,
    monthly_token_limit=100_000,
)
NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


class Spend(Protocol):
    """Adds calls at a time (UTC) to the rollups, as the store's writer does."""

    def __call__(
        self,
        at: str,
        agent: str | None,
        usd: str | None = None,
        *,
        tokens: tuple[int | None, int | None] = (None, None),
        model: str = "gpt-5",
        provider: str = "openai",
        calls: int = 1,
        unpriced: int = 0,
    ) -> None: ...


@pytest.fixture
def spend(rollups: duckdb.DuckDBPyConnection) -> Spend:
    """Write one delta to each rollup."""

    def add(
        at: str,
        agent: str | None,
        usd: str | None = None,
        *,
        tokens: tuple[int | None, int | None] = (None, None),
        model: str = "gpt-5",
        provider: str = "openai",
        calls: int = 1,
        unpriced: int = 0,
    ) -> None:
        ts = datetime.fromisoformat(at).replace(tzinfo=UTC).isoformat()
        for grain in ("minute", "hour", "day"):
            rollups.execute(
                f"INSERT INTO usage_{grain}_deltas VALUES (date_trunc('{grain}', "
                "?::TIMESTAMPTZ AT TIME ZONE 'UTC'), ?, ?, ?, ?, 0, ?, ?, 0, 0, ?, ?, 1.0)",
                [ts, agent, provider, model, calls, *tokens, usd, unpriced],
            )

    return add


def spent(rows: list[BudgetRow], agent: str, unit: Unit = "usd") -> dict[Period, int]:
    return {row.period: row.spent for row in rows if (row.agent, row.unit) == (agent, unit)}


def test_each_window_holds_its_own_spend(rollups: Con, spend: Spend) -> None:
    for at, usd in (
        ("2026-10-31T23:59:59", "32"),
        ("2026-11-01T00:00:00", "16"),
        ("2026-11-22T23:59:59", "8"),
        ("2026-11-23T00:00:00", "4"),
        ("2026-11-23T13:59:59", "2"),
        ("2026-11-23T14:00:00", "1"),
        ("2026-11-23T14:59:59", "0.5"),
        ("2026-11-23T15:00:00", "0.25"),
    ):
        spend(at, "a1", usd, tokens=(3, 4))

    rows = budget_rows(rollups, NOW, BudgetPolicy(default=EVERY))

    # What a clock ahead of ours stamped counts where its time says, up to the window's end.
    assert spent(rows, "a1") == {
        "hour": 1_500_000_000,
        "day": 7_750_000_000,
        "month": 31_750_000_000,
    }
    assert spent(rows, "a1", "tokens") == {"hour": 14, "day": 35, "month": 49}


@pytest.mark.parametrize(
    ("zone", "inside", "outside"),
    [
        pytest.param(
            "Asia/Kolkata",
            ["2026-11-22T18:30:00", "2026-11-23T18:29:59"],
            ["2026-11-22T18:29:59", "2026-11-23T18:30:00"],
            id="half an hour off",
        ),
        pytest.param(
            "Asia/Kathmandu",
            ["2026-11-22T18:15:00", "2026-11-23T18:14:59"],
            ["2026-11-22T18:14:59", "2026-11-23T18:15:00"],
            id="three quarters off",
        ),
        pytest.param(
            "America/New_York",
            ["2026-11-23T05:00:00", "2026-11-24T04:59:59"],
            ["2026-11-23T04:59:59", "2026-11-24T05:00:00"],
            id="whole hours off",
        ),
    ],
)
def test_a_day_is_exact_where_hours_are_not_aligned(
    rollups: Con, spend: Spend, zone: str, inside: list[str], outside: list[str]
) -> None:
    for at in inside:
        spend(at, "a1", "1")
    for at in outside:
        spend(at, "a1", "100")
    policy = BudgetPolicy(default=Limits(daily_limit_usd=Decimal(10)), zone=ZoneInfo(zone))

    assert spent(budget_rows(rollups, NOW, policy), "a1") == {"day": 2_000_000_000}


def test_corrections_are_summed_with_what_they_correct(rollups: Con, spend: Spend) -> None:
    spend("2026-11-23T14:10", "a1", "0.3", tokens=(10, 10), calls=1)
    spend("2026-11-23T14:10", "a1", "-0.3", tokens=(-10, -10), calls=-1)
    spend("2026-11-23T14:10", "a1", "0.000000001", tokens=(None, 5), calls=1)

    rows = budget_rows(rollups, NOW, BudgetPolicy(default=EVERY))

    assert spent(rows, "a1")["hour"] == 1
    assert spent(rows, "a1", "tokens")["hour"] == 5


def test_who_has_a_row(rollups: Con, spend: Spend) -> None:
    """Configured agents always; others once seen, where the default gives them limits."""
    spend("2026-11-02T10:00", "seen", "1")
    spend("2026-11-23T14:00", None, "1")
    policy = BudgetPolicy(
        default=EVERY,
        agents={
            "idle": Limits(hourly_limit_usd=Decimal(2), priority=1, enforcement="soft"),
            "free": Limits(),
        },
    )

    rows = budget_rows(rollups, NOW, policy)

    hour = window("hour", NOW, policy.zone)
    assert rows[0] == BudgetRow(
        agent="idle",
        period="hour",
        unit="usd",
        limit=2_000_000_000,
        spent=0,
        window_start=hour.start,
        resets_at=hour.end,
        unpriced_calls=0,
        priority=1,
        enforcement="soft",
    )
    assert [(row.agent, row.period, row.unit) for row in rows[1:]] == [
        ("seen", period, unit) for period in PERIODS for unit in ("usd", "tokens")
    ]


def test_no_limits_ask_nothing_of_the_database() -> None:
    with duckdb.connect() as empty:
        assert budget_rows(empty, NOW, BudgetPolicy(agents={"a": Limits()})) == []


def test_calls_at_unknown_cost_are_counted(rollups: Con, spend: Spend) -> None:
    spend("2026-11-23T14:10", "a1", None, calls=2, unpriced=2)
    spend("2026-11-23T14:10", "a1", "0.5")

    [row] = budget_rows(
        rollups, NOW, BudgetPolicy(default=Limits(hourly_limit_usd=Decimal(1)))
    )  # fmt: skip

    assert (row.spent, row.unpriced_calls) == (500_000_000, 2)


def test_frames_have_their_schemas_also_when_empty(rollups: Con, spend: Spend) -> None:
    empty = load(rollups, NOW, BudgetPolicy(default=EVERY))
    spend("2026-11-23T14:10", "a1", None, unpriced=1)
    full = load(rollups, NOW, BudgetPolicy(default=EVERY))

    for frames in (empty, full):
        assert (frames.budgets.schema, frames.unpriced.schema) == (BUDGETS, UNPRICED)
    assert (full.budgets.height, full.unpriced.height) == (6, 1)


def test_an_unpriced_model_with_who_called_it_and_how_much(rollups: Con, spend: Spend) -> None:
    spend("2026-11-22T14:29", "late", None, model="foo", unpriced=1, tokens=(9, 9))
    spend("2026-11-22T14:30", "b", None, model="foo", unpriced=1, tokens=(10, 1))
    spend("2026-11-23T14:10:30", "a", None, model="foo", unpriced=2, calls=2, tokens=(20, None))
    spend("2026-11-23T14:20", "a", "1", model="bar")

    unpriced = load(rollups, NOW, BudgetPolicy()).unpriced

    assert unpriced.rows() == [
        (
            "openai",
            "foo",
            ["a", "b"],
            3,
            30,
            1,
            datetime(2026, 11, 22, 14, 30, tzinfo=UTC),
            datetime(2026, 11, 23, 14, 10, tzinfo=UTC),
        )
    ]


@pytest.mark.parametrize(
    ("priced_at", "listed"),
    [
        pytest.param(None, True, id="never priced"),
        pytest.param("2026-11-23T11:00", True, id="priced before"),
        pytest.param("2026-11-23T12:59", True, id="priced within the hour: may be a coincidence"),
        pytest.param("2026-11-23T13:00", False, id="priced an hour later: it has a price now"),
    ],
)
def test_when_a_model_counts_as_priced(
    rollups: Con, spend: Spend, priced_at: str | None, listed: bool
) -> None:
    spend("2026-11-23T12:00", "a", None, model="foo", unpriced=1)
    if priced_at:
        spend(priced_at, "b", "1", model="foo")

    assert bool(load(rollups, NOW, BudgetPolicy()).unpriced.height) == listed


def test_calls_priced_after_the_fact_are_unpriced_no_more(rollups: Con, spend: Spend) -> None:
    spend("2026-11-23T12:00", "a", None, model="foo", unpriced=1)
    spend("2026-11-23T12:00", "a", "1", model="foo", calls=0, unpriced=-1)

    assert load(rollups, NOW, BudgetPolicy()).unpriced.is_empty()


def test_budgets_read_rollups_alone(rollups: Con, spend: Spend) -> None:
    """Raw calls may be gone or many: what was spent needs none of their tables."""
    spend("2026-11-23T14:10", "a1", "1", unpriced=1)
    before = budget_rows(rollups, NOW, BudgetPolicy(default=EVERY))
    for table in ("calls_open", "calls_sealed", "calls_retracted", "spans", "usage_day_deltas"):
        rollups.execute(f"DROP TABLE {table}")

    assert budget_rows(rollups, NOW, BudgetPolicy(default=EVERY)) == before


@example("hour", datetime(2006, 10, 29, 2, 30, tzinfo=UTC), "America/St_Johns")  # a minute long
@settings(deadline=None)  # the machine may be busy
@given(
    st.sampled_from(PERIODS),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"]),
)
def test_whole_hours_lie_inside_their_window(period: Period, now: datetime, zone: str) -> None:
    found = window(period, now, ZoneInfo(zone))
    first, last = whole_hours(found)

    assert found.start <= first <= last <= found.end
    if first < last:
        assert (first.minute, last.minute) == (0, 0)
        assert (first - found.start).total_seconds() < 3600
        assert (found.end - last).total_seconds() < 3600
