"""The process that runs users' SQL: `python -m manager_agent.store.query_worker`.

It opens the published snapshot read-only under settings that cannot be undone, may write no file
and gets a small share of memory and processor; whoever started it kills it when a query takes too
long. One query at a time, in frames on stdin and stdout (`query_frames`).

Request: `{"path", "query", "params", "format", "max_rows", "max_bytes"}`. Answer: `{"error": null,
"rows", "truncated"}` and the body, or `{"error": kind, "message"}` and an empty body, kind being
`refused`, `invalid` or `memory`. One answer without a request says that the worker is ready.
"""

import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from manager_agent.store import archive, pieces
from manager_agent.store.archive import quoted
from manager_agent.store.query_check import Refused, check
from manager_agent.store.query_frames import read_frame, write_frame
from manager_agent.store.query_rows import RENDER, Rendered, Unrenderable
from manager_agent.store.sql_files import filled

_REQUEST_LIMIT = 8 << 20
_BATCH_ROWS = 256
_MEMORY_BYTES = 1 << 30


class Snapshot:
    """The open snapshot; opened again when another file took its place."""

    def __init__(self) -> None:
        self._key: tuple[str, int, int] | None = None
        self._con: duckdb.DuckDBPyConnection | None = None

    def cursor(self, path: str) -> duckdb.DuckDBPyConnection:
        """Return a fresh cursor on the snapshot at `path`."""
        found = os.stat(path)
        key = (path, found.st_ino, found.st_mtime_ns)
        if self._con is None or key != self._key:
            if self._con is not None:
                self._con.close()
            self._con, self._key = open_sandboxed(Path(path)), key
        return self._con.cursor()


def open_sandboxed(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the database at `path` so that nothing but reading it is possible.

    Its views may read the Parquet files of the snapshot and the archive; a statement of a user's
    that names a file is refused before it runs (`query_check`).
    """
    con = duckdb.connect(path, read_only=True)
    folders = [path.parent / pieces.FOLDER, path.parent.parent / archive.FOLDER]
    con.execute(filled("sandbox", "snapshot_sql", folders=quoted(folders)))
    return con


def answer(snapshot: Snapshot, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Run one request; return what describes the answer, and its body."""
    try:
        rendered = _run(snapshot, request)
    except Refused as error:
        return {"error": "refused", "message": str(error)}, b""
    except (duckdb.FatalException, duckdb.InternalException):
        raise  # this instance is of no more use: end, and be replaced
    except (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError) as error:
        return {"error": "memory", "message": str(error) or "out of memory"}, b""
    except (duckdb.Error, Unrenderable, pa.ArrowException, RuntimeError, ValueError) as error:
        # DuckDB's Python raises the last two for parameters it cannot bind.
        return {"error": "invalid", "message": str(error)}, b""
    return {"error": None, "rows": rendered.rows, "truncated": rendered.truncated}, rendered.body


def _run(snapshot: Snapshot, request: dict[str, Any]) -> Rendered:
    con = snapshot.cursor(request["path"])
    try:
        check(con, request["query"])
        relation = _bound(con, request["query"], request["params"] or None)
        render = RENDER[request["format"]]
        reader = relation.to_arrow_reader(_BATCH_ROWS)
        return render(reader, request["max_rows"], request["max_bytes"])
    finally:
        con.close()


def _bound(con: duckdb.DuckDBPyConnection, query: str, params: Any) -> duckdb.DuckDBPyRelation:
    """Return the statement ready to run. Raises DuckDB's error, which shows the place in it."""
    try:
        return con.sql(query, params=params)
    except duckdb.ProgrammingError:
        # `sql` binds without telling where it failed; `execute` fails alike and shows the line.
        con.execute(query, params)
        raise


def limit_process() -> None:
    """Let the rest of the machine go first, write no file, and bound memory."""
    if sys.platform == "win32":
        return  # no such limits there
    import resource  # not on Windows

    os.nice(10)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere it counts the heap only, or address space
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))


def _listen(stdin: BinaryIO, requests: "queue.SimpleQueue[bytes]") -> None:
    """Pass requests on; end the process, busy or not, when the server is gone."""
    try:
        while (payload := read_frame(stdin, _REQUEST_LIMIT)) is not None:
            requests.put(payload)
    finally:
        os._exit(0)


def main() -> None:
    """Serve queries until stdin ends."""
    # Frames keep the real stdout; whatever a library prints goes to the log.
    stdout = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit_process()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    snapshot = Snapshot()
    write_frame(stdout, b"{}")
    while True:
        head, body = answer(snapshot, json.loads(requests.get()))
        write_frame(stdout, json.dumps(head).encode())
        write_frame(stdout, body)


if __name__ == "__main__":
    main()
