"""How long it is kept what gates decided: as long as the archive keeps the spans that told it."""

from collections.abc import Callable
from datetime import date, datetime

import duckdb

from manager_agent.store.duck import FactStore
from manager_agent.store.sql_files import statements


def forget_decisions(
    store: FactStore, write: Callable[[Callable[[], None]], None], before: date
) -> None:
    """Delete decisions of days before `before`; `write` runs a job on the thread that writes.

    Writers wait only where there is something to delete. Raises `duckdb.Error`; then all are there.
    """
    old, delete = statements("decisions", "archive_sql")
    kept = {"before": datetime.combine(before, datetime.min.time())}
    con = store.cursor()
    try:
        ((found,),) = con.execute(old, kept).fetchall()
    finally:
        con.close()

    def forget(con: duckdb.DuckDBPyConnection) -> None:
        con.execute(delete, kept)

    if found:
        write(lambda: store.rearrange(forget))
