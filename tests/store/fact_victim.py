"""A process whose files may not grow for a while, and what becomes of its facts.

Run as `python fact_victim.py commit|checkpoint FOLDER`: which of DuckDB's writes is to fail.
Prints one JSON object; the limit is on the files of a whole process, hence one of its own.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

import duckdb

from manager_agent.store.duck import FactStore
from tests.harness.facts import opened, rows
from tests.harness.stories import Receiver, llm

FIRST, SECOND = [llm("a", number) for number in range(1, 51)], [llm("b", 1)]


def limit(most_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


def main(failing: str, folder: Path) -> dict[str, Any]:
    receiver = Receiver(opened(folder))
    store = receiver.store
    receiver.take(FIRST)
    earlier = store.cursor()
    wal = store.path.with_suffix(".duckdb.wal")
    if failing == "checkpoint":
        earlier.execute("SET GLOBAL wal_autocheckpoint = '1KB'")
        limit(store.path.stat().st_size)
    else:
        limit(wal.stat().st_size)
    error = failure(receiver)
    store.recover(error)
    limit(resource.RLIM_INFINITY)
    store.recover(error)  # as often as one likes
    receiver.restart()
    said = {"error": str(error), "spans": spans(store), "earlier": told_by(earlier)}
    receiver.take([*FIRST, *SECOND])
    receiver.wait(700)
    said |= {"at_last": [*spans(store), *rows(store, "SELECT sum(calls) FROM usage_day")[0]]}
    store.close()
    return said


def failure(receiver: Receiver[FactStore]) -> Exception:
    try:
        receiver.take(SECOND)
    except duckdb.Error as error:
        return error
    raise AssertionError("the write went through")


def spans(store: FactStore) -> list[int]:
    query = "SELECT count(*) FROM spans UNION ALL SELECT count(*) FROM llm_calls"
    return [row[0] for row in rows(store, query)]


def told_by(cursor: duckdb.DuckDBPyConnection) -> str:
    try:
        return str(cursor.execute("SELECT count(*) FROM spans").fetchall())
    except duckdb.Error as error:
        return str(error)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
