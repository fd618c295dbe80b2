"""What a user's statement may do, one fence at a time: the check, the sandbox, the rendering."""

import base64
import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import duckdb
import pyarrow as pa
import pytest

from manager_agent.store.query_check import Refused, check
from manager_agent.store.query_frames import FrameError, read_frame, write_frame
from manager_agent.store.query_rows import Unrenderable, to_arrow, to_csv, to_json
from manager_agent.store.query_worker import Snapshot, answer, open_sandboxed

BIG = 1 << 20


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("worker") / "snapshot.duckdb"
    with duckdb.connect(str(found)) as con:
        con.execute("CREATE TABLE t AS SELECT range AS a, 'x' AS b FROM range(10)")
        con.execute("CREATE SEQUENCE s")
    return found


@pytest.fixture(scope="module")
def con(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    # A file of its own: connections of one process to one file share their settings.
    found = open_sandboxed(Path(shutil.copy(path, path.with_name("sandboxed.duckdb"))))
    yield found
    found.close()


def ask(path: Path, query: str, **more: Any) -> tuple[dict[str, Any], bytes]:
    request = {
        "path": str(path),
        "query": query,
        "params": None,
        "format": "json",
        "max_rows": 100,
        "max_bytes": BIG,
        **more,
    }
    return answer(Snapshot(), request)


def rows(path: Path, query: str, **more: Any) -> list[list[Any]]:
    head, body = ask(path, query, **more)
    assert head["error"] is None, head
    return list(json.loads(body)["rows"])


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM t",
        "FROM t",
        "TABLE t",
        "VALUES (1)",
        "SELECT 1;",
        "-- a comment\nSELECT 1 /* another */",
        "WITH x AS (SELECT 1 AS a) SELECT * FROM x",
        "SHOW TABLES",
        "DESCRIBE t",
        "SUMMARIZE t",
        "PIVOT t ON b IN ('x') USING sum(a)",
        "SELECT * FROM range(3)",
        "SELECT * FROM t, unnest([1, 2])",
        "EXPLAIN SELECT 1",
        "explain -- why\n analyze /* so */ select 1",
        "EXPLAIN (ANALYZE, FORMAT json) SELECT 1",
        "SELECT 'INSERT INTO t; DROP TABLE t' AS text",
        "SELECT * FROM information_schema.tables",
        "SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 3",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) FROM r",
        "WITH x AS MATERIALIZED (FROM t) SELECT (SELECT count(*) FROM x), a FROM x",
    ],
)
def test_what_reads_is_allowed(con: duckdb.DuckDBPyConnection, query: str) -> None:
    check(con, query)
    con.sql(query).fetchall()


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="nothing"),
        pytest.param("-- only a comment", id="only a comment"),
        pytest.param("SELECT 1; SELECT 2", id="two statements"),
        pytest.param("SELECT 1; DROP TABLE t", id="a second statement that writes"),
        pytest.param("EXPLAIN ANALYZE INSERT INTO t VALUES (1, 'y')", id="explained insert"),
        pytest.param("EXPLAIN /* SELECT */ ANALYZE DELETE FROM t", id="explained delete"),
        pytest.param("EXPLAIN (FORMAT json) UPDATE t SET a = 1", id="explained update"),
        pytest.param("PRAGMA database_list", id="a pragma that 1.5 calls SELECT"),
        pytest.param("FROM query('SELECT 1')", id="SQL inside a text"),
        pytest.param("FROM enable_logging(storage='file', storage_path='/x')", id="logs to a file"),
        pytest.param("SELECT (SELECT 1 FROM checkpoint())", id="a function in a subquery"),
        pytest.param(
            "WITH c AS (FROM t, LATERAL (FROM read_text('/etc/hosts'))) FROM c",
            id="a function below WITH and LATERAL",
        ),
        pytest.param("FROM READ_TEXT('/etc/hosts')", id="a function in capitals"),
        pytest.param("SHOW (FROM read_text('/etc/hosts'))", id="a function below SHOW"),
    ],
)
def test_what_does_more_is_refused(con: duckdb.DuckDBPyConnection, query: str) -> None:
    with pytest.raises((Refused, duckdb.ParserException)):
        check(con, query)


