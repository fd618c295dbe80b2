"""Makes the database that a schema version is remembered by.

Run as `python -m tests.harness.database`, once, in the commit that adds a migration: it writes
tests/data/databases/<version>.duckdb.gz with this version's code. Files of earlier versions stay
as they are: they are what users have.
"""

import gzip
import tempfile
from datetime import datetime
from pathlib import Path

from manager_agent.receiver.testing import NOW_NS, span
from manager_agent.store.sql_files import migrations
from tests.harness.facts import opened
from tests.harness.stories import Receiver, agent, llm

FOLDER = Path(__file__).parents[1] / "data" / "databases"

ALERT: dict[str, object] = {
    "alert_id": "budget-1",
    "revision": 7,
    "ts": datetime(2027, 1, 15, 8, 0, 1),
    "rule": "budget",
    "agent": "writer",
    "severity": "critical",
    "state": "firing",
    "title": "writer: hourly limit",
    "message": "writer spent $1.00 of its $1.00 hourly limit",
    "resolved_ts": None,
    "evidence": '{"agent": "writer"}',
}


def make(folder: Path) -> Path:
    """Write a database with a row of every kind: sealed, corrected, taken back, open."""
    receiver = Receiver(opened(folder))
    store = receiver.store
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    same = {"gen_ai.response.id": "resp_1"}
    receiver.take([llm("a", 2, parent=1), span("a", 3, tool, parent=1)])
    receiver.wait(700)
    receiver.take([agent("a", 1, "writer")])
    receiver.wait(700)
    at_ns = receiver.now_ns
    receiver.take([llm("b", 1, scope="two", attributes=same, start_ns=at_ns + 10**9)])
    receiver.take([llm("c", 1, scope="one", attributes=same, start_ns=at_ns)])
    receiver.take([llm("d", 1, 0, start_ns=at_ns, status=2, message="Error code: 429 - slow down")])
    store.append_alerts([ALERT])
    assert receiver.now_ns == NOW_NS + 1400 * 10**9
    store.close()
    return store.path


def main() -> None:
    newest = max(version for version, _, _ in migrations())
    with tempfile.TemporaryDirectory() as folder:
        content = make(Path(folder)).read_bytes()
    target = FOLDER / f"{newest:04}.duckdb.gz"
    target.write_bytes(gzip.compress(content, mtime=0))
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
