"""The fact store: one DuckDB file, one writer, append-only.

docs/decisions/0002-append-only.md says why there are no keys, indexes or updates.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import TypeVar
from weakref import WeakSet

import duckdb
import pyarrow as pa
import structlog

from manager_agent.receiver.call import DAY_NS, Call
from manager_agent.receiver.changes import (
    CallVersion,
    Changes,
    SpendKey,
    minutes_in,
    spent_in,
)
from manager_agent.receiver.content import Door
from manager_agent.receiver.history import sealed
from manager_agent.receiver.remembered import Late
from manager_agent.store import columns
from manager_agent.store.archive import Archive
from manager_agent.store.fact_file import (
    InUseError,
    StoreError,
    answers,
    beside,
    closed,
    open_facts,
)
from manager_agent.store.feed import Feeds
from manager_agent.store.recall import Recalled, Recent, reach, reach_of_recent, recent, relatives
from manager_agent.store.sql_files import statements

_log = structlog.get_logger()

T = TypeVar("T")

_MANY_DELTAS = 20_000
"""Deltas appended between two compactions of the rollups."""

_MANY_ROWS = 1_000_000
"""Rows appended before the file is opened anew: of each DuckDB keeps some four bytes in memory
(docs/decisions/0019-row-groups.md)."""

_FAULTS_OF_DATA = (
    duckdb.DataError,
    duckdb.ProgrammingError,
    duckdb.InvalidInputException,
    pa.ArrowException,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
)
"""Errors that a request can cause; all others are the storage's."""

__all__ = ["FactStore", "InUseError", "StoreError"]


