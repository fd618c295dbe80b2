"""The demonstration's past: calls that are over, each once, the same for the same hour."""

import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from manager_agent.app.demo.past import DAYS, HABITS, past, write

NOW = datetime(2026, 3, 9, 12, 30, tzinfo=UTC)


def test_every_hour_of_the_days_before_has_its_calls() -> None:
    calls = Counter((call.agent, call.timestamp[:13]) for call in past(NOW))

    assert calls == {
        (habit.agent, hour): habit.calls
        for habit in HABITS
        for hour in {call.timestamp[:13] for call in past(NOW)}
    }
    assert len(calls) == DAYS * 24 * len(HABITS)
    assert max(call.timestamp for call in past(NOW)) < NOW.replace(minute=0).isoformat()


def test_a_file_holds_each_call_once(tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    written = write(file, NOW)

    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert len({row["request_id"] for row in rows}) == len(rows) == written
    assert list(past(NOW)) == list(past(NOW.replace(minute=59)))
