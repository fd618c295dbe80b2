"""Hours, minutes, calls and tools of the frames: from when to when, and exactly what they cost."""

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from manager_agent.analytics import usage_frames
from manager_agent.analytics.frames import CALLS, HOURS, MINUTES, TOOLS
from manager_agent.analytics.load import load
from manager_agent.analytics.usage_frames import UsageFrames
from manager_agent.contract.budget import BudgetPolicy

Con = duckdb.DuckDBPyConnection

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
_MOMENT = timedelta(microseconds=1)


def delta(con: Con, grain: str, at: datetime, usd: str | None = "1", calls: int = 1) -> None:
    con.execute(
        f"INSERT INTO usage_{grain}_deltas (ts, agent, provider, response_model, calls, errors,"
        " cost_usd, unpriced_calls, duration_ms_sum) VALUES (?, 'a', 'openai', 'gpt-5', ?, 0, ?,"
        " 0, 5.5)",
        [at.replace(tzinfo=None), calls, usd],
    )


def open_call(con: Con, call_id: str, at: datetime, revision: int = 1, **more: object) -> None:
    row: dict[str, object] = {
        "call_id": call_id,
        "revision": revision,
        "retracted": False,
        "ts": at,
        **more,
    }
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    values = [v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in row.values()]
    con.execute(f"INSERT INTO calls_open ({names}) VALUES ({marks})", values)


def sealed(con: Con) -> None:
    con.execute("INSERT INTO calls_sealed SELECT * EXCLUDE (retracted) FROM calls_open")
    con.execute("DELETE FROM calls_open")


def test_they_have_their_schemas_also_when_empty(rollups: Con) -> None:
    empty = load(rollups, NOW, BudgetPolicy())
    delta(rollups, "hour", NOW.replace(minute=0))
    delta(rollups, "minute", NOW)
    open_call(rollups, "c", NOW, http_status=429, cost_usd="0.1", guarded=True)
    rollups.execute(
        "INSERT INTO tools_open (tool_call_key, revision, retracted, ts, tool)"
        " VALUES ('t', 1, false, ?, 'search')",
        [NOW.replace(tzinfo=None)],
    )
    full = load(rollups, NOW, BudgetPolicy())

    for frames in (empty, full):
        assert (frames.hours.schema, frames.minutes.schema) == (HOURS, MINUTES)
        assert (frames.calls.schema, frames.tools.schema) == (CALLS, TOOLS)
    assert [f.height for f in (full.hours, full.minutes, full.calls, full.tools)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("grain", "oldest"),
    [
        pytest.param("hour", datetime(2026, 11, 21, 14, tzinfo=UTC), id="49 hours"),
        pytest.param("minute", datetime(2026, 11, 23, 12, 30, tzinfo=UTC), id="two hours"),
    ],
)
def test_usage_reaches_back_so_far_and_not_past_now(
    rollups: Con, grain: str, oldest: datetime
) -> None:
    step = timedelta(hours=1) if grain == "hour" else timedelta(minutes=1)
    newest = NOW.replace(minute=0) if grain == "hour" else NOW
    for at in (oldest - step, oldest, newest, newest + step):
        delta(rollups, grain, at)

    frame = getattr(UsageFrames(), f"{grain}s")(rollups, NOW + timedelta(seconds=20))

    assert frame["ts"].to_list() == [oldest, newest]


def test_costs_are_whole_nano_usd_and_deltas_are_summed(rollups: Con) -> None:
    delta(rollups, "minute", NOW, "1234567.123456789", calls=3)
    delta(rollups, "minute", NOW, "-0.000000001", calls=-1)

    [row] = UsageFrames().minutes(rollups, NOW).rows(named=True)

    assert (row["calls"], row["cost"]) == (2, 1_234_567_123_456_788)
    assert (row["input_tokens"], row["duration_ms"]) == (None, 11.0)


def test_calls_of_the_last_hour_in_order(rollups: Con) -> None:
    open_call(rollups, "late", NOW, response_model="m-2", request_model="m")
    open_call(rollups, "edge", NOW - timedelta(hours=1))
    sealed(rollups)
    open_call(rollups, "first", NOW - timedelta(hours=1) + _MOMENT, request_model="m")
    open_call(rollups, "ahead", NOW + _MOMENT)

    frame = UsageFrames().calls(rollups, NOW)

    assert frame.select("call_id", "model").rows() == [("first", "m"), ("late", "m-2")]


def test_the_version_that_stands_counts(rollups: Con) -> None:
    open_call(rollups, "a", NOW, cost_usd="0.1")
    sealed(rollups)
    rollups.execute("INSERT INTO calls_retracted (call_id, revision) VALUES ('a', 1)")
    open_call(rollups, "a", NOW, 2, cost_usd="0.2")
    open_call(rollups, "a", NOW, 3, cost_usd="0.300000001")
    open_call(rollups, "b", NOW, 2)
    open_call(rollups, "b", NOW, 3, retracted=True)

    assert UsageFrames().calls(rollups, NOW)["cost"].to_list() == [300_000_001]


def test_of_too_many_the_newest_are_seen(rollups: Con, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_frames, "MOST_CALLS", 2)
    for number in range(4):
        open_call(rollups, str(number), NOW - timedelta(minutes=number))

    assert UsageFrames().calls(rollups, NOW)["call_id"].to_list() == ["1", "0"]
