"""Publishes what users query as a file of its own, which any DuckDB opens read-only.

DuckDB's lock lets no second process read the live file, so a small file is written beside it and
put in place by an atomic rename: whoever has the old one open keeps it. It holds rollups, alerts
and views of Parquet files: of calls that may change still, written anew each time, and of what is
settled: pieces, written once each, and the archive. So publishing costs what is new or open, not
what there is.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from manager_agent.contract.metric import Metric, Sample
from manager_agent.contract.stored_time import naive
from manager_agent.store.disk import sync
from manager_agent.store.pieces import FOLDER, Pieces, State, views
from manager_agent.store.readers import Readers
from manager_agent.store.sql_files import filled, format_path

_SQL = "snapshot_sql"
_HELD = "held"
_RECENT_DAYS = 2
"""Days, today included, whose minutes and hours are copied; older ones lie in a file."""
_NAME = "snapshot.duckdb"
_NEXT = "snapshot-next.duckdb"


class SnapshotError(Exception):
    """No snapshot could be published; the message says why. The previous one is untouched."""


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """The published file.

    `data_until`: all that was stored at this moment is in it. `seq`: the number of changes it
    holds at least. `published_at`: when it took its place. Times are UTC.
    """

    path: Path
    published_at: datetime
    data_until: datetime
    seq: int


class Snapshots:
    """The one snapshot of a directory and its publisher. Safe to use from several threads."""

    def __init__(
        self,
        directory: Path,
        read: Callable[[], duckdb.DuckDBPyConnection],
        clock: Callable[[], datetime],
        changes: Callable[[], int],
    ) -> None:
        """Remove what a killed run left half written; an older snapshot stays until the next.

        `directory`: a folder of the data directory, beside the archive. `read` gives a fresh cursor
        on the live instance, `clock` the time (UTC). `changes` counts commits to the live instance:
        it has grown before a commit is acknowledged to anyone.
        """
        # The views name files, and a reader may stand in any directory.
        directory = directory.resolve()
        self.path = directory / _NAME
        self._next = directory / _NEXT
        self._read = read
        self._clock = clock
        self._changes = changes
        self._state = State()
        self._pieces = Pieces(directory / FOLDER)
        self._readers = Readers(directory / _HELD)
        # What the snapshot in place names; that of an earlier run may name all there is.
        self._named: set[Path] = set(self._pieces.directory.glob("*.parquet"))
        self._readers.adopt(self._named)
        self._publishing = threading.Lock()
        self._info: SnapshotInfo | None = None
        self._published = 0
        self._failed = 0
        self.trouble: str | None = None
        """Why the last one was not published; None where it was."""
        directory.mkdir(parents=True, exist_ok=True)
        self._clear()

    @property
    def current(self) -> SnapshotInfo | None:
        """What this run published last; None before the first."""
        return self._info

    def changes(self) -> int:
        """Return the number of changes acknowledged so far, to ask `at_least` for."""
        return self._changes()

    def publish(self, now: datetime) -> SnapshotInfo:
        """Publish what is stored; where nothing changed since the last time, only say so.

        Blocks for the copy. Raises `SnapshotError`; then the previous file is still in place and
        nothing is left behind.
        """
        with self._publishing:
            return self._publish(now)

    async def at_least(self, seq: int, timeout: float = 30.0) -> SnapshotInfo:
        """Return a snapshot that holds the first `seq` changes, publishing one if need be.

        Raises `TimeoutError` after `timeout` seconds (the copy goes on and serves who asks next)
        and `SnapshotError`.
        """
        info = self._info
        if info is not None and info.seq >= seq:
            return info
        return await asyncio.wait_for(asyncio.to_thread(self._catch_up, seq), timeout)

    def archive_in_use(self) -> set[Path]:
        """Return the files of the archive that the snapshot, or one that is still read, names."""
        with self._publishing:
            return self._named | self._readers.needed()

    def metrics(self) -> list[Metric]:
        """Return counts of publications and the age of the data, in seconds.

        What nothing came in after is not old: an idle night must wake nobody.
        """
        info = self._info
        age = []
        if info is not None:
            whole = info.seq == self._changes()
            age = [Sample(0.0 if whole else (self._clock() - info.data_until).total_seconds())]
        return [
            Metric(
                "manager_snapshots_total",
                "counter",
                "Snapshots for SQL users, by outcome.",
                [
                    Sample(self._published, (("outcome", "published"),)),
                    Sample(self._failed, (("outcome", "failed"),)),
                ],
            ),
            Metric(
                "manager_snapshot_age_seconds",
                "gauge",
                "Age of the data that SQL users see.",
                age,
            ),
        ]

    def _catch_up(self, seq: int) -> SnapshotInfo:
        with self._publishing:
            # Whoever held the lock may have published what is wanted.
            if self._info is not None and self._info.seq >= seq:
                return self._info
            return self._publish(self._clock())

    def _publish(self, now: datetime) -> SnapshotInfo:
        seq = self._changes()
        if self._info is not None and self._info.seq == seq and self.path.exists():
            self._info = replace(self._info, data_until=now)
            return self._info
        try:
            self._write(now, seq)
        except (duckdb.Error, OSError) as error:
            self._failed += 1
            self._clear()
            self.trouble = f"cannot publish {self.path}: {error}"
            raise SnapshotError(self.trouble) from error
        self._published += 1
        self.trouble = None
        self._info = SnapshotInfo(self.path, self._clock(), now, seq)
        return self._info

    def _write(self, now: datetime, seq: int) -> None:
        con = self._read()
        try:
            con.execute(filled("detach", _SQL))  # a copy that failed may have left it
            self._clear()
            con.execute(filled("attach", _SQL, path=format_path(self._next)))
            try:
                columns = _columns(con)
                state = self._copy(con, columns, now, seq)
                con.execute(filled("checkpoint", _SQL))
            finally:
                con.execute(filled("detach", _SQL))
            self._add_views(state, columns)
            sync(self._next)
            self._put_in_place(state)
            self._state = self._pieces.merged(con, state)
        finally:
            con.close()

    def _copy(
        self, con: duckdb.DuckDBPyConnection, columns: Mapping[str, str], now: datetime, seq: int
    ) -> State:
        midnight = datetime.combine(now.astimezone(UTC).date(), datetime.min.time())
        recent = midnight - timedelta(days=_RECENT_DAYS - 1)
        values = {"data_until": naive(now), "recent": recent, "seq": seq}
        text = filled(
            "copy",
            _SQL,
            calls=columns["llm_calls"],
            tools=columns["tool_calls"],
            spans=columns["spans"],
        )
        con.begin()
        try:
            for statement in con.extract_statements(text):
                named = {name: values[name] for name in statement.named_parameters}
                con.execute(statement, named or None)
            state = self._pieces.updated(con, self._state, recent, columns)
            con.commit()
        except BaseException:
            con.rollback()
            raise
        return state

    def _add_views(self, state: State, columns: Mapping[str, str]) -> None:
        """Make the views in an instance of their own, so that they name no other database."""
        with duckdb.connect(str(self._next), config=_OWN) as con:
            for statement in views(state, self.path.parent.parent, columns):
                con.execute(statement)

    def _put_in_place(self, state: State) -> None:
        self._readers.replaced(self.path, self._named)
        os.replace(self._next, self.path)
        sync(self.path.parent)
        self._state = state
        self._named = {*state.files, *self._archived(state)}
        self._pieces.sweep(self._named | self._readers.needed())

    def _archived(self, state: State) -> set[Path]:
        return {self.path.parent.parent / file.path for file in state.archived}

    def _clear(self) -> None:
        for path in (self._next, self._next.with_name(_NEXT + ".wal")):
            path.unlink(missing_ok=True)


_OWN: dict[str, str | bool | int | float | list[str]] = {
    "storage_compatibility_version": "v1.5.0",
    "memory_limit": "256MB",
    "threads": "1",
}


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the columns that users see, by what they query."""
    found = {}
    for view in ("llm_calls", "tool_calls", "spans"):
        rows = con.execute(filled("columns", _SQL, view=view)).fetchall()
        found[view] = ", ".join(f'"{name}"' for (name,) in rows if (view, name) != _INTERNAL)
    return found


_INTERNAL = ("spans", "fact")
"""A column of spans that is the receiver's own."""
