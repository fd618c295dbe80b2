"""`manager-agent import`."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from manager_agent.app.configured import settings_from
from manager_agent.app.history.names import MappingError
from manager_agent.app.history.rows import BadRow, Export, Row
from manager_agent.app.history.taken import Taken, Target
from manager_agent.app.options import API_URL, Api, Config, DataDir, Json, told
from manager_agent.app.rest import ManagerError

_CHUNK = 1000
"""Rows of one transaction."""

_MOST_SHOWN = 20


@dataclass(slots=True)
class Total:
    """What an import did so far."""

    rows: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    taken: Taken = field(default_factory=Taken)
    bad: int = 0
    first_bad: list[BadRow] = field(default_factory=list)


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(name="import")(import_file)


def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV file; its first line names the columns.")],
    columns: Annotated[
        str,
        typer.Option("--map", help="Which column says what: ts=TIMESTAMP,input_tokens=Tokens,..."),
    ] = "",
    agent: Annotated[str, typer.Option(help="Whose calls, where no column says so.")] = "imported",
    provider: Annotated[str | None, typer.Option(help="Whose model, likewise.")] = None,
    model: Annotated[str | None, typer.Option(help="Which model, likewise.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and price everything; store nothing.")
    ] = False,
    data_dir: DataDir = None,
    config: Config = None,
    api_url: Api = API_URL,
    as_json: Json = False,
) -> None:
    """Take in calls of the past from a CSV file, each a row; each once, however often you run it.

    Columns are recognised by the names that usual exports give them. Calls without a cost are
    priced by their day. A manager may run meanwhile. Exit code 1 where a row could not be read.
    """
    from manager_agent.app.history.target import target
    from manager_agent.store.digest_key import DigestKeyError
    from manager_agent.store.duck import StoreError

    given = [("agent", agent), ("provider", provider), ("request_model", model)]
    defaults = {name: value for name, value in given if value}
    total = Total()
    os.umask(0o077)
    with told(MappingError, StoreError, DigestKeyError, ManagerError, OSError):
        settings = settings_from(config, data_dir)
        export = Export(file, _pairs(columns), defaults)
        with target(settings, api_url, dry_run=dry_run) as into, _progress(file) as show:
            where = into.name
            for chunk in _chunks(export.rows()):
                _take(chunk, into, total)
                show(export.bytes_read)
    if as_json:
        print(json.dumps(_document(export, total, where, dry_run)))
    else:
        print("\n".join(_lines(export, total, where, dry_run)))
    raise typer.Exit(1 if total.bad else 0)


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for part in text.split(",") if text else []:
        name, equals, column = part.partition("=")
        if not equals:
            raise MappingError(f"--map {part!r}: write FIELD=COLUMN, several with commas between")
        pairs[name.strip()] = column.strip()
    return pairs


def _chunks(rows: Iterator[Row | BadRow]) -> Iterator[list[Row | BadRow]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _take(chunk: list[Row | BadRow], into: Target, total: Total) -> None:
    good = [row for row in chunk if not isinstance(row, BadRow)]
    bad = [row for row in chunk if isinstance(row, BadRow)]
    total.rows += len(chunk)
    total.bad += len(bad)
    total.first_bad += bad[: _MOST_SHOWN - len(total.first_bad)]
    total.input_tokens += sum(row.get("input_tokens") or 0 for row in good)
    total.output_tokens += sum(row.get("output_tokens") or 0 for row in good)
    if good:
        total.taken += into.take(good)


@contextmanager
def _progress(file: Path) -> Iterator[Any]:
    """Yield a function that draws how far the file is read; it draws on a terminal alone."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)
        yield lambda done: progress.update(task, completed=done)


def _document(export: Export, total: Total, where: str, dry_run: bool) -> dict[str, Any]:
    taken = total.taken
    return {
        "file": str(export.path),
        "into": where,
        "dry_run": dry_run,
        "rows": total.rows,
        "added": taken.added,
        "known": taken.known,
        "bad": total.bad,
        "first_bad": [{"line": row.line, "why": row.why} for row in total.first_bad],
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "added_cost_usd": str(Decimal(taken.cost_nano).scaleb(-9)),
        "added_unpriced": taken.unpriced,
        "columns": {name: export.header[place] for name, place in export.columns.items()},
        "unknown_columns": export.unknown_columns,
    }


def _lines(export: Export, total: Total, where: str, dry_run: bool) -> list[str]:
    taken = total.taken
    read = ", ".join(f"{name}={export.header[place]}" for name, place in export.columns.items())
    does = "would be added to" if dry_run else "added to"
    cost = Decimal(taken.cost_nano).scaleb(-9)
    lines = [
        f"columns: {read}",
        *([f"not read: {', '.join(export.unknown_columns)}"] if export.unknown_columns else []),
        f"{total.rows:,} rows: {taken.added:,} calls {does} {where}, {taken.known:,} known from"
        f" before, {total.bad:,} that could not be read",
        f"{total.input_tokens:,} input and {total.output_tokens:,} output tokens in the file;"
        f" what was added cost ${cost:,.4f}",
    ]
    if taken.unpriced:
        lines.append(
            f"{taken.unpriced:,} have no price: name the model with --model, or add one under"
            " prices.custom before you import"
        )
    if export.summed:
        lines.append("each row of this file sums up several requests; each was taken as one call")
    lines += [f"line {row.line}: {row.why}" for row in total.first_bad]
    if total.bad > len(total.first_bad):
        lines.append(f"... and {total.bad - len(total.first_bad):,} more")
    return lines
