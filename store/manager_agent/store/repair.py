"""Makes a fact store open again whose log a power cut or a bad disk has damaged.

Nothing is thrown away: the database and its log are copied aside first. The log is cut at the end
of the last whole transaction before the damage, on a copy, and put in place only when all of the
database was read through it.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from manager_agent.store.sql_files import statements
from manager_agent.store.wal import head_of, is_corrupt_log, log_beside, parse

_POSITION = re.compile(r"entry at byte position (\d+)")
_OF_ANOTHER = "WAL does not match database file"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_MOST_CUTS = 1000
_CHECKPOINT = b"\x67\x00"
_FEW_BITS = 8
"""The ids of two databases differ in more than this."""


class RepairError(Exception):
    """Nothing was changed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class FactsFound:
    """The state of the fact store, and what a repair did or would do.

    `state`: `missing`, `sound`, or `damaged`. `damage`: in words, one for each. `log_bytes`: length
    of the log; `kept_bytes`, `kept_transactions`: what of it is whole and read. `tables`: rows of
    each table, all columns of which were read.
    """

    state: str
    damage: tuple[str, ...] = ()
    log_bytes: int = 0
    kept_bytes: int = 0
    kept_transactions: int = 0
    lost_transactions: int = 0
    tables: dict[str, int] = field(default_factory=dict)

    @property
    def cut_bytes(self) -> int:
        """Bytes of the log that are given up."""
        return self.log_bytes - self.kept_bytes


def look(database: Path) -> FactsFound:
    """Say what is wrong with the database and its log, and what a repair would keep.

    Changes nothing. Raises `RepairError` where another process has it open, or where a repair
    cannot help.
    """
    with _mended(database) as (found, _):
        return found


def repair(database: Path, aside: Path) -> FactsFound:
    """Cut the damaged part off the log, after copying database and log into the folder `aside`.

    Where nothing is damaged nothing is done. Raises `RepairError` as `look` does.
    """
    with _mended(database) as (found, log):
        if found.state == "damaged":
            keep_aside(database, aside)
            _put_in_place(log, log_beside(database))
    return found


def keep_aside(database: Path, aside: Path) -> None:
    """Copy the database and all files of its log into the new folder `aside`."""
    files = [database, *database.parent.glob(database.name + ".wal*")]
    need = sum(path.stat().st_size for path in files)
    free = shutil.disk_usage(database.parent).free
    if free < need * 1.1:
        raise RepairError(
            f"{database.parent}: a copy of the database needs {need:,} bytes, {free:,} are free;"
            " make room, or move the directory to another disk, and run it again"
        )
    aside.mkdir(mode=0o700)
    for path in files:
        shutil.copy2(path, aside / path.name)
        _sync(aside / path.name)
    _sync(aside)


def aside_in(data_dir: Path, now: datetime, what: str) -> Path:
    """Return a name that is not taken yet, in `data_dir`, for what is kept of `now`."""
    name = f"{what}-{now:%Y%m%dT%H%M%SZ}"
    taken = 0
    while (data_dir / (name if not taken else f"{name}-{taken}")).exists():
        taken += 1
    return data_dir / (name if not taken else f"{name}-{taken}")