def test_a_delete_inside_with_is_refused_by_every_version(con: duckdb.DuckDBPyConnection) -> None:
    """DuckDB 2.0 calls it a SELECT and would run it, 1.5 cannot parse it."""
    with pytest.raises((Refused, duckdb.ParserException)):
        check(con, "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM glob('/*')",
        "ATTACH '{other}' AS other",
        "COPY t TO '{other}'",
        "EXPORT DATABASE '{other}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "INSERT INTO t VALUES (1, 'y')",
        "CREATE TABLE u AS SELECT 1",
        "SELECT nextval('s')",
        "DROP TABLE t",
    ],
)
def test_the_sandbox_holds_without_the_check(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, query: str
) -> None:
    (tmp_path / "secret").write_text("top secret")

    with pytest.raises(duckdb.Error):
        con.cursor().execute(
            query.format(secret=tmp_path / "secret", other=tmp_path / "other")
        ).fetchall()

    assert [found.name for found in tmp_path.iterdir()] == ["secret"]


def test_variables_of_the_worker_are_no_tables(con: duckdb.DuckDBPyConnection) -> None:
    here = pa.table({"a": [1]})

    with pytest.raises(duckdb.CatalogException):
        con.sql("SELECT * FROM here").fetchall()
    assert here.num_rows == 1


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("NULL", None),
        ("true", True),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775807::HUGEINT + 1", str(2**63)),
        ("sum(1)", 1),
        ("0.123456789::DECIMAL(18, 9)", 0.123456789),
        ("CAST('nan' AS DOUBLE)", "NaN"),
        ("CAST('-inf' AS DOUBLE)", "-Infinity"),
        ("TIMESTAMP '2026-01-31 12:00:00.5'", "2026-01-31T12:00:00.500000"),
        ("TIMESTAMPTZ '2026-01-31 12:00:00+02'", "2026-01-31T10:00:00+00:00"),
        ("TIMESTAMP_NS '2026-01-31 12:00:00.123456789'", "2026-01-31T12:00:00.123456"),
        ("DATE '2026-01-31'", "2026-01-31"),
        ("TIME '12:00:00'", "12:00:00"),
        ("INTERVAL '1 month 2 days 3.5 seconds'", "P1M2DT3.5S"),
        ("INTERVAL '0 seconds'", "P0M0DT0S"),
        ("'\\xAA'::BLOB", base64.b64encode(b"\xaa").decode()),
        ("UUID '00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
        ("[1, NULL]", [1, None]),
        ("{'a': 1.5::DECIMAL(3, 1)}", {"a": 1.5}),
        ("MAP {1: 'x'}", {"1": "x"}),
        ("'a'::ENUM ('a', 'b')", "a"),
        ("'{\"k\": 1}'::JSON", '{"k": 1}'),
        ("'é\"\n'", 'é"\n'),
    ],
)
def test_values_as_json(path: Path, expression: str, value: Any) -> None:
    assert rows(path, f"SELECT {expression} AS v") == [[value]]


def test_a_value_with_no_json_form_is_named(path: Path) -> None:
    head, _ = ask(path, "SELECT TIMESTAMP 'infinity' AS v")

    assert head["error"] == "invalid"
    assert "cast it to VARCHAR" in head["message"]


@pytest.mark.parametrize(
    ("query", "params"),
    [
        pytest.param("SELECT a FROM t WHERE a = ?", [3], id="by position"),
        pytest.param("SELECT a FROM t WHERE a = $1", [3], id="by number"),
        pytest.param("SELECT a FROM t WHERE a = $a", {"a": 3}, id="by name"),
        pytest.param("SELECT a FROM t WHERE a = 3", [], id="none"),
    ],
)
def test_parameters_are_bound(path: Path, query: str, params: Any) -> None:
    assert rows(path, query, params=params) == [[3]]


@pytest.mark.parametrize("params", [None, [], [1, 2], {"other": 1}, [{"a": [1]}]])
def test_parameters_that_do_not_fit_are_an_error_not_a_crash(path: Path, params: Any) -> None:
    assert ask(path, "SELECT a FROM t WHERE a = ?", params=params)[0]["error"] == "invalid"


def test_columns_of_one_name_stay_two(path: Path) -> None:
    _, body = ask(path, "SELECT 1 AS a, 2 AS a")

    assert json.loads(body) == {"columns": ["a", "a"], "rows": [[1, 2]]}


@pytest.mark.parametrize("form", ["json", "csv", "arrow"])
@pytest.mark.parametrize(
    ("limit", "count", "truncated"),
    [(10, 10, False), (9, 9, True), (1, 1, True)],
    ids=["all of them", "one too many", "the first"],
)
def test_rows_are_cut_at_the_limit(
    path: Path, form: str, limit: int, count: int, truncated: bool
) -> None:
    head, body = ask(path, "SELECT a FROM t ORDER BY a", format=form, max_rows=limit)

    assert (head["rows"], head["truncated"]) == (count, truncated)
    if form == "arrow":
        assert pa.ipc.open_stream(body).read_all().column("a").to_pylist() == list(range(count))


