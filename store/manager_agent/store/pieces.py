"""The rows of a snapshot: Parquet files that are written once and never changed.

Facts are appended, so a publication writes only the rows that came since the last one. Which they
are is told by their row ids; that none is missing or there twice, by the number of rows of each
day, in the same transaction. Where the numbers differ (the archive took rows away, and a checkpoint
renumbered the rest), the day is written anew. What is not settled is in a file of each publication.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from math import log
from pathlib import Path
from time import time_ns

import duckdb

from manager_agent.store.archive import ArchiveFile, listed, quoted
from manager_agent.store.sql_files import filled, format_path

SETTLED = {"spans": "* EXCLUDE (fact)", "calls_sealed": "*", "tools_sealed": "*"}
"""Table whose rows never change -> the columns of it that go into pieces."""

OPEN = {"llm_calls": ("calls_open", "call_id"), "tool_calls": ("tools_open", "tool_call_key")}
"""What users query -> the table of what changes still, written anew each time, and its key."""

FOLDER = "pieces"
"""Where pieces lie, in the directory of the snapshot."""

_SQL = "snapshot_sql"
_FULL_ROWS = 250_000
"""A piece with as many rows is never merged: so a merge costs the same however much there is."""

_FAN = 8
"""Pieces of about one size that are merged into one."""

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of rows of one table and day."""

    path: Path
    rows: int


@dataclass(frozen=True, slots=True)
class State:
    """Which files a snapshot is made of.

    `pieces`: by table and day, in the order they were written. `next_row`: by table, the first row
    id that is in no piece. `archived`: the archive's files. `usage`: by view, what tells whether
    the older buckets changed, and the file that holds them. `open`: by view, the file of what may
    change still.
    """

    pieces: Mapping[tuple[str, date], tuple[Piece, ...]] = field(default_factory=dict)
    next_row: Mapping[str, int] = field(default_factory=dict)
    archived: tuple[ArchiveFile, ...] = ()
    usage: Mapping[str, tuple[tuple[object, ...], Path | None]] = field(default_factory=dict)
    open: Mapping[str, Path] = field(default_factory=dict)

    def of(self, table: str) -> list[Path]:
        """Return the pieces of a table."""
        found = (each for (name, _), each in sorted(self.pieces.items()) if name == table)
        return [piece.path for pieces in found for piece in pieces]

    @property
    def files(self) -> frozenset[Path]:
        """All pieces, of rows and of usage."""
        rows = (piece.path for pieces in self.pieces.values() for piece in pieces)
        usage = (path for _, path in self.usage.values() if path)
        return frozenset([*rows, *usage, *self.open.values()])


