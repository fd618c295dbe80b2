"""The SQLite file behind the control store: opening it, bringing it up to date, its queries."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path

_MIGRATION = re.compile(r"(\d{4})_\w+\.sql")


class ControlStoreError(Exception):
    """The control database cannot be used; the text names the file and what to do."""


def connect(path: Path) -> sqlite3.Connection:
    """Open `path`, made if missing with mode 0600, durable and at this program's schema.

    The connection may be used by any thread, by one at a time. Raises `ControlStoreError`.
    """
    try:
        _make_private(path)
        con = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise ControlStoreError(
            f"{path}: cannot be opened ({error}); check the data directory"
        ) from error
    try:
        con.executescript(_text("control_sql", "connect.sql"))
        _migrate(con, path)
    except sqlite3.Error as error:
        con.close()
        raise ControlStoreError(
            f"{path}: cannot be read ({error}); restore it from a backup, or move it away to start "
            "anew (budgets and calls are kept elsewhere, open alerts fire again)"
        ) from error
    except ControlStoreError:
        con.close()
        raise
    return con


def faults(path: Path) -> list[str]:
    """Return what is wrong inside the file at `path`, in SQLite's words; empty where all is well.

    SQLite mends a torn log by itself: every transaction before the damage is kept. A missing file
    has no faults.
    """
    if not path.exists():
        return []
    try:
        con = sqlite3.connect(path, isolation_level=None)
        try:
            rows = con.execute(_text("control_sql", "check.sql")).fetchall()
        finally:
            con.close()
    except sqlite3.Error as error:
        return [str(error)]
    return [str(row[0]) for row in rows if row[0] != "ok"]


def copy_of(path: Path, target: Path) -> None:
    """Copy the file at `path` as it is at one moment, also while others write to it.

    Raises `OSError` where it cannot be read or written.
    """
    os.close(os.open(target, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        source, copy = sqlite3.connect(path), sqlite3.connect(target)
        try:
            source.backup(copy)
        finally:
            source.close()
            copy.close()
    except sqlite3.Error as error:
        raise OSError(f"{path} cannot be copied to {target}: {error}") from error


def schema_of(path: Path) -> int:
    """Return the version of the schema of the file at `path`; 0 for an empty one."""
    con = sqlite3.connect(path)
    try:
        [(version,)] = con.execute(_text("control_sql", "version.sql")).fetchall()
        return int(version)
    finally:
        con.close()


def newest_schema() -> int:
    """Return the newest version of the schema that this program knows."""
    return max(_migrations())


@contextmanager
def transaction(con: sqlite3.Connection) -> Iterator[None]:
    """Commit all that is done inside together, on the disk when the block ends, or nothing."""
    con.execute("BEGIN IMMEDIATE")
    try:
        yield
        con.execute("COMMIT")
    except BaseException:
        if con.in_transaction:  # SQLite itself rolls back on a full disk
            con.execute("ROLLBACK")
        raise


@cache
def query(file: str, name: str) -> str:
    """Return the query under `-- name: <name>` of `control_sql/<file>.sql`."""
    _, *parts = _text("control_sql", f"{file}.sql").split("-- name: ")
    queries = dict(part.split("\n", 1) for part in parts)
    return queries[name]


def _make_private(path: Path) -> None:
    """Make the file before SQLite does; its -wal and -shm files then get the same mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)


def _migrate(con: sqlite3.Connection, path: Path) -> None:
    [(version,)] = con.execute(_text("control_sql", "version.sql")).fetchall()
    known = _migrations()
    if version > max(known):
        raise ControlStoreError(
            f"{path}: has schema {version}, this program knows up to {max(known)}; "
            "start the newer version that wrote it"
        )
    for number in sorted(known):
        if number > version:
            con.executescript(known[number])  # each file is one transaction and sets its version


def _migrations() -> dict[int, str]:
    folder = files("manager_agent.store").joinpath("control_migrations")
    names = [match for path in folder.iterdir() if (match := _MIGRATION.fullmatch(path.name))]
    return {int(match[1]): _text("control_migrations", match[0]) for match in names}


def _text(folder: str, name: str) -> str:
    return files("manager_agent.store").joinpath(folder, name).read_text("utf-8")