class FactStore:
    """Facts about spans and calls, durable when a method that writes returns.

    `install`: creates the views users query. Writing methods belong to one thread; `cursor` may be
    called from any.
    """

    def __init__(
        self,
        path: Path,
        door: Door,
        install: Callable[[duckdb.DuckDBPyConnection], None],
        *,
        memory_limit: str = "256MB",
        checkpoint_mib: int = 32,
    ) -> None:
        """Open the file, made if missing. Raises `StoreError`.

        `memory_limit`: what DuckDB may hold, cached blocks included, before it writes to a file
        beside its own. What is in the log counts, too; less than this was enough for all there is.
        `checkpoint_mib`: what the log may reach; more is more memory and longer checkpoints, which
        commits wait for, and saves no processor time (docs/decisions/0019-row-groups.md).
        """
        self._path = path
        self._door = door
        self._install = install
        self._limits = {
            "memory_limit": memory_limit,
            "wal_autocheckpoint": f"{checkpoint_mib}MiB",
        }
        self._lock = RLock()
        self._cursors: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
        self._deltas = 0
        self._rows = 0
        self._oldest_bucket_ns: int | None = None
        self.archive = Archive(path.parent)
        self.spent: Callable[[frozenset[SpendKey] | None], None] = lambda keys: None
        """Told after each commit whose spend it changed; None: of whom is not certain."""
        self.called: Callable[[Sequence[CallVersion]], None] = lambda versions: None
        """Told of new versions of calls once they are stored."""
        self.touched: Callable[[frozenset[int] | None], None] = lambda minutes: None
        """Told after each commit which minutes (since 1970) it changed; None: not certain."""
        self._con = self._open()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection to the same instance; the caller closes it."""
        with self._lock:
            cursor = beside(self._con, self._path.stem)
            self._cursors.add(cursor)
            return cursor

    def append(self, changes: Changes) -> None:
        """Store what the window changed in one transaction; committed and synced on return."""
        with self._transaction():
            self._put(changes)
        self._tell(changes)

    def take_in(self, calls: Sequence[Call], now_ns: int) -> list[Call]:
        """Store calls of the past that were not imported before, sealed; return those.

        One transaction, with the note that they were imported.
        """
        table = columns.imported_table(calls)
        with self._transaction():
            known = self._imported(table)
            fresh = list({c.call_id: c for c in calls if c.call_id not in known}.values())
            past = sealed(fresh, now_ns)
            if fresh:
                self._put(past)
                self._insert("append_imported", imported=columns.imported_table(fresh))
        self._tell(past)
        return fresh

    def _imported(self, offered: pa.Table) -> set[str]:
        self._con.register("offered", offered)
        try:
            times = offered.column("ts").to_pylist()
            bounds: dict[str, object] = {"low": min(times), "high": max(times)}
            return {str(row[0]) for row in self.execute("imported", bounds)}
        finally:
            self._con.unregister("offered")

    def _put(self, changes: Changes) -> None:
        self._rows += len(changes.spans) + len(changes.calls) + len(changes.tools)
        if changes.spans:
            self._feeds.run("append_spans", {"arrived": columns.spans_table(changes, self._door)})
            decided = [each for each in changes.spans if each.fact and each.fact.decision]
            if decided:
                self._feeds.run("append_decisions", {"decided": columns.decisions_table(decided)})
        if changes.calls:
            self._feeds.run("append_calls", {"versions": columns.calls_table(changes)})
        if changes.tools:
            self._feeds.run("append_tools", {"tool_versions": columns.tools_table(changes)})
        if changes.minutes:
            self._feeds.run("append_usage", columns.usage_tables(changes))
            self._note_deltas(changes)
        if changes.retracted_calls or changes.retracted_tools:
            self._insert(
                "append_retractions",
                calls=columns.retractions_table(changes.retracted_calls),
                tools=columns.retractions_table(changes.retracted_tools),
            )
        if changes.sealed_calls or changes.sealed_tools or changes.dropped_calls:
            gone = [*changes.sealed_calls, *changes.dropped_calls]
            self._seal(gone, changes.sealed_tools, changes.newest_sealed)

    def seal_overdue(self, before_micros: int) -> int:
        """Seal what was left open by an earlier run and not touched since; return how many."""
        query = statements("overdue")[0]
        rows = self._con.execute(query, {"before": before_micros}).fetchall()
        if rows:
            with self._transaction():
                self._seal(
                    [k for kind, k in rows if kind == "call"],
                    [k for kind, k in rows if kind == "tool"],
                    before_micros,
                )
        return len(rows)

    def compact_usage(self, since: datetime) -> None:
        """Sum the rollups' deltas of buckets from `since` (UTC) on into one row each."""
        with self._transaction():
            for statement in statements("compact_usage"):
                parameters = {"since": since} if "$since" in statement else None
                self._con.execute(statement, parameters)

    def execute(self, name: str, parameters: dict[str, object]) -> list[tuple[object, ...]]:
        """Run the one statement of `sql/<name>.sql`; return its rows."""
        return self._con.execute(statements(name)[0], parameters).fetchall()

    def append_alerts(self, rows: Sequence[dict[str, object]]) -> None:
        """Append changes of alerts (the columns of `alert_events`) in one transaction."""
        self._append("append_alerts", rows)

    def append_issues(self, rows: Sequence[dict[str, object]]) -> None:
        """Append versions of issues (the columns of `issue_events`) in one transaction."""
        self._append("append_issues", rows)

    def append_control_events(self, rows: Sequence[dict[str, object]]) -> None:
        """Append rows of `control_events` in one transaction."""
        self._append("append_control_events", rows)

    def _append(self, statement: str, rows: Sequence[dict[str, object]]) -> None:
        with self._transaction():
            for row in rows:
                self._con.execute(statements(statement)[0], row)

    def rearrange(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Do `work` on what is archived in one transaction; then read the list of files anew."""
        with self._transaction():
            done = work(self._con)
        self.archive.install(self._con)
        return done

    def relatives(self, late: Sequence[Late]) -> Recalled:
        """Return what is stored of late spans' traces and of claims that resemble them."""
        with self.archive.reading(self._con, *reach(late)) as con:
            return relatives(con, late)

    def recent(self, since_ns: int, most_spans: int) -> Recent:
        """Return what the merge window must know at start, and whether it is all of it."""
        low = reach_of_recent(self._con, since_ns)
        with self.archive.reading(self._con, low, datetime.max) as con:
            return recent(con, since_ns, most_spans)

    def recover(self, error: Exception) -> bool:
        """Make the store usable again after `error`; tell whether the data may have caused it.

        After a checkpoint that failed the database is dead even for reads, though the commit
        became durable: then the file is opened anew, and cursors handed out before stop working.
        Raises `StoreError` or `duckdb.Error` where it cannot be opened; then it may be tried again.
        """
        dead = isinstance(error, duckdb.FatalException | duckdb.ConnectionException)
        if dead or not answers(self._con):
            self._reopen()
            self.spent(None)
            self.touched(None)
            _log.warning("fact store reopened", path=str(self._path), after=str(error))
        return isinstance(error, _FAULTS_OF_DATA)

    def maintain(self) -> None:
        """Compact the rollups where enough deltas have come together."""
        if self._deltas < _MANY_DELTAS or self._oldest_bucket_ns is None:
            return
        day = datetime.fromtimestamp(self._oldest_bucket_ns // DAY_NS * DAY_NS / 1e9, UTC)
        self.compact_usage(day.replace(tzinfo=None))
        self._deltas, self._oldest_bucket_ns = 0, None

    def refresh(self) -> None:
        """Open the file anew where much was appended since, and nobody reads at this moment.

        DuckDB keeps what describes a row group until then. Raises `StoreError` or `duckdb.Error`
        where it cannot be opened; `recover` tries again.
        """
        if self._rows < _MANY_ROWS:
            return
        with self._lock:
            if all(closed(cursor) for cursor in self._cursors):
                rows = self._rows
                self._reopen()
                _log.info("facts opened anew", rows=rows)

    def close(self) -> None:
        """Write a checkpoint and close; safe to repeat."""
        with self._lock:
            self._close_all()

    def _reopen(self) -> None:
        with self._lock:
            self._close_all()
            self._con = self._open()
            self._rows = 0

    def _close_all(self) -> None:
        for cursor in list(self._cursors):
            cursor.close()
        self._cursors.clear()
        self._con.close()

    def _open(self) -> duckdb.DuckDBPyConnection:
        con = open_facts(self._path, self._limits)
        self.archive.install(con)
        self._install(con)
        self._feeds = Feeds(con)
        return con

    def _tell(self, changes: Changes) -> None:
        if changes.minutes:
            self.spent(spent_in(changes.minutes))
        self.touched(minutes_in(changes))
        if changes.calls:
            self.called(changes.calls)

    def _note_deltas(self, changes: Changes) -> None:
        self._deltas += len(changes.minutes)
        oldest = min(key.bucket_ns for key in changes.minutes)
        self._oldest_bucket_ns = min(oldest, self._oldest_bucket_ns or oldest)

    def _insert(
        self, name: str, parameters: dict[str, object] | None = None, **tables: pa.Table
    ) -> None:
        for alias, table in tables.items():
            self._con.register(alias, table)
        for statement in statements(name):
            self._con.execute(statement, parameters)
        for alias in tables:
            self._con.unregister(alias)

    def _seal(self, calls: Sequence[str], tools: Sequence[str], newest: int) -> None:
        self._insert(
            "seal",
            {"newest": newest},
            calls=columns.keys_table(list(calls)),
            tools=columns.keys_table(list(tools)),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._con.execute("BEGIN TRANSACTION")
        try:
            yield
            self._con.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise

    def _rollback(self) -> None:
        try:
            self._con.execute("ROLLBACK")
        except duckdb.Error as error:
            # A commit that failed has ended the transaction; the first error tells the rest.
            _log.debug("nothing to roll back", error=str(error))
