"""`manager-agent sql`."""

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from manager_agent.api.sql_client import Answer, SqlClientError, query
from manager_agent.app.options import API_URL, Api, Json, api_token, told

_PIPE_CLOSED = 141  # as a shell reports a program that SIGPIPE ended


class SqlCommandError(Exception):
    """The command line makes no query; the message says why and what to do."""


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(sql)


def sql(
    statement: Annotated[
        str | None, typer.Argument(help="One SELECT, in DuckDB's SQL; - reads it from stdin.")
    ] = None,
    output: Annotated[
        Literal["table", "json", "csv", "arrow"],
        typer.Option("--format", help="How to print the answer."),
    ] = "table",
    as_json: Json = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Wait for a snapshot with all acknowledged so far.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Read the statement from this file.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", help="NAME=VALUE for $NAME in the statement; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the answer to this file.")
    ] = None,
    api_url: Api = API_URL,
) -> None:
    """Ask the running manager in SQL. Tables: llm_calls, spans, usage_hour, alerts, ...

    Times are UTC, NULL is unknown. json, csv and arrow go to stdout or --output as they are; where
    the manager cut them off at its limit, stderr says so and the exit code is 1.
    """
    form = "json" if as_json else output
    try:
        with told(SqlClientError, SqlCommandError):
            if form == "arrow" and out is None and sys.stdout.isatty():
                raise SqlCommandError("arrow is no text; write it to a file with --output FILE")
            text = _statement(statement, file)
            kind = "arrow" if form == "table" else form
            answer = query(
                api_url, text, kind, fresh, token=api_token(), params=_params(param or [])
            )
            _print(answer, form, out)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_PIPE_CLOSED) from None


def _statement(given: str | None, file: Path | None) -> str:
    if file is not None:
        if given is not None:
            raise SqlCommandError("give a statement or --file, not both")
        return _read(file)
    if given == "-" or (given is None and not sys.stdin.isatty()):
        given = sys.stdin.read()
    if given is None or not given.strip():
        raise SqlCommandError(
            "no statement; give one, such as"
            ' manager-agent sql "SELECT agent, sum(cost_usd) FROM usage_day GROUP BY agent"'
        )
    return given


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SqlCommandError(f"{file} cannot be read: {error}") from error


def _params(given: list[str]) -> dict[str, Any] | None:
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise SqlCommandError(f"--param {each!r} must be NAME=VALUE")
        found[name.removeprefix("$")] = value
    return found or None


def _print(answer: Answer, form: str, out: Path | None) -> None:
    if form != "table":
        _write(answer.body, out)
        if form == "json" and out is None:
            _write(b"\n", None)
        if answer.truncated:
            raise SqlCommandError(
                f"the {form} holds only the first rows: the manager cut it off at its limit;"
                " narrow the query, or read the snapshot file (docs/sql.md)"
            )
        return
    from manager_agent.app.sql_table import table  # loads pyarrow, which the other formats need not

    wide = out is not None or not sys.stdout.isatty()
    text, rows, more = table(answer.body, None if wide else shutil.get_terminal_size().columns)
    encoding = "utf-8" if out is not None else (sys.stdout.encoding or "utf-8")
    _write(_encoded(text, encoding), out)
    note = (
        "; cut off, there are more: add LIMIT, or take --format csv"
        if (more or answer.truncated)
        else ""
    )
    counted = "1 row" if rows == 1 else f"{rows:,} rows"
    print(f"{counted}, as of {answer.age_seconds:.0f} s ago, UTC{note}", file=sys.stderr)


def _encoded(text: str, encoding: str) -> bytes:
    """Return the text for a terminal that may know ASCII only."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(str.maketrans("│─┼", "|-+"))
        return plain.encode(encoding, "backslashreplace")


def _write(body: bytes, out: Path | None) -> None:
    if out is not None:
        try:
            out.write_bytes(body)
        except OSError as error:
            raise SqlCommandError(f"{out} cannot be written: {error}") from error
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
