"""`manager-agent backup` and `manager-agent restore`."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from manager_agent.app.configured import settings_from
from manager_agent.app.options import API_URL, Api, Config, DataDir, Json, told
from manager_agent.app.rest import ManagerError, post

_BACKUP_SECONDS = 3600.0


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(name="backup")(backup_data)
    app.command(name="restore")(restore_data)


def backup_data(
    target: Annotated[
        Path,
        typer.Argument(
            help="A new folder, a folder to put it in, or a file ending in .tar or .tar.gz."
        ),
    ],
    data_dir: DataDir = None,
    config: Config = None,
    api_url: Api = API_URL,
    as_json: Json = False,
) -> None:
    """Write a backup: calls, spans, alerts, memory, key and archive as they are at one moment.

    A manager may run on the directory and goes on meanwhile. The configuration is not part of it.
    """
    from manager_agent.store.backup import MANIFEST, BackupError, read_manifest
    from manager_agent.store.restore import is_tar, pack

    with told(BackupError, ManagerError, OSError):
        directory = settings_from(config, data_dir).data_dir
        place = _free_place(target)
        folder = place.with_name(f".{place.name}.partial") if is_tar(place) else place
        if folder != place:
            shutil.rmtree(folder, ignore_errors=True)
        live = _write(directory, folder, api_url)
        manifest = read_manifest((folder / MANIFEST).read_text("utf-8"), folder)
        if is_tar(place):
            pack(folder, place)
            shutil.rmtree(folder)
    size = place.stat().st_size if is_tar(place) else _bytes_in(place)
    said: dict[str, Any] = {
        "path": str(place),
        "bytes": size,
        "moment": manifest.moment,
        "of_running_manager": live,
        "rows": sum(manifest.tables.values()),
    }
    if as_json:
        print(json.dumps(said))
    else:
        print(f"{place}: {size:,} bytes, {said['rows']:,} rows as of {manifest.moment}")


def restore_data(
    backup: Annotated[Path, typer.Argument(help="A folder or file that `backup` wrote.")],
    data_dir: DataDir = None,
    config: Config = None,
    force: Annotated[
        bool, typer.Option("--force", help="Move what is in the data directory aside.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of the data directory, after all of it was verified.

    The manager must not run. Nothing is overwritten: without --force an existing directory is
    refused, with it that is moved aside.
    """
    from manager_agent.store.backup import BackupError
    from manager_agent.store.restore import restore

    with told(BackupError, OSError):
        directory = settings_from(config, data_dir).data_dir
        manifest, aside = restore(backup, directory, datetime.now(UTC), force=force)
    if as_json:
        moved = None if aside is None else str(aside)
        print(json.dumps({"data_dir": str(directory), "moment": manifest.moment, "aside": moved}))
        return
    rows = sum(manifest.tables.values())
    print(f"{directory}: {rows:,} rows as of {manifest.moment}, every checksum right")
    if aside is not None:
        print(f"what was there before: {aside}")


def _free_place(target: Path) -> Path:
    """Return where the backup goes: `target` if that is free, else a new name inside it."""
    from manager_agent.store.backup import BackupError

    if target.is_dir():
        return target / f"manager-agent-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if target.exists():
        raise BackupError(f"{target} is there already; name a file or folder that is not")
    return target


def _write(directory: Path, folder: Path, api_url: str) -> bool:
    """Write the backup into `folder`; tell whether a running manager did."""
    from manager_agent.app.backups import InUseError, backup_at_rest
    from manager_agent.store.backup import BackupError

    try:
        backup_at_rest(directory, folder, lambda: datetime.now(UTC))
        return False
    except InUseError:
        made = Path(post(api_url, "/api/v1/backups", {}, seconds=_BACKUP_SECONDS)["path"])
    if made.parent.parent != directory.resolve() or not made.is_dir():
        raise BackupError(
            f"the manager at {api_url} runs on {made.parent.parent}, not on {directory}; name the"
            " one to back up with --api-url or --data-dir"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(made, folder)
    made.parent.rmdir()
    return True


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