@pytest.mark.parametrize("form", ["json", "csv", "arrow"])
def test_bytes_are_cut_at_the_limit(path: Path, form: str) -> None:
    query = "SELECT repeat('x', 1000) AS x FROM range(100000)"

    head, body = ask(path, query, format=form, max_rows=10**6, max_bytes=300_000)

    assert head["truncated"]
    assert 0 < head["rows"] < 300
    assert len(body) < 310_000


def test_no_rows_are_an_empty_table(path: Path) -> None:
    query = "SELECT a, b FROM t WHERE a > 100"

    assert json.loads(ask(path, query)[1]) == {"columns": ["a", "b"], "rows": []}
    assert ask(path, query, format="csv")[1] == b"a,b\n"
    arrow = pa.ipc.open_stream(ask(path, query, format="arrow")[1]).read_all()
    assert arrow.column_names == ["a", "b"]


def test_csv_tells_an_empty_text_from_null(path: Path) -> None:
    both = ask(path, "SELECT '' AS e, NULL AS n, 'a \"b\", c\nd' AS q", format="csv")[1]

    assert both == b'e,n,q\n"",,"a ""b"", c\nd"\n'
    assert ask(path, "SELECT NULL AS n", format="csv")[1] == b'n\n""\n'


def test_csv_is_exact_and_quoted() -> None:
    table = pa.table(
        {
            "usd": pa.array(["0.100000000", None]).cast(pa.decimal128(18, 9)),
            "text": ['a,"b"\n', "é"],
            "list": [[1], None],
            "yes": [True, False],
        }
    )

    text = to_csv(table.to_reader(), 10, BIG).body.decode()

    assert list(csv.reader(io.StringIO(text))) == [
        ["usd", "text", "list", "yes"],
        ["0.100000000", 'a,"b"\n', "[1]", "true"],
        ["", "é", "", "false"],
    ]


def test_arrow_keeps_types() -> None:
    table = pa.table({"usd": pa.array(["0.1"]).cast(pa.decimal128(18, 9))})

    found = pa.ipc.open_stream(to_arrow(table.to_reader(), 10, BIG).body).read_all()

    assert found.equals(table)


def test_what_cannot_be_rendered_says_so() -> None:
    far = pa.table({"t": pa.array([2**62]).cast(pa.timestamp("us"))})

    with pytest.raises(Unrenderable, match="VARCHAR"):
        to_json(far.to_reader(), 10, BIG)


def test_a_query_that_needs_too_much_memory_is_told(path: Path) -> None:
    query = "SELECT length(string_agg(repeat('x', 1000), '')) FROM range(1000000)"

    assert ask(path, query)[0]["error"] == "memory"


def test_a_new_snapshot_is_seen_by_the_next_query(tmp_path: Path) -> None:
    snapshot = Snapshot()
    path = tmp_path / "s.duckdb"
    for number in (1, 2):
        with duckdb.connect(str(tmp_path / "next.duckdb")) as con:
            con.execute(f"CREATE TABLE n AS SELECT {number} AS n")
        (tmp_path / "next.duckdb").rename(path)

        assert snapshot.cursor(str(path)).execute("SELECT n FROM n").fetchall() == [(number,)]


def test_frames_go_there_and_back() -> None:
    stream = io.BytesIO()
    write_frame(stream, b"one")
    write_frame(stream, b"")
    stream.seek(0)

    assert [read_frame(stream, 10) for _ in range(3)] == [b"one", b"", None]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x00\x00", id="half a length"),
        pytest.param(b"\x00\x00\x00\x05abc", id="half a frame"),
        pytest.param(b"\x00\x00\x00\x0babcdefghijk", id="over the limit"),
    ],
)
def test_broken_frames_are_refused(raw: bytes) -> None:
    with pytest.raises(FrameError):
        read_frame(io.BytesIO(raw), 10)


def test_a_busy_worker_ends_when_the_server_is_gone(path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "manager_agent.store.query_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout as stdout, process.stdin as stdin:
        assert read_frame(cast(BinaryIO, stdout), 10) == b"{}"
        request = {
            "path": str(path),
            "query": "SELECT count(*) FROM range(1e7::INT) a, range(1e7::INT) b WHERE a <> b",
            "params": None,
            "format": "json",
            "max_rows": 1,
            "max_bytes": BIG,
        }
        write_frame(cast(BinaryIO, stdin), json.dumps(request).encode())
    try:
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_worker_can_write_no_file(tmp_path: Path) -> None:
    code = (
        "import sys; from manager_agent.store.query_worker import limit_process; limit_process();"
        "open(sys.argv[1], 'wb', 0).write(b'x')"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "f")], capture_output=True, text=True
    )

    assert "File too large" in done.stderr
    assert (tmp_path / "f").read_text() == ""
