"""Publishes what users query as a file of its own, which any DuckDB opens read-only.

DuckDB's lock lets no second process read the live file, so a copy is written beside it and put in
place by an atomic rename: whoever has the old copy open keeps it.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import duckdb

from manager_agent.contract.metric import Metric, Sample

_SQL = files("manager_agent.store") / "snapshot_sql"
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
        *,
        spans_kept: timedelta = timedelta(days=1),
    ) -> None:
        """Remove what a killed run left half written; an older snapshot stays until the next.

        `read` gives a fresh cursor on the live instance, `clock` the time (UTC). `changes` counts
        commits to the live instance: it has grown before a commit is acknowledged to anyone.
        `spans_kept`: older spans are left out, calls and rollups are whole.
        """
        self.path = directory / _NAME
        self._next = directory / _NEXT
        self._read = read
        self._clock = clock
        self._changes = changes
        self._spans_kept = spans_kept
        self._publishing = threading.Lock()
        self._info: SnapshotInfo | None = None
        self._published = 0
        self._failed = 0
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

    def metrics(self) -> list[Metric]:
        """Return counts of publications and the age of the data, in seconds."""
        info = self._info
        age = [] if info is None else [Sample((self._clock() - info.data_until).total_seconds())]
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
            raise SnapshotError(f"cannot publish {self.path}: {error}") from error
        self._published += 1
        self._info = SnapshotInfo(self.path, self._clock(), now, seq)
        return self._info

    def _write(self, now: datetime, seq: int) -> None:
        con = self._read()
        try:
            con.execute(_sql("detach"))  # a copy that failed may have left it
            self._clear()
            con.execute(_sql("attach").format(path=str(self._next).replace("'", "''")))
            try:
                self._copy(con, now, seq)
                con.execute(_sql("checkpoint"))
            finally:
                con.execute(_sql("detach"))
        finally:
            con.close()
        _sync(self._next)
        os.replace(self._next, self.path)
        _sync(self.path.parent)

    def _copy(self, con: duckdb.DuckDBPyConnection, now: datetime, seq: int) -> None:
        values: dict[str, object] = {
            "data_until": _naive(now),
            "spans_since": _naive(now - self._spans_kept),
            "seq": seq,
        }
        con.begin()
        try:
            for statement in con.extract_statements(_sql("copy")):
                named = {name: values[name] for name in statement.named_parameters}
                con.execute(statement, named or None)
            con.commit()
        except BaseException:
            con.rollback()
            raise

    def _clear(self) -> None:
        for path in (self._next, self._next.with_name(_NEXT + ".wal")):
            path.unlink(missing_ok=True)


def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text("utf-8")


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _sync(path: Path) -> None:
    """Make sure that what `path` holds survives a loss of power."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle on a directory to sync
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
