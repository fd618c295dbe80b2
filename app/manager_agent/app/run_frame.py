"""The runs that go on as a frame for the rules, fed by what calls cost."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock

import duckdb
import polars as pl

from manager_agent.analytics.frames import RUNS
from manager_agent.analytics.questions import ask
from manager_agent.app.call_costs import Cost
from manager_agent.rules.run_costs import EARLIER, MOST_RUNS, Run, RunBook, RunKey, RunRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_RECALLED = timedelta(days=1)


class Runs:
    """The runs of a running manager; methods are for any thread."""

    def __init__(self) -> None:
        self._book = RunBook()
        self._lock = Lock()

    def recall(self, con: duckdb.DuckDBPyConnection, now: datetime) -> None:
        """Begin with what is stored of the last day: a restart forgets nothing."""
        kept = {"going": MOST_RUNS, "earlier": EARLIER}
        for row in ask(con, "runs", start=now - _RECALLED, end=now, **kept):
            key = _key(row["agent"], row["conversation_id"], row["trace_id"] or "")
            self._book.add(key, Run(row["nano"], row["calls"], row["since_us"], row["last_us"]))

    def note(self, costs: Sequence[Cost]) -> None:
        """Take note of what calls cost."""
        with self._lock:
            count(self._book, costs)

    def frame(self, now: datetime) -> pl.DataFrame:
        """Return `Frames.runs` at `now` (UTC)."""
        with self._lock:
            rows = self._book.rows((now - _EPOCH) // _US)
        return run_frame(rows)


def count(book: RunBook, costs: Iterable[Cost]) -> None:
    """Add what calls cost to their runs."""
    for one in costs:
        key = _key(one.agent, one.conversation_id, one.trace_id)
        book.add(key, Run(one.nano, one.calls, one.start_ns // 1000, one.end_ns // 1000))


def run_frame(rows: Sequence[RunRow]) -> pl.DataFrame:
    """Return `Frames.runs`."""
    made = [
        (
            *(key.agent, key.scope, key.name, run.cost, run.calls),
            *(_EPOCH + _US * run.since_us, _EPOCH + _US * run.last_us),
            *(earlier, typical, dearest),
        )
        for key, run, earlier, typical, dearest in rows
    ]
    return pl.DataFrame(made, schema=RUNS, orient="row")


def _key(agent: str, conversation: str | None, trace: str) -> RunKey:
    if conversation:
        return RunKey(agent, "conversation", conversation)
    return RunKey(agent, "trace", trace)
