"""Puts a backup in the place of a data directory, after all of it was verified."""

import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath

import duckdb

from manager_agent.store.backup import (
    CONTROL,
    FACTS,
    MANIFEST,
    BackupError,
    Manifest,
    checksums,
    facts_schema,
    read_manifest,
    rows_of,
    sync,
)
from manager_agent.store.control_file import faults, newest_schema, schema_of
from manager_agent.store.repair import aside_in
from manager_agent.store.sql_files import migrations

_TAR = (".tar", ".tar.gz", ".tgz")


def is_tar(path: Path) -> bool:
    """Tell whether a backup of this name is one file."""
    return path.name.endswith(_TAR)


def pack(folder: Path, target: Path) -> None:
    """Put the backup in `folder` into one file, compressed if its name says so."""
    compressed = not target.name.endswith(".tar")
    beside = target.with_name(target.name + ".partial")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # the key is in it
    with (
        os.fdopen(handle, "wb") as file,
        tarfile.open(fileobj=file, mode="w:gz" if compressed else "w") as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, path.relative_to(folder).as_posix(), recursive=False)
    sync(beside)
    beside.rename(target)


def restore(
    backup: Path, data_dir: Path, now: datetime, *, force: bool
) -> tuple[Manifest, Path | None]:
    """Make `data_dir` what `backup` holds; return its manifest and where the old one was put.

    Verified first: all checksums, the rows of every table, that this program knows the schema.
    With `force` what is there is moved aside. Raises `BackupError`; then nothing has changed.
    """
    taken = data_dir.exists() and any(data_dir.iterdir())
    if taken and not force:
        raise BackupError(
            f"{data_dir} is there already; name another --data-dir, or move it aside with --force"
        )
    refuse_in_use(data_dir)
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with _unpacked(backup, data_dir) as fresh:
        manifest = verify(fresh, backup)
        (fresh / MANIFEST).unlink()
        aside = aside_in(data_dir.parent, now, f"{data_dir.name}-before-restore")
        if taken:
            data_dir.rename(aside)
        fresh.rename(data_dir)
        sync(data_dir.parent)
    return manifest, aside if taken else None


def refuse_in_use(data_dir: Path) -> None:
    """Raise `BackupError` where a manager runs on `data_dir`."""
    if not (data_dir / FACTS).exists():
        return
    try:
        duckdb.connect(str(data_dir / FACTS), read_only=True).close()
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise BackupError(
                f"{data_dir} is in use by another process; stop the manager that runs on it"
            ) from error
        # Damaged: a reason to restore, not to refuse.


def verify(folder: Path, backup: Path) -> Manifest:
    """Return the manifest of the unpacked backup, all of it compared with what is there."""
    try:
        manifest = read_manifest((folder / MANIFEST).read_text("utf-8"), backup)
    except OSError as error:
        raise BackupError(f"{backup} is no backup: {MANIFEST} cannot be read ({error})") from error
    found = checksums(folder)
    for name in sorted(manifest.files.keys() | found.keys()):
        if manifest.files.get(name) != found.get(name):
            what = "missing" if name not in found else "not as it was written"
            what = "not part of it" if name not in manifest.files else what
            raise BackupError(f"{backup}: {name} is {what}; use another backup")
    _refuse_newer(manifest, backup)
    _compare(manifest, folder, backup)
    return manifest


def _refuse_newer(manifest: Manifest, backup: Path) -> None:
    known = {"facts": max(number for number, _, _ in migrations()), "control": newest_schema()}
    for name, newest in known.items():
        if manifest.schema.get(name, 0) > newest:
            raise BackupError(
                f"{backup}: {name} has schema {manifest.schema[name]}, this manager-agent knows up"
                f" to {newest}; restore it with manager-agent {manifest.manager_agent} or newer"
            )


def _compare(manifest: Manifest, folder: Path, backup: Path) -> None:
    try:
        with duckdb.connect(str(folder / FACTS), read_only=True) as con:
            schema, rows = facts_schema(con), rows_of(con, Path(FACTS).stem)
    except duckdb.Error as error:
        raise BackupError(f"{backup}: {FACTS} cannot be read: {error}") from error
    if rows != manifest.tables or schema != manifest.schema["facts"]:
        raise BackupError(f"{backup}: {FACTS} does not hold what {MANIFEST} says")
    wrong = faults(folder / CONTROL)
    if wrong or schema_of(folder / CONTROL) != manifest.schema["control"]:
        raise BackupError(f"{backup}: {CONTROL} is damaged: {'; '.join(wrong) or 'other schema'}")


@contextmanager
def _unpacked(backup: Path, data_dir: Path) -> Iterator[Path]:
    """Yield the content of a backup in a folder beside `data_dir`, removed if still there."""
    fresh = data_dir.with_name(f"{data_dir.name}-restoring")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        if is_tar(backup):
            _extract(backup, fresh)
        elif backup.is_dir():
            shutil.copytree(backup, fresh)
        else:
            raise BackupError(f"{backup} is no backup: neither a folder nor one of {_TAR}")
        fresh.chmod(0o700)
        yield fresh
    except (OSError, tarfile.TarError) as error:
        raise BackupError(f"{backup} cannot be restored to {data_dir}: {error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _extract(backup: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    with tarfile.open(backup) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
                raise BackupError(f"{backup}: {member.name} is nothing a backup holds")
            tar.extract(member, target, filter="data")
