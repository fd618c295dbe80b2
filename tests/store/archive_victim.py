"""A process that stores, seals, publishes or expires for as long as it lives.

Run as `python -m tests.store.archive_victim seal|publish|expire FOLDER`. Prints the number of
calls that are stored for certain, after each step, and waits for nothing: it is killed.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time_ns

import duckdb

from manager_agent.store import archive, sealing
from manager_agent.store.sealing import Kept, Sealer
from manager_agent.store.snapshot import Snapshots
from tests.harness.bulk import fill
from tests.harness.facts import opened

BATCH = 400
DAYS = 40


def main(mode: str, folder: Path) -> None:
    archive._SLICE_ROWS = 100  # many transactions, and many files
    sealing._READERS_GRACE_SECONDS = 0.0
    store = opened(folder)
    snapshots = Snapshots(folder / "snapshot", store.cursor, now, time_ns)
    con = store.cursor()
    say(con)
    for days in range(DAYS, 1, -1):
        if mode == "expire":
            sealer = Sealer(store, lambda job: job(), now, Kept(archive_days=days))
        else:
            sealer = Sealer(store, lambda job: job(), now, Kept())
            add(con, days)
            say(con)
        if mode == "publish":
            snapshots.publish(now())
        sealer.run()
        if mode == "publish":
            snapshots.publish(now())
        if mode == "expire":
            say(con)
    print("done", flush=True)
    sys.stdin.read()


def add(con: duckdb.DuckDBPyConnection, days: int) -> None:
    """Store a batch of calls, of the last days and of one that was sealed before."""
    low = now().replace(tzinfo=None) - timedelta(days=3 + days % 3, hours=2)
    fill(con, BATCH, low, low + timedelta(hours=1))


def say(con: duckdb.DuckDBPyConnection) -> None:
    ((calls,),) = con.execute("SELECT sum(calls) FROM usage_day").fetchall()
    print(int(calls or 0), flush=True)


def now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
