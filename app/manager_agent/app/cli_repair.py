"""`manager-agent repair`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from manager_agent.app.configured import settings_from
from manager_agent.app.options import Config, DataDir, Json, told

if TYPE_CHECKING:
    from manager_agent.store.repair import FactsFound


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(name="repair")(repair_data)


def repair_data(
    data_dir: DataDir = None,
    config: Config = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the databases open again after a power cut or a bad disk damaged the log.

    Copies the database and its log aside, cuts the log where the damage begins, and reads all that
    is left. Every transaction before the damage is kept. Exit code 0 where all is sound afterwards.
    """
    from manager_agent.store.control_file import faults
    from manager_agent.store.repair import RepairError, aside_in, look, repair

    with told(RepairError, OSError):
        directory = settings_from(config, data_dir).data_dir
        if not directory.is_dir():
            raise RepairError(f"{directory} is no directory; name the data directory: --data-dir")
        database = directory / "manager.duckdb"
        aside = aside_in(directory, datetime.now(UTC), "before-repair")
        found = look(database) if dry_run else repair(database, aside)
        control = faults(directory / "control.sqlite")
    kept = aside if aside.exists() else None
    if as_json:
        print(json.dumps(_document(directory, found, control, kept, dry_run)))
    else:
        print("\n".join(_lines(directory, found, control, kept, dry_run)))
    waiting = dry_run and found.state == "damaged"
    raise typer.Exit(1 if control or waiting else 0)


def _document(
    directory: Path, found: "FactsFound", control: list[str], kept: Path | None, dry_run: bool
) -> dict[str, Any]:
    return {
        "data_dir": str(directory),
        "dry_run": dry_run,
        "facts": asdict(found) | {"cut_bytes": found.cut_bytes},
        "control": {"state": "damaged" if control else "sound", "damage": control},
        "kept_in": None if kept is None else str(kept),
    }


def _lines(
    directory: Path, found: "FactsFound", control: list[str], kept: Path | None, dry_run: bool
) -> list[str]:
    lines = [f"{directory}/manager.duckdb: {_state(found, dry_run)}"]
    lines += [f"  {each}" for each in found.damage]
    if found.damage:
        cut, keep = ("would be cut", "would be kept") if dry_run else ("cut", "kept")
        lines += [
            f"  log: {found.cut_bytes:,} of {found.log_bytes:,} bytes {cut}, with at least"
            f" {found.lost_transactions} transaction(s); {found.kept_transactions} {keep}",
        ]
    if kept is not None:
        lines.append(f"  the database and its log as they were: {kept}")
    if found.state != "missing":
        rows = sum(found.tables.values())
        lines.append(f"  read: {rows:,} rows, all columns of {len(found.tables)} tables")
    said = "; ".join(control) or "sound"
    lines.append(f"{directory}/control.sqlite: {said}")
    if control:
        lines.append(
            "  restore a backup (`manager-agent restore`), or move the file away to start anew:"
            " open alerts fire again, budgets and calls are kept elsewhere"
        )
    return lines


def _state(found: "FactsFound", dry_run: bool) -> str:
    if found.state == "damaged":
        return "damaged, can be repaired" if dry_run else "was damaged, is repaired"
    return found.state
