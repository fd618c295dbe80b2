"""Days that no longer change, moved from the database to Parquet files.

A file counts only where the table `archive_files` lists it. It is written, synced and put in its
place first; then one transaction deletes the rows from the database and lists the file. So at any
moment each row is in exactly one of the two, whatever ends the process
(docs/decisions/0008-archive-and-snapshot.md).
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

from manager_agent.store.disk import sync
from manager_agent.store.fact_file import beside
from manager_agent.store.sql_files import filled, format_path, migrations, statements

KEPT = {"spans": "spans_kept", "calls_sealed": "calls_kept", "tools_sealed": "tools_kept"}
"""Table that is archived -> the view of what is kept of it, here and there."""

FOLDER = "archive"
_SQL = "archive_sql"
_SLICE_ROWS = 500_000
"""Rows moved in one transaction, unless a single hour holds more."""

Connection = duckdb.DuckDBPyConnection


class ArchiveError(Exception):
    """Something cannot be archived now; nothing was changed, and it may be tried again."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows to move: those of a table from `low` to before `high`, a part of one day.

    What arrived at `settled` or later stays. Times are UTC without saying so.
    """

    table: str
    low: datetime
    high: datetime
    settled: datetime

    @property
    def day(self) -> date:
        """The day all of it is of."""
        return self.low.date()

    @property
    def parameters(self) -> dict[str, object]:
        """What the statements of the table's SQL file take."""
        return {"low": self.low, "high": self.high, "settled": self.settled}


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A row of `archive_files`; the migration says what the columns mean."""

    table_name: str
    day: date
    part: int
    path: str
    rows: int
    bytes: int
    tokens: int | None
    cost_usd: Decimal | None
    min_ts: datetime
    max_ts: datetime
    schema_version: int
    sha256: str
    sealed_ts: datetime


@dataclass(frozen=True, slots=True)
class _Count:
    rows: int
    taken_back: int
    tokens: int | None
    cost_usd: Decimal | None
    min_ts: datetime | None
    max_ts: datetime | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A slice and the file that holds it, not listed yet; `file` is None where all of it was
    taken back.
    """

    slice: Slice
    count: _Count
    file: ArchiveFile | None


