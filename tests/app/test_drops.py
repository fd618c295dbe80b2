"""What the receiver refused of late: what it took is none of that."""

from datetime import UTC, datetime, timedelta

from manager_agent.app.drops import Drops

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_what_was_taken_and_what_is_of_something_else_is_no_drop() -> None:
    totals = {
        ("requests", "accepted"): 5,
        ("requests", "full"): 2,
        ("dropped", "no_trace_id"): 3,
        ("dropped", "log_of_no_call"): 9,
    }

    rows = Drops(lambda: totals).frame(NOW).rows()

    assert [row[1:] for row in rows] == [("no_trace_id", 3), ("full", 2)]


def test_what_is_long_ago_is_over() -> None:
    totals = {("requests", "full"): 2}
    drops = Drops(lambda: dict(totals))
    drops.frame(NOW)
    totals["requests", "full"] = 3

    assert drops.frame(NOW + timedelta(minutes=1)).rows()[0][2] == 1
    drops.frame(NOW + timedelta(minutes=5))
    drops.frame(NOW + timedelta(minutes=20))
    assert drops.frame(NOW + timedelta(minutes=40)).is_empty()
