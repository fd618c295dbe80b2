"""What is kept of stretches of time lets go of what it was read from."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from manager_agent.analytics import kept
from manager_agent.analytics.answer import answer
from manager_agent.analytics.frame_source import FrameSource
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.receiver.testing import NOW_NS
from manager_agent.store.duck import FactStore
from tests.harness.facts import added, call, opened

NOW = datetime.fromtimestamp(NOW_NS / 1e9, UTC)
MINUTE = 60 * 10**9
A_MINUTES_CALLS = 500
LONG = "conversation-" * 20


@dataclass
class Fleet:
    """Agents that call as much in each minute as in the one before."""

    facts: FactStore
    source: FrameSource = field(default_factory=lambda: FrameSource(told=True))
    minute: int = 0

    def next_minute(self) -> pl.DataFrame:
        """Let a minute pass; return the calls that a look at its end sees."""
        self.minute += 1
        start = NOW_NS + self.minute * MINUTE
        names = (f"{LONG}{self.minute}-{number}" for number in range(A_MINUTES_CALLS))
        calls = [call(name[-9:], start_ns=start, conversation_id=name) for name in names]
        self.facts.append(added(calls, revision=NOW_NS // 1000 + self.minute))
        now = NOW + timedelta(minutes=self.minute, seconds=30)
        cursor = self.facts.cursor()
        try:
            return self.source.frames(cursor, now, BudgetPolicy()).calls
        finally:
            cursor.close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    facts = opened(tmp_path)
    made = Fleet(facts)
    facts.touched = made.source.note
    yield made
    facts.close()


def in_arrows_pool(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame that lies where Arrow counts what is in use, as DuckDB does not."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    with pa.BufferOutputStream() as written:
        with pa.ipc.new_stream(written, table.schema) as stream:
            stream.write_table(table)
        return pl.DataFrame(pa.ipc.open_stream(written.getvalue()).read_all())


def test_answers_of_the_database_are_let_go_where_rows_of_several_are_put_together(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "answer", lambda con, query: in_arrows_pool(answer(con, query)))
    before = pa.total_allocated_bytes()
    fleet.next_minute()
    assert pa.total_allocated_bytes() - before > len(LONG) * A_MINUTES_CALLS

    for _ in range(3):
        calls = fleet.next_minute()

    assert calls.height == 4 * A_MINUTES_CALLS
    assert pa.total_allocated_bytes() - before < len(LONG) * A_MINUTES_CALLS
