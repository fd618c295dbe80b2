"""The past of a data directory, from its published snapshot: never from the live file."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import duckdb
import polars as pl

from manager_agent.analytics.answer import answer
from manager_agent.app.replay.outcome import Fired
from manager_agent.contract.stored_time import aware, naive

_SQL = files("manager_agent.app") / "sql"


class NoPastError(Exception):
    """There is no past to look at; the message says why and what to do."""


@contextmanager
def snapshot(data_dir: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a database in memory with the snapshot of `data_dir` attached as `past`, read-only.

    A running manager may publish the next one meanwhile: this one stays as it is. Raises
    `NoPastError`.
    """
    path = data_dir / "snapshot" / "snapshot.duckdb"
    if not path.is_file():
        raise NoPastError(
            f"{path} is not there: a manager publishes it some seconds after it took in data; start"
            " one on this directory (manager-agent serve), or name another with --data-dir"
        )
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'").fetchall()
        quoted = str(path).replace("'", "''")
        try:
            con.execute(_text("attach_past").replace("{path}", quoted))
        except duckdb.Error as error:
            raise NoPastError(f"{path} cannot be read: {error}") from error
        yield con


def known_until(con: duckdb.DuckDBPyConnection) -> datetime:
    """Return the moment (UTC) that the snapshot is of."""
    ((found,),) = con.execute(_text("past_until")).fetchall()
    return aware(found)


def first_call(con: duckdb.DuckDBPyConnection) -> datetime | None:
    """Return when the first call that is kept began (UTC), None without any."""
    ((found,),) = con.execute(_text("past_since")).fetchall()
    return None if found is None else aware(found)


def fired_between(con: duckdb.DuckDBPyConnection, since: datetime, until: datetime) -> list[Fired]:
    """Return the alerts that did fire and were not over at `since`, those after `until` not."""
    params = {"since": naive(since), "until": naive(until)}
    rows = con.execute(_text("past_alerts"), params).fetchall()
    return [
        Fired(
            *(alert_id, rule, agent, severity, title, message, aware(ts)),
            resolved=None if over is None else aware(over),
        )
        for alert_id, rule, agent, severity, title, message, ts, over in rows
    ]


def spent_calls(con: duckdb.DuckDBPyConnection, low: datetime, until: datetime) -> pl.DataFrame:
    """Return the calls that `blocked` judges, from `low` to `until`."""
    params = {"low": naive(low), "until": naive(until)}
    found = answer(con, _text("past_spent"), params)
    return found.with_columns(pl.col("ts").dt.replace_time_zone("UTC"))


def _text(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text("utf-8")
