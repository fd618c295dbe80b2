"""A backup: facts, control state, key and archive as they were at one moment, with checksums.

It is taken while a manager runs: between two commits a transaction is begun, which goes on seeing
that moment, SQLite's file is copied, and the archive's files, which never change, get a second
name. The long part, copying the facts, goes on beside the ingest.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from manager_agent.store.control_file import copy_of, schema_of

FORMAT = 1
MANIFEST = "backup.json"
FACTS, CONTROL, KEY, ARCHIVE = "manager.duckdb", "control.sqlite", "digest.key", "archive"

Between = Callable[[Callable[[], None]], None]
"""Runs a job where nothing else writes to the facts, and returns when it is done."""


class BackupError(Exception):
    """No backup was made, or the one given is of no use; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    `moment`: what was acknowledged then is in it (ISO 8601, UTC). `schema`: version of each
    database. `tables`: rows of each table of the facts. `files`: SHA-256 by path in the backup.
    """

    format: int
    moment: str
    manager_agent: str
    duckdb: str
    schema: Mapping[str, int]
    tables: Mapping[str, int]
    files: Mapping[str, str]

    def to_json(self) -> str:
        """Return it as people and `restore` read it."""
        return json.dumps(asdict(self), indent=2) + "\n"


def write_backup(
    con: duckdb.DuckDBPyConnection,
    data_dir: Path,
    target: Path,
    between: Between,
    clock: Callable[[], datetime],
    version: str,
) -> Manifest:
    """Write a backup of `data_dir` into the new folder `target`; on the disk when it returns.

    `con`: a connection to the facts of its own, which nothing else uses. `version`: of this
    program. Raises `BackupError`, and leaves nothing behind then.
    """
    if target.exists():
        raise BackupError(f"{target} is there already; name a folder that is not")
    try:
        target.mkdir(parents=True, mode=0o700)
        _refuse_without_room(data_dir, target)
        return _written(con, data_dir, target, between, clock, version)
    except (duckdb.Error, OSError) as error:
        shutil.rmtree(target, ignore_errors=True)
        raise BackupError(f"no backup of {data_dir} in {target}: {error}") from error
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _written(
    con: duckdb.DuckDBPyConnection,
    data_dir: Path,
    target: Path,
    between: Between,
    clock: Callable[[], datetime],
    version: str,
) -> Manifest:
    name = (data_dir / FACTS).stem
    con.execute(_sql("begin").format(path=str(target / FACTS).replace("'", "''")))
    try:
        moment: list[datetime] = []

        def pin() -> None:
            con.begin()
            con.execute(_sql("schema")).fetchall()  # the first read fixes what all the others see
            # After the facts: alerts are copied from control to facts, so control may not be older.
            copy_of(data_dir / CONTROL, target / CONTROL)
            _take_archive(data_dir / ARCHIVE, target / ARCHIVE)
            moment.append(clock())

        between(pin)
        [(schema,)] = con.execute(_sql("schema")).fetchall()
        con.execute(_sql("copy").format(name=name))
        tables = rows_of(con, name)
        con.commit()
    except BaseException:
        _give_up(con)
        raise
    con.execute(_sql("end"))
    shutil.copyfile(data_dir / KEY, target / KEY)
    (target / KEY).chmod(0o600)
    manifest = Manifest(
        format=FORMAT,
        moment=moment[0].astimezone(UTC).isoformat(),
        manager_agent=version,
        duckdb=duckdb.__version__,
        schema={"facts": int(schema), "control": schema_of(target / CONTROL)},
        tables=tables,
        files=checksums(target),
    )
    (target / MANIFEST).write_text(manifest.to_json(), "utf-8")
    for path in [*_files(target), target]:
        sync(path)
    return manifest


def rows_of(con: duckdb.DuckDBPyConnection, name: str) -> dict[str, int]:
    """Return the number of rows of each table of the database `name`."""
    tables = con.execute(_sql("tables").format(name=name)).fetchall()
    counted = {}
    for (table,) in tables:
        [(number,)] = con.execute(_sql("rows").format(name=name, table=table)).fetchall()
        counted[str(table)] = int(number)
    return counted


def facts_schema(con: duckdb.DuckDBPyConnection) -> int:
    """Return the version of the schema of the facts."""
    [(version,)] = con.execute(_sql("schema")).fetchall()
    return int(version)


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in `folder` but the manifest, by its path there."""
    return {
        path.relative_to(folder).as_posix(): _digest(path)
        for path in _files(folder)
        if path != folder / MANIFEST
    }


def read_manifest(text: str, where: Path) -> Manifest:
    """Return the manifest of a backup. Raises `BackupError`."""
    try:
        found: dict[str, Any] = json.loads(text)
        if found["format"] != FORMAT:
            raise BackupError(
                f"{where} has format {found['format']}, this manager-agent knows {FORMAT}; restore"
                f" it with the manager-agent that wrote it, {found.get('manager_agent')}"
            )
        return Manifest(**found)
    except (ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{where}: {MANIFEST} is no manifest of a backup: {error!r}") from error


def sync(path: Path) -> None:
    """Make sure that what `path` holds survives a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _give_up(con: duckdb.DuckDBPyConnection) -> None:
    """End what was begun; the first error tells the rest."""
    for statement in ("ROLLBACK", _sql("end")):
        try:
            con.execute(statement)
        except duckdb.Error:
            continue


def _refuse_without_room(data_dir: Path, target: Path) -> None:
    need = sum(path.stat().st_size for path in data_dir.iterdir() if path.is_file())
    free = shutil.disk_usage(target).free
    if free < need:
        raise BackupError(
            f"no backup of {data_dir} in {target}: it needs {need:,} bytes, {free:,} are free; make"
            " room, or stop the manager and write the backup to another disk"
        )


def _take_archive(source: Path, target: Path) -> None:
    """Give each file of the archive a second name; they are written once and never changed."""
    for path in _files(source) if source.is_dir() else []:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            os.link(path, copy)
        except OSError:  # another file system, or one without second names
            shutil.copyfile(path, copy)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sql(name: str) -> str:
    return (files("manager_agent.store") / "backup_sql" / f"{name}.sql").read_text("utf-8")