class Pieces:
    """Writes pieces into one directory; what is in it already belongs to earlier runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._run = f"{time_ns():x}"
        self._written = 0

    def updated(
        self, con: Connection, known: State, recent: datetime, columns: Mapping[str, str]
    ) -> State:
        """Return the state of this moment: inside a transaction that reads.

        `recent`: buckets of usage before it go into a file (UTC, naive). `columns`: by view, what
        users see of it. Raises `duckdb.Error`.
        """
        if not all(path.exists() for path in known.files):
            known = State()
        self.directory.mkdir(parents=True, exist_ok=True)
        state = replace(known, archived=listed(con))
        for table in SETTLED:
            state = self._with_rows(con, state, table, moved=_moved(known, state, table))
        return self._with_usage(con, self._with_open(con, state, columns), recent)

    def merged(self, con: Connection, state: State) -> State:
        """Return the state with small pieces of a day put together."""
        pieces = dict(state.pieces)
        for key, each in state.pieces.items():
            pieces[key] = self._merged(con, each)
        return replace(state, pieces=pieces)

    def sweep(self, needed: Iterable[Path]) -> None:
        """Delete the files in the directory that nobody needs."""
        kept = set(needed)
        for path in self.directory.glob("*.parquet"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def _with_rows(self, con: Connection, state: State, table: str, moved: set[date]) -> State:
        first = state.next_row.get(table, 0)
        there = _days(con, table, 0)
        new = _days(con, table, first) if first else there
        pieces = {key: each for key, each in state.pieces.items() if key[0] != table}
        for day, rows in there.items():
            known = () if day in moved else state.pieces.get((table, day), ())
            start, added = first, new.get(day, 0)
            if sum(piece.rows for piece in known) + added != rows:
                known, start, added = (), 0, rows
            if added:
                known = (*known, self._piece(con, table, day, start, added))
            pieces[table, day] = known
        query = filled("next_row", _SQL, table=table)
        ((next_row,),) = con.execute(query).fetchall()
        return replace(state, pieces=pieces, next_row={**state.next_row, table: next_row})

    def _piece(self, con: Connection, table: str, day: date, first: int, rows: int) -> Piece:
        path = self._next(f"{table}-{day}")
        these = {"table": table, "first": str(first)}
        days = {"low": str(day), "high": str(day + timedelta(days=1))}
        ((earliest, latest),) = con.execute(filled("bounds", _SQL, **these, **days)).fetchall()
        times = {"earliest": str(earliest), "latest": str(latest)}
        into = {"columns": SETTLED[table], "path": format_path(path)}
        con.execute(filled("piece", _SQL, **these, **times, **into))
        return Piece(path, rows)

    def _merged(self, con: Connection, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        """Merge the newest where enough of their size or smaller have come together.

        So each row is written again once for each power of `_FAN`, up to a full piece.
        """
        tail: list[Piece] = []
        rest = list(pieces)
        while rest and rest[-1].rows < _FULL_ROWS and _size(rest[-1]) <= _size(pieces[-1]):
            tail.insert(0, rest.pop())
            if sum(piece.rows for piece in tail) >= _FULL_ROWS:
                break
        if len(tail) < _FAN:
            return pieces
        path = self._next("merged")
        paths = quoted([piece.path for piece in tail])
        con.execute(filled("merge", _SQL, paths=paths, path=format_path(path)))
        return (*rest, Piece(path, sum(piece.rows for piece in tail)))

    def _with_open(self, con: Connection, state: State, columns: Mapping[str, str]) -> State:
        files = {}
        for view, (table, key) in OPEN.items():
            files[view] = self._next(f"open-{view}")
            into = {"columns": columns[view], "path": format_path(files[view])}
            con.execute(filled("open_piece", _SQL, table=table, key=key, **into))
        return replace(state, open=files)

    def _with_usage(self, con: Connection, state: State, recent: datetime) -> State:
        usage = dict(state.usage)
        for view in ("usage_minute", "usage_hour"):
            query = filled("older_usage", _SQL, table=f"{view}_deltas", before=str(recent))
            (row,) = con.execute(query).fetchall()
            key = (recent, *row)
            if usage.get(view, ((), None))[0] == key:
                continue
            path = None
            if row[0]:
                path = self._next(view)
                target = format_path(path)
                con.execute(filled("usage_piece", _SQL, view=view, before=str(recent), path=target))
            usage[view] = key, path
        return replace(state, usage=usage)

    def _next(self, name: str) -> Path:
        self._written += 1
        return self.directory / f"{name}-{self._run}-{self._written}.parquet"


def views(state: State, data_dir: Path, columns: Mapping[str, str]) -> Iterator[str]:
    """Yield the statements that make what users query, in the file of a snapshot.

    `columns`: by view, what users see of it.
    """
    for view, table, rows in (
        ("llm_calls", "calls_sealed", "settled_calls"),
        ("tool_calls", "tools_sealed", "settled_tools"),
        ("spans", "spans", "settled_rows"),
    ):
        mine = [file for file in state.archived if file.table_name == table]
        groups = [state.of(table)]
        for version in sorted({file.schema_version for file in mine}):
            groups.append([data_dir / f.path for f in mine if f.schema_version == version])
        more = [
            filled(rows, _SQL, columns=columns[view], paths=quoted(paths))
            for paths in groups
            if paths
        ]
        if view in state.open:
            paths = quoted([state.open[view]])
            more.append(filled("settled_rows", _SQL, columns=columns[view], paths=paths))
        yield filled("view", _SQL, view=view, more=" ".join(["", *more]))
    for view, (_, path) in state.usage.items():
        more = [filled("settled_rows", _SQL, columns="*", paths=quoted([path]))] if path else []
        yield filled("view", _SQL, view=view, more=" ".join(["", *more]))


def _size(piece: Piece) -> int:
    """Return a piece's size class: the power of `_FAN` it has passed."""
    return int(log(max(piece.rows, 1), _FAN))


def _days(con: Connection, table: str, first: int) -> dict[date, int]:
    query = filled("days", _SQL, table=table, first=str(first))
    return dict(con.execute(query).fetchall())


def _moved(known: State, now: State, table: str) -> set[date]:
    """Return the days of a table that the archive took rows of since."""
    changed = set(known.archived) ^ set(now.archived)
    return {file.day for file in changed if file.table_name == table}