@contextmanager
def _mended(database: Path) -> Iterator[tuple[FactsFound, bytes]]:
    """Yield what was found and a log that is whole, the database locked against a manager."""
    if not database.exists():
        yield FactsFound("missing"), b""
        return
    scratch = database.parent / f"repair-scratch-{os.getpid()}"
    for left in database.parent.glob("repair-scratch-*"):  # of one that was killed
        shutil.rmtree(left, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    con: duckdb.DuckDBPyConnection | None = None
    try:
        copy = scratch / database.name
        _link(database, copy)
        damage: list[str] = []
        before = log_beside(database)
        data = before.read_bytes() if before.exists() else b""
        log, con = _opened(copy, data, damage)
        found, whole = parse(data), parse(log)
        yield (
            FactsFound(
                state="damaged" if damage else "sound",
                damage=tuple(damage),
                log_bytes=len(data),
                kept_bytes=len(log),
                kept_transactions=len(whole.commits),
                lost_transactions=len(found.commits) + found.later_commits - len(whole.commits),
                tables=_read_all(con, database),
            ),
            log,
        )
    finally:
        if con is not None:
            con.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _opened(copy: Path, data: bytes, damage: list[str]) -> tuple[bytes, duckdb.DuckDBPyConnection]:
    """Return the log, cut until it opens, and the open copy; `damage` gets what was wrong."""
    log = _with_head(copy, data, damage)
    found = parse(log)
    if found.silently_damaged:
        end = found.boundary(found.walked)
        damage.append(
            f"the entry at byte {found.walked} is torn, {found.later_commits} transaction(s) come"
            " after it"
        )
        log = log[:end]
    for _ in range(_MOST_CUTS):
        log_beside(copy).write_bytes(log)
        try:
            return log, duckdb.connect(str(copy), read_only=True, config=_CONFIG)
        except duckdb.Error as error:
            log = _shorter(copy, log, error, damage)
    raise RepairError(f"{copy.name}.wal: still damaged after {_MOST_CUTS} cuts; restore a backup")


def _shorter(copy: Path, log: bytes, error: duckdb.Error, damage: list[str]) -> bytes:
    """Return the log without what DuckDB complained of. Raises `RepairError` where it cannot be."""
    text = str(error).splitlines()[0]
    if _OF_ANOTHER in text:
        return _headed(copy, log, damage)
    if "lock" in text.lower() and not is_corrupt_log(error):
        raise RepairError(
            f"{copy.parent.parent} is in use by another process; stop the manager that runs on it"
        ) from error
    place = _POSITION.search(text)
    end = parse(log).boundary(int(place[1])) if place else len(log)
    if end >= len(log):
        raise RepairError(
            f"{copy.name} cannot be opened, and cutting its log does not help: {text};"
            " restore a backup with `manager-agent restore`"
        ) from error
    damage.append(text.rpartition('": ')[2] or text)
    return log[:end]


def _with_head(copy: Path, data: bytes, damage: list[str]) -> bytes:
    """Return the log, its head made anew where that is damaged and transactions follow it."""
    if head_of(data) or not parse(data).later_commits:
        return data
    return _headed(copy, data, damage)


def _headed(copy: Path, log: bytes, damage: list[str]) -> bytes:
    """Return the log with the head that DuckDB would write for this database.

    Raises `RepairError` where it may be the log of another database.
    """
    head = _fresh_head(copy)
    given = log[: len(head)]
    off = sum((one ^ other).bit_count() for one, other in zip(given, head, strict=False))
    # The number of the checkpoint must be right: the log of an earlier one is in the file already.
    checkpoint = head.rindex(_CHECKPOINT)
    if not 0 < off <= _FEW_BITS or given[checkpoint:] != head[checkpoint:]:
        raise RepairError(
            f"{copy.name}.wal does not belong to {copy.name}, or its head is damaged beyond repair;"
            " move it away to start without it, or restore a backup with `manager-agent restore`"
        )
    mended = head + log[len(head) :]
    damage.append("the head of the log is damaged")
    return mended


def _fresh_head(copy: Path) -> bytes:
    """Return what a log of this database begins with, by letting DuckDB begin one on a copy."""
    other = copy.with_name("head.duckdb")
    shutil.copyfile(copy, other)
    con = duckdb.connect(str(other), config=_CONFIG)
    try:
        con.execute(statements("begin_log")[0])
        return head_of(log_beside(other).read_bytes())
    finally:
        con.close()
        other.unlink()


def _read_all(con: duckdb.DuckDBPyConnection, database: Path) -> dict[str, int]:
    """Read every column of every table; return the numbers of rows. Raises `RepairError`."""
    tables, read = statements("read_all")
    rows = {}
    for (name,) in con.execute(tables).fetchall():
        try:
            [(number, _)] = con.execute(read.replace("a_table", f'"{name}"')).fetchall()
        except duckdb.Error as error:
            raise RepairError(
                f"{database}: table {name} cannot be read ({str(error).splitlines()[0]});"
                " restore a backup with `manager-agent restore`"
            ) from error
        rows[str(name)] = int(number)
    return rows


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no second names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _put_in_place(log: bytes, path: Path) -> None:
    """Replace the log in one step, so that a power cut leaves the old or the new one."""
    beside = path.with_name(path.name + "-mended")
    with beside.open("wb") as file:
        file.write(log)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileNotFoundError):
        shutil.copymode(path, beside)
    os.replace(beside, path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
