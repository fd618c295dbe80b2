"""What this machine could do at best: parse the requests, and append their rows to DuckDB."""

import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from manager_agent.app.bench.figures import per_million, rate
from manager_agent.app.bench.payload import Shape, templates

GROUP = 4096
_LEAST_SECONDS = 2.0
_SETTINGS = {"storage_compatibility_version": "v1.5.0", "wal_autocheckpoint": "256MB"}


def parsing(shape: Shape) -> dict[str, Any]:
    """Return what parsing alone costs, by protobuf's own classes, one thread."""
    requests = [batch for group in templates(shape) for batch in group]
    spans, started, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - started < _LEAST_SECONDS:
        for batch in requests:
            ExportTraceServiceRequest.FromString(batch.payload)
            spans += batch.spans
    used = time.process_time() - cpu
    return {"spans_per_s": rate(spans, used), "cpu_s_per_million": per_million(used, spans)}


def appending(rows: pa.Table) -> dict[str, Any]:
    """Return what DuckDB takes to store `rows`, a commit each time, again and again.

    No decoding, no recognition, no rollups: the rows are there as Arrow.
    """
    with tempfile.TemporaryDirectory() as folder:
        con = duckdb.connect(str(Path(folder) / "limit.duckdb"), config=dict(_SETTINGS))
        con.register("arrived", rows)
        con.execute("CREATE TABLE spans AS SELECT * FROM arrived LIMIT 0")
        spans, started, cpu = 0, time.monotonic(), time.process_time()
        while time.monotonic() - started < _LEAST_SECONDS:
            con.execute("INSERT INTO spans SELECT * FROM arrived")
            spans += rows.num_rows
        took, used = time.monotonic() - started, time.process_time() - cpu
        con.close()
    return {
        "spans_per_s": rate(spans, took),
        "cpu_s_per_million": per_million(used, spans),
        "group": rows.num_rows,
        "columns": rows.num_columns,
    }


def some_spans(database: Path) -> pa.Table:
    """Return rows of a manager's own database, as they were stored. Nobody may have it open."""
    con = duckdb.connect(str(database), read_only=True)
    try:
        return con.sql(f"SELECT * FROM spans LIMIT {GROUP}").to_arrow_table()
    finally:
        con.close()


def checkpoint(database: Path) -> None:
    """Put the log into the file, so that its size means something."""
    con = duckdb.connect(str(database))
    try:
        con.execute("FORCE CHECKPOINT")
    finally:
        con.close()