class Archive:
    """The archive of one data directory. It keeps no connection: it is given one.

    `install`, `commit` and `expire` belong to the thread that writes to the database.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()  # the views name files, from wherever they are read
        self._files: tuple[ArchiveFile, ...] = ()

    @property
    def files(self) -> tuple[ArchiveFile, ...]:
        """The files that count."""
        return self._files

    def install(self, con: Connection) -> None:
        """Read the list, and define what is kept of each table by it, at this directory."""
        self._files = listed(con)
        for table in KEPT:
            con.execute(self._kept_view(table, self._files))

    def path(self, file: ArchiveFile) -> Path:
        """Return where a file lies."""
        return self._data_dir / file.path

    def due(self, con: Connection, before: date, settled: datetime) -> list[Slice]:
        """Return what may be moved of the days before `before`, oldest first."""
        high = datetime.combine(before, datetime.min.time())
        parameters = {"high": high, "settled": settled}
        found = []
        for table in KEPT:
            hours = con.execute(statements(table, _SQL)[0], parameters).fetchall()
            found += [Slice(table, low, end, settled) for low, end in _slices(hours)]
        return sorted(found, key=lambda each: each.low)

    def prepare(self, con: Connection, wanted: Slice, now: datetime) -> Prepared:
        """Write the file of a slice and put it in its place; nothing counts on it yet.

        Any thread, on a connection of its own. Raises `duckdb.Error` and `OSError`.
        """
        _, count, copy, *_ = statements(wanted.table, _SQL)
        folder = self._data_dir / FOLDER / wanted.table / f"date={wanted.day}"
        parts = [f.part for f in self._of(wanted.table) if f.day == wanted.day]
        part = max(parts, default=-1) + 1
        path = folder / f"part-{part}.parquet"
        con.begin()
        try:
            counted = _counted(con, count, wanted)
            if counted.min_ts is None or counted.max_ts is None:
                return Prepared(wanted, counted, None)
            folder.mkdir(parents=True, exist_ok=True)
            half = path.with_suffix(".half")
            con.execute(copy.replace("{path}", format_path(half)), wanted.parameters)
        finally:
            con.rollback()
        digest, size = _digest(half), half.stat().st_size
        sync(half)
        os.replace(half, path)
        for parent in (folder, folder.parent, folder.parent.parent, self._data_dir):
            sync(parent)
        file = ArchiveFile(
            table_name=wanted.table,
            day=wanted.day,
            part=part,
            path=path.relative_to(self._data_dir).as_posix(),
            rows=counted.rows - counted.taken_back,
            bytes=size,
            tokens=counted.tokens,
            cost_usd=counted.cost_usd,
            min_ts=counted.min_ts,
            max_ts=counted.max_ts,
            schema_version=migrations()[-1][0],
            sha256=digest,
            sealed_ts=now,
        )
        return Prepared(wanted, counted, file)

    def commit(self, con: Connection, prepared: Prepared) -> None:
        """Move the rows: to be called inside a transaction, `install` after it.

        Raises `ArchiveError` where the slice has changed since the file was written.
        """
        wanted, file = prepared.slice, prepared.file
        _, count, _, *deletes = statements(wanted.table, _SQL)
        found = _counted(con, count, wanted)
        if found != prepared.count:
            raise ArchiveError(f"{wanted.table} of {wanted.day} changed meanwhile; it is next time")
        if file is not None and file.rows != _rows_in(con, self.path(file)):
            raise ArchiveError(f"{self.path(file)} does not hold the rows that were written to it")
        for delete in deletes:
            con.execute(delete, wanted.parameters)
        if file is not None:
            con.execute(statements("manifest", _SQL)[1], asdict(file))
            con.execute(self._kept_view(wanted.table, (*self._files, file)))

    def expire(self, con: Connection, before: date) -> list[ArchiveFile]:
        """Forget the files of days before `before`: inside a transaction, `install` after it.

        Returns them; they may be deleted when nobody reads them any more.
        """
        gone = [file for file in self._files if file.day < before]
        left = tuple(file for file in self._files if file.day >= before)
        if gone:
            low = datetime.combine(before, datetime.min.time())
            con.execute(statements("manifest", _SQL)[2], {"before": before})
            for statement in statements("expire", _SQL):
                con.execute(statement, {"before": low})
            for table in KEPT:
                con.execute(self._kept_view(table, left))
        return gone

    def strays(self) -> list[Path]:
        """Return files in the archive that are not listed: half written, or expired."""
        known = {self.path(file) for file in self._files}
        found = (self._data_dir / FOLDER).glob("*/*/part-*")
        return sorted(path for path in found if path not in known)

    @contextmanager
    def reading(self, con: Connection, low: datetime, high: datetime) -> Iterator[Connection]:
        """Yield a connection on which the archived tables hold what is archived, too.

        Only files that overlap the range are read; where there are none it is `con` itself.
        """
        near = tuple(f for f in self._files if f.min_ts <= high and f.max_ts >= low)
        if not near:
            yield con
            return
        ((database,),) = con.execute(statements("catalog", _SQL)[0]).fetchall()
        cursor = beside(con, database)
        try:
            for table in KEPT:
                parts = self._kept(table, near, catalog=f'"{database}".main.')
                cursor.execute(filled("temp_view", _SQL, view=table, parts=parts))
            yield cursor
        finally:
            cursor.close()

    def _of(self, table: str) -> list[ArchiveFile]:
        return [file for file in self._files if file.table_name == table]

    def _kept_view(self, table: str, files: Sequence[ArchiveFile]) -> str:
        return filled("kept_view", _SQL, view=KEPT[table], parts=self._kept(table, files))

    def _kept(self, table: str, files: Sequence[ArchiveFile], catalog: str = "") -> str:
        parts = [filled("here", _SQL, catalog=catalog, table=table)]
        mine = [file for file in files if file.table_name == table]
        for version in sorted({file.schema_version for file in mine}):
            paths = [self.path(file) for file in mine if file.schema_version == version]
            parts.append(filled("archived", _SQL, paths=quoted(paths)))
        return " UNION ALL BY NAME ".join(parts)


def quoted(paths: Sequence[Path]) -> str:
    """Return paths as a list of strings in SQL."""
    return ", ".join(f"'{format_path(path)}'" for path in paths)


def listed(con: Connection) -> tuple[ArchiveFile, ...]:
    """Return the files that count, as the database lists them."""
    rows = con.execute(statements("manifest", _SQL)[0]).fetchall()
    return tuple(ArchiveFile(*row) for row in rows)


def first_live_day(now: datetime, live_days: int) -> date:
    """Return the first day that stays in the database at `now` (UTC), today being one."""
    return days_before(now.date(), live_days - 1)


def days_before(day: date, days: int) -> date:
    """Return the day so many days before another; the first of all where there is none."""
    return date.fromordinal(max(1, day.toordinal() - days))


def _slices(hours: Sequence[tuple[datetime, int]]) -> Iterator[tuple[datetime, datetime]]:
    """Yield ranges of hours of one day each that hold about `_SLICE_ROWS` at most."""
    low: datetime | None = None
    end = datetime.min
    size = 0
    for hour, rows in hours:
        if low is not None and (hour.date() != low.date() or size + rows > _SLICE_ROWS):
            yield low, end
            low, size = None, 0
        low = low or hour
        end, size = hour + timedelta(hours=1), size + rows
    if low is not None:
        yield low, end


def _counted(con: Connection, query: str, wanted: Slice) -> _Count:
    (row,) = con.execute(query, wanted.parameters).fetchall()
    values = dict(zip((field.name for field in fields(_Count)), row, strict=True))
    values["tokens"] = None if values["tokens"] is None else int(values["tokens"])
    return _Count(**values)


def _rows_in(con: Connection, path: Path) -> int:
    ((rows,),) = con.execute(filled("held", _SQL, path=format_path(path))).fetchall()
    return int(rows)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


Run = Callable[[Callable[[], None]], None]
"""Runs a job on the thread that writes to the database, and waits for it."""
