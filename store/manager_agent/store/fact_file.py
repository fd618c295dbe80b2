"""The file of the facts: how it is opened, and brought to this version's schema.

The file is attached to an instance in memory, for the sake of its small row groups
(docs/decisions/0019-row-groups.md).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import structlog

from manager_agent.store.sql_files import filled, format_path, migrations, split, statements
from manager_agent.store.wal import is_corrupt_log, log_beside, read_log

_log = structlog.get_logger()

_SETTINGS = {
    "threads": "1",  # commits are small: handing their parts to other threads costs a quarter more
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

_HELD = ("Could not set lock", "is already attached by database")
"""What DuckDB says where another process, or another instance of this one, has the file open."""

Connection = duckdb.DuckDBPyConnection


class StoreError(Exception):
    """The file cannot be used; the message says which and what to do."""


class InUseError(StoreError):
    """Another process has the file open."""


def open_facts(path: Path, limits: Mapping[str, str]) -> Connection:
    """Open the file, made if missing, with the newest schema. Raises `StoreError`.

    `limits`: settings of DuckDB. The connection finds the tables without naming the database; one
    that is made from it does so after `beside`.
    """
    if read_log(log_beside(path)).silently_damaged:
        raise StoreError(_damaged_log(path, "transactions after its first torn entry"))
    # What does not fit into memory goes beside the file, as if that had been opened directly.
    spill = {"temp_directory": f"{path}.tmp"}
    con = duckdb.connect(":memory:", config={**_SETTINGS, **spill, **limits})
    try:
        _attach(con, path)
        con.execute("SET TimeZone = 'UTC'").fetchall()
        _migrate(con, path)
    except BaseException:
        con.close()
        raise
    return con


def beside(con: Connection, name: str) -> Connection:
    """Return a new connection to the same instance and the database `name` in it.

    The caller closes it. `con` may be in use by another thread. Raises `duckdb.Error`.
    """
    cursor = con.cursor()
    try:
        cursor.execute(filled("use", "sql", database=_quoted(name)))
    except BaseException:
        cursor.close()
        raise
    return cursor


def answers(con: Connection) -> bool:
    """Tell whether the database can be read: not so after a checkpoint that failed."""
    try:
        con.execute(statements("schema_version")[1]).fetchall()
    except duckdb.Error as error:
        _log.warning("the facts cannot be read", error=str(error))
        return False
    return True


def closed(con: Connection) -> bool:
    """Tell whether a connection was closed; another thread may be using it."""
    try:
        con.query_progress()  # what may be asked at any time, and says so
    except duckdb.ConnectionException:
        return True
    return False


def _attach(con: Connection, path: Path) -> None:
    # The name that DuckDB gives a file that is opened directly.
    name = _quoted(path.stem)
    try:
        con.execute(filled("attach", "sql", path=format_path(path), database=name))
    except duckdb.Error as error:  # a damaged log is an IOException for 1.5, a bare one for 2.0
        held = any(words in str(error) for words in _HELD)
        if not (held or isinstance(error, duckdb.IOException) or is_corrupt_log(error)):
            raise
        raise (InUseError if held else StoreError)(_cannot_open(path, error)) from error
    con.execute(filled("use", "sql", database=name))


def _quoted(name: str) -> str:
    return name.replace('"', '""')


def _migrate(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    create, read, note = statements("schema_version")
    con.execute(create)
    rows = con.execute(read).fetchall()
    applied = {int(row[0]) for row in rows}
    known = migrations()
    newest = max((version for version, _, _ in known), default=0)
    if applied and max(applied) > newest:
        raise StoreError(
            f"{path} has schema version {max(applied)}, this manager-agent knows up to {newest};"
            " start the newer manager-agent that wrote it, or use another --data-dir"
        )
    for version, name, text in known:
        if version in applied:
            continue
        con.execute("BEGIN TRANSACTION")
        for statement in split(text):
            con.execute(statement)
        applied_ts = datetime.now(UTC).replace(tzinfo=None)
        con.execute(note, {"version": version, "name": name, "applied": applied_ts})
        con.execute("COMMIT")
        # A log that mixes DDL and data is the one DuckDB has failed to replay: empty it at once.
        con.execute("CHECKPOINT")


def _cannot_open(path: Path, error: Exception) -> str:
    text = str(error)
    if is_corrupt_log(error):
        return _damaged_log(path, text.splitlines()[0])
    if any(words in text for words in _HELD):
        return (
            f"{path} is in use by another process; stop the manager that runs on this data"
            f" directory, or choose another with --data-dir ({text.splitlines()[0]})"
        )
    return f"{path} cannot be opened: {text}"


def _damaged_log(path: Path, found: str) -> str:
    return (
        f"{log_beside(path)} is damaged, as a power cut or a bad disk leaves it ({found}); run"
        f" `manager-agent repair --data-dir {path.parent}`: it keeps a copy, and every transaction"
        " before the damage"
    )
