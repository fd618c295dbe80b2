"""`manager-agent archive`."""

import json
import os
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from manager_agent.app import log
from manager_agent.app.configured import settings_from
from manager_agent.app.options import API_URL, Api, Config, DataDir, Json, told
from manager_agent.app.rest import ManagerError, post

_ARCHIVE_SECONDS = 600.0


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(archive)


def archive(
    before: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="Move days before this one (UTC), e.g. 2026-11-30; default by storage.live_days.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is due.")] = False,
    as_json: Json = False,
    config: Config = None,
    data_dir: DataDir = None,
    api_url: Api = API_URL,
) -> None:
    """Move days that are past storage.live_days to the Parquet archive, now.

    The running manager does it by itself every few minutes. Where one runs on the data directory it
    is asked to, at --api-url; where none does, the directory is opened.
    """
    from manager_agent.store.duck import InUseError, StoreError

    try:
        day = None if before is None else date.fromisoformat(before)
    except ValueError as error:
        raise typer.BadParameter(f"{before!r} is no day such as 2026-11-30") from error
    with told(ManagerError, StoreError, log.LogLevelError, OSError):
        log.configure(os.environ.get("LOG_LEVEL", "warning"))
        settings = settings_from(config, data_dir)
        try:
            found = _offline(settings, day, dry_run)
        except InUseError:
            asked = {"before": before, "dry_run": dry_run}
            found = post(api_url, "/api/v1/archive", asked, seconds=_ARCHIVE_SECONDS)
    if as_json:
        print(json.dumps(found))
    else:
        _say(found)
    raise typer.Exit(1 if found.get("left") else 0)


def _offline(settings: Any, before: date | None, dry_run: bool) -> dict[str, Any]:
    from manager_agent.analytics.install import install
    from manager_agent.app.archiving import kept
    from manager_agent.app.manager import now
    from manager_agent.receiver.content import Door
    from manager_agent.store.duck import FactStore, StoreError
    from manager_agent.store.sealing import Sealer, plan, report

    path: Path = settings.data_dir / "manager.duckdb"
    if not path.exists():
        raise StoreError(f"{path} is not there; name the directory that holds it with --data-dir")
    # Nothing is received here, so that nothing is digested: any key does.
    store = FactStore(path, Door(bytes(32)), install)
    try:
        sealer = Sealer(store, lambda job: job(), now, kept(settings))
        return plan(sealer.due(before)) if dry_run else report(sealer.run(before))
    finally:
        store.close()


def _say(found: dict[str, Any]) -> None:
    if "due" in found:
        for each in found["due"]:
            print(f"due: {each['table']} of {each['day']}")
        print(f"{len(found['due'])} table(s) and day(s) are due")
        return
    for each in found["archived"]:
        print(f"{each['path']}: {each['rows']:,} rows, {each['bytes']:,} bytes")
    for each in found["expired"]:
        print(f"{each['path']}: older than storage.archive_days, removed")
    for text in found["left"]:
        print(f"left for the next time: {text}")
    print(f"{len(found['archived'])} file(s) written, {len(found['expired'])} expired")
