"""When days move to the archive, and when they leave it."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import structlog

from manager_agent.contract.metric import Metric, Sample
from manager_agent.contract.stored_time import naive
from manager_agent.store.archive import (
    ArchiveError,
    ArchiveFile,
    Prepared,
    Run,
    Slice,
    days_before,
    first_live_day,
)
from manager_agent.store.decision_days import forget_decisions
from manager_agent.store.duck import FactStore

_log = structlog.get_logger()

_READERS_GRACE_SECONDS = 600.0
"""How long a file that was expired stays for those who read it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long things are kept.

    `live_days`: today and the days before it that stay in the database. `archive_days`: days
    before today whose archive is kept. `settled`: how old a row must be to be sealed, longer than
    the merge window.
    """

    live_days: int = 2
    archive_days: int = 90
    settled: timedelta = timedelta(hours=1)


@dataclass(slots=True)
class Moved:
    """What one run of the archive did: files written, days expired, seconds writers waited most."""

    files: list[ArchiveFile] = field(default_factory=list)
    expired: list[ArchiveFile] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    longest_stall_seconds: float = 0.0


class Sealer:
    """Moves what is due. `write` runs a job on the thread that writes, between two commits.

    Files are written on a connection of their own, while the receiver goes on; writers wait for
    the short transaction that deletes the rows.
    """

    def __init__(
        self,
        store: FactStore,
        write: Run,
        clock: Callable[[], datetime],
        kept: Kept,
        in_use: Callable[[], set[Path]] = set,
    ) -> None:
        """`in_use`: files of the archive that snapshots name, which somebody may read."""
        self._in_use = in_use
        self._store = store
        self._write = write
        self._clock = clock
        self._kept = kept
        self._sealing = threading.Lock()
        self._rows = 0
        self._failed = 0
        self._unlisted: dict[str, float] = {}

    def due(self, before: date | None = None) -> list[Slice]:
        """Return what `run` would move now."""
        now = self._clock()
        first = first_live_day(now, self._kept.live_days)
        # A day is closed for the archive only when it is over.
        before = first if before is None else min(before, now.date())
        con = self._store.cursor()
        try:
            return self._store.archive.due(con, before, naive(now - self._kept.settled))
        finally:
            con.close()

    def run(self, before: date | None = None) -> Moved:
        """Move days before `before` (those past `live_days` by default), and expire old ones.

        What changed meanwhile is left for the next time and named in `left`. Raises
        `duckdb.Error`, `OSError`; what was moved until then stays moved.
        """
        moved = Moved()
        with self._sealing:
            try:
                for wanted in self.due(before):
                    self._move(wanted, moved)
                self._expire(moved)
                forget_decisions(self._store, partial(self._stalling, moved), self._first_kept())
            except BaseException:
                self._failed += 1
                raise
        return moved

    def metrics(self) -> list[Metric]:
        """Return the size of the archive, and counts of what was moved."""
        files: Sequence[ArchiveFile] = self._store.archive.files
        return [
            Metric(
                "manager_archive_bytes",
                "gauge",
                "Bytes of the archive's files.",
                [Sample(float(sum(file.bytes for file in files)))],
            ),
            Metric(
                "manager_archived_rows_total",
                "counter",
                "Rows moved to the archive.",
                [Sample(self._rows)],
            ),
            Metric(
                "manager_archive_failures_total",
                "counter",
                "Runs of the archive that failed.",
                [Sample(self._failed)],
            ),
        ]

    def _move(self, wanted: Slice, moved: Moved) -> None:
        con = self._store.cursor()
        try:
            prepared = self._store.archive.prepare(con, wanted, naive(self._clock()))
        finally:
            con.close()
        try:
            self._stalling(moved, lambda: self._commit(prepared))
        except ArchiveError as error:
            moved.left.append(str(error))
            return
        self._rows += prepared.count.rows
        if prepared.file is not None:
            moved.files.append(prepared.file)
            _log.info("archived", path=prepared.file.path, rows=prepared.file.rows)

    def _commit(self, prepared: Prepared) -> None:
        self._store.rearrange(lambda con: self._store.archive.commit(con, prepared))

    def _expire(self, moved: Moved) -> None:
        before = self._first_kept()
        archive = self._store.archive
        if any(file.day < before for file in archive.files):

            def forget(con: duckdb.DuckDBPyConnection) -> None:
                moved.expired.extend(archive.expire(con, before))

            self._stalling(moved, lambda: self._store.rearrange(forget))
        self._sweep()

    def _first_kept(self) -> date:
        return days_before(self._clock().date(), self._kept.archive_days)

    def _sweep(self) -> None:
        """Delete files that count no more and have not counted for a while."""
        now, in_use = time.monotonic(), self._in_use()
        strays = {str(p): p for p in self._store.archive.strays() if p not in in_use}
        self._unlisted = {name: self._unlisted.get(name, now) for name in strays}
        for name, since in list(self._unlisted.items()):
            if now - since >= _READERS_GRACE_SECONDS:
                strays[name].unlink(missing_ok=True)
                del self._unlisted[name]

    def _stalling(self, moved: Moved, job: Callable[[], None]) -> None:
        """Run a job of the writer's, and note how long it kept writers waiting."""

        def timed() -> None:
            began = time.monotonic()
            try:
                job()
            finally:
                took = time.monotonic() - began
                moved.longest_stall_seconds = max(moved.longest_stall_seconds, took)

        self._write(timed)


def plan(slices: Sequence[Slice]) -> dict[str, Any]:
    """Return what would be moved, as JSON says it."""
    days = sorted({(each.day.isoformat(), each.table) for each in slices})
    return {"due": [{"day": day, "table": table} for day, table in days]}


def report(moved: Moved) -> dict[str, Any]:
    """Return what was moved, as JSON says it."""
    return {
        "archived": [
            {"day": f.day.isoformat(), "path": f.path, "rows": f.rows, "bytes": f.bytes}
            for f in moved.files
        ],
        "expired": [{"day": f.day.isoformat(), "path": f.path} for f in moved.expired],
        "left": moved.left,
        "longest_stall_seconds": round(moved.longest_stall_seconds, 3),
    }
