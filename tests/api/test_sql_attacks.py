"""No statement reads a file, writes, attaches, connects, changes settings or harms the server."""

import hashlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

SECRET = "top secret"

FILES = [
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_csv_auto(['{secret}'])",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_parquet('{secret}')",
    "SELECT * FROM parquet_metadata('{secret}')",
    "SELECT * FROM read_duckdb('{secret}')",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM '{secret}.csv'",
    'SELECT * FROM "{secret}"',
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT (SELECT content FROM read_text('{secret}'))",
    "WITH x AS MATERIALIZED (FROM read_text('{secret}')) FROM x",
    "SELECT * FROM llm_calls, LATERAL (SELECT * FROM read_text('{secret}'))",
    "SELECT 1 WHERE EXISTS (FROM read_text('{secret}'))",
    "SELECT 1 UNION ALL SELECT content FROM read_text('{secret}')",
    "EXPLAIN ANALYZE SELECT * FROM read_text('{secret}')",
    "SUMMARIZE '{secret}'",
    "DESCRIBE SELECT * FROM read_csv('{secret}')",
    "PIVOT (FROM read_text('{secret}')) ON filename IN ('x') USING count(*)",
    "FROM query('SELECT * FROM read_text(''{secret}'')')",
    "FROM query_table('{secret}')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{secret}'')'))",
    "PRAGMA import_database('{dir}')",
    "IMPORT DATABASE '{dir}'",
    "SELECT getenv('SECRET')",
    "FROM duckdb_secrets()",
    "FROM which_secret('{secret}', 's3')",
    "FROM duckdb_settings()",
    "FROM arrow_scan(1, 2, 3)",
    "FROM pandas_scan(1)",
    "SELECT * FROM read_json_objects('{secret}')",
    "SELECT * FROM read_ndjson('{secret}')",
    "SELECT * FROM read_ndjson_objects('{secret}')",
    "SELECT * FROM read_json_auto('{secret}')",
    "SELECT * FROM parquet_schema('{secret}')",
    "SELECT * FROM parquet_kv_metadata('{secret}')",
    "SELECT * FROM parquet_file_metadata('{secret}')",
    "SELECT * FROM parquet_bloom_probe('{secret}', 'a', 1)",
    "SELECT * FROM parquet_scan('{secret}')",
    "SELECT agent FROM llm_calls ORDER BY (SELECT content FROM read_text('{secret}'))",
    "SELECT agent FROM llm_calls WHERE agent IN (SELECT content FROM read_text('{secret}'))",
    "SELECT list_transform([1], lambda x: (SELECT max(content) FROM read_text('{secret}')))",
    "UNPIVOT (FROM read_text('{secret}')) ON filename",
    "SELECT * FROM (DESCRIBE SELECT * FROM read_csv('{secret}'))",
    "SELECT * FROM llm_calls ASOF JOIN read_csv('{secret}') AS r ON llm_calls.agent >= r.a",
    "SELECT COLUMNS(*) FROM read_csv('{secret}')",
    "TABLE '{secret}'",
    "VALUES ((SELECT content FROM read_text('{secret}')))",
    "SELECT read_text('{secret}')",
    "SELECT content FROM system.main.read_text('{secret}')",
    "SELECT * FROM READ_TEXT('{secret}')",
    "SELECT * FROM \"read_text\"('{secret}')",
    "WITH RECURSIVE r AS (SELECT content FROM read_text('{secret}') UNION FROM r) FROM r",
    "SELECT sum(1) OVER (ORDER BY (SELECT content FROM read_text('{secret}')))",
    "SELECT * FROM llm_calls TABLESAMPLE 1 ROWS, read_text('{secret}')",
    "SELECT * FROM seq_scan('llm_calls')",
    "FROM duckdb_databases()",
    "FROM duckdb_extensions()",
    "FROM duckdb_logs()",
    "FROM duckdb_temporary_files()",
    "FROM duckdb_memory()",
    "FROM pragma_database_size()",
    "FROM pragma_storage_info('calls_sealed')",
    "FROM pragma_user_agent()",
    "FROM sql_auto_complete('SEL')",
    "SHOW SECRETS",
    ".read {secret}",
    "FROM query_table('calls_sealed')",
    "FROM query_table(['calls_sealed', 'spans'])",
    "SELECT * FROM read_text('file://{secret}')",
    "SELECT * FROM read_csv('/dev/stdin')",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM iceberg_scan('{dir}')",
    "SELECT * FROM delta_scan('{dir}')",
    "SELECT * FROM read_xlsx('{secret}')",
    "SELECT * FROM st_read('{secret}')",
    # The sandbox lets the snapshot's own views read these; a user's statement may not.
    "SELECT * FROM read_parquet('{snapshot}/pieces/*.parquet')",
    "SELECT * FROM parquet_scan('{snapshot}/pieces/*.parquet')",
    "SELECT * FROM '{snapshot}/pieces/*.parquet'",
    'SELECT * FROM "{snapshot}/pieces/x.parquet"',
    "SELECT * FROM 'pieces/x.parquet'",
    "SELECT * FROM llm_calls, '{snapshot}/pieces/*.parquet'",
    "WITH x AS (FROM '{snapshot}/pieces/*.parquet') FROM x",
    "SUMMARIZE '{snapshot}/pieces/x.parquet'",
    "DESCRIBE '{snapshot}/pieces/x.parquet'",
    "FROM glob('{snapshot}/pieces/*')",
    "FROM read_text('{snapshot}/pieces/*')",
]
WRITES = [
    "INSERT INTO llm_calls (agent) VALUES ('evil')",
    "UPDATE llm_calls SET agent = 'evil'",
    "DELETE FROM llm_calls",
    "TRUNCATE llm_calls",
    "DROP TABLE llm_calls",
    "ALTER TABLE llm_calls ADD COLUMN evil INTEGER",
    "CREATE TABLE evil AS SELECT 1",
    "CREATE TEMP TABLE evil AS SELECT 1",
    "CREATE VIEW evil AS SELECT 1",
    "CREATE MACRO evil() AS 1",
    "CREATE TYPE evil AS ENUM ('x')",
    "MERGE INTO llm_calls USING llm_calls AS l ON true WHEN MATCHED THEN DELETE",
    "WITH d AS (DELETE FROM llm_calls RETURNING *) SELECT * FROM d",
    "EXPLAIN ANALYZE INSERT INTO llm_calls (agent) VALUES ('evil')",
    "EXPLAIN ANALYZE DELETE FROM llm_calls",
    "EXPLAIN /* SELECT */ ANALYZE DELETE FROM llm_calls",
    "COPY llm_calls TO '{dir}/evil.csv'",
    "COPY (SELECT 1) TO '{dir}/evil.parquet'",
    "COPY llm_calls FROM '{secret}'",
    "COPY (SELECT 1) TO '{snapshot}/pieces/evil.parquet'",
    "COPY llm_calls TO '{snapshot}/../archive/evil.parquet'",
    "EXPORT DATABASE '{dir}/evil'",
    "CHECKPOINT",
    "FROM checkpoint()",
    "FROM force_checkpoint()",
    "VACUUM",
    "FROM enable_logging(storage='file', storage_path='{dir}/evil')",
    "FROM enable_profiling(save_location='{dir}/evil.json')",
    "FROM truncate_duckdb_logs()",
    "CALL enable_logging()",
    "SELECT 1; DROP TABLE llm_calls",
    "SELECT 1;;; DELETE FROM llm_calls",
    "BEGIN; DELETE FROM llm_calls; COMMIT",
    "FROM write_log('x')",
    "SELECT write_log('x')",
    "CREATE SEQUENCE evil",
    "CREATE INDEX evil ON calls_sealed (agent)",
    "CREATE SCHEMA evil",
    "COMMENT ON TABLE calls_sealed IS 'evil'",
    "ANALYZE",
    "COPY FROM DATABASE s TO temp",
    "INSERT INTO calls_sealed DEFAULT VALUES RETURNING *",
    "WITH i AS (INSERT INTO calls_sealed DEFAULT VALUES RETURNING *) SELECT * FROM i",
    "WITH u AS (UPDATE calls_sealed SET agent = 'evil' RETURNING *) SELECT * FROM u",
    "EXPLAIN (ANALYZE, FORMAT json) DELETE FROM calls_sealed",
    "EXPLAIN (FORMAT json) COPY llm_calls TO '{dir}/evil'",
    "FROM query('DROP TABLE calls_sealed')",
    "EXPORT DATABASE '{dir}/evil' (FORMAT parquet)",
    "SELECT pg_sleep(100)",
    "SELECT sleep_ms(100000)",
]
CONNECTS = [
    "ATTACH '{dir}/evil.duckdb' AS evil",
    "ATTACH ':memory:' AS evil",
    "ATTACH 'http://127.0.0.1:{port}/x.duckdb' AS evil",
    "ATTACH 'host=127.0.0.1 port={port}' AS evil (TYPE postgres)",
    "DETACH snapshot",
    "USE temp",
    "SELECT * FROM read_csv('http://127.0.0.1:{port}/x.csv')",
    "SELECT * FROM 'http://127.0.0.1:{port}/x.parquet'",
    "FROM postgres_scan('host=127.0.0.1 port={port}', 'public', 't')",
    "FROM sqlite_scan('{secret}', 't')",
    "FROM quack_stop('quack:127.0.0.1:{port}')",
    "FROM quack_query('quack:127.0.0.1:{port}', 'SELECT 1')",
    "CONNECT 'quack:127.0.0.1:{port}'",
    "INSTALL httpfs",
    "INSTALL evil FROM 'http://127.0.0.1:{port}'",
    "LOAD '{secret}'",
    "UPDATE EXTENSIONS",
    "CREATE SECRET evil (TYPE http)",
    "LOAD httpfs",
    "FORCE INSTALL httpfs",
    "FROM load_aws_credentials()",
    "SELECT * FROM 's3://127.0.0.1:{port}/x.parquet'",
    "SELECT * FROM 'https://127.0.0.1:{port}/x.csv'",
    "SELECT * FROM read_csv('gcs://bucket/x')",
    "SELECT * FROM read_csv('hf://datasets/x')",
    "FROM ducklake_snapshots('x')",
    "ATTACH 'ducklake:{dir}/x' AS evil",
    "ATTACH 'sqlite:{secret}' AS evil",
    "ATTACH '{secret}' AS evil (READ_ONLY)",
    "SELECT * FROM mysql_query('x', 'SELECT 1')",
    "FROM http_get('http://127.0.0.1:{port}/')",
    "SELECT http_get('http://127.0.0.1:{port}/')",
]
SETTINGS = [
    "SET memory_limit = '100GB'",
    "SET threads = 64",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET VARIABLE evil = 1",
    "RESET enable_external_access",
    "PRAGMA memory_limit = '100GB'",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "PRAGMA disable_checkpoint_on_shutdown",
    "FROM disable_logging()",
    "FROM disable_profiling()",
    "PREPARE evil AS SELECT 1",
    "EXECUTE evil",
    "DEALLOCATE evil",
    "CALL pragma_version()",
    "SET GLOBAL threads = 64",
    "SET SESSION threads = 64",
    "SET SCHEMA 'temp'",
    "RESET ALL",
    "PRAGMA enable_logging",
    "PRAGMA enable_checkpoint_on_shutdown",
    "PRAGMA add_parquet_key('k', '0123456789112345')",
    "PRAGMA force_checkpoint",
    "PRAGMA table_info('llm_calls')",
    "PRAGMA version",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "BEGIN TRANSACTION READ ONLY",
    "CALL force_checkpoint()",
    "CALL duckdb_logs()",
]
HARM = {
    "parentheses": "SELECT " + "(" * 100_000 + "1" + ")" * 100_000,
    "a long sum": "SELECT " + "+".join("1" for _ in range(100_000)),
    "deep subqueries": "SELECT * FROM " + "(SELECT * FROM " * 3_000 + "llm_calls" + ")" * 3_000,
    "deep lists": "SELECT " + "[" * 20_000 + "]" * 20_000,
    "a deep WITH": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) FROM r",
    "memory": "SELECT length(string_agg(repeat('x', 1000), '')) FROM range(10000000)",
    "a list": "SELECT list(range) FROM range(1000000000)",
    "one huge value": "SELECT repeat('x', 2000000000)",
    "a deep value": "SELECT json_extract('" + "[" * 100_000 + "]" * 100_000 + "', '$')",
    "a zero byte": "SELECT 'a\0b'; DROP TABLE llm_calls",
    "no SQL at all": "\U0001f600 ' \" ; -- /*",
}


@dataclass
class Target:
    """What attacks go for: a file, a folder, a port nobody may call, and the API."""

    server: httpx.Client
    places: dict[str, Any]
    listener: socket.socket
    snapshot: Path

    def attack(self, statement: str) -> httpx.Response:
        return self.server.post("/api/v1/sql", json={"query": statement})

    def state(self) -> tuple[Any, ...]:
        """What no attack may change."""
        folders = [Path(self.places["dir"]), self.snapshot.parent]
        names = sorted(str(path) for folder in folders for path in folder.rglob("*"))
        digest = hashlib.sha256(self.snapshot.read_bytes()).hexdigest()
        settings = (
            "SELECT current_setting('memory_limit'), current_setting('enable_external_access'),"
            " current_setting('lock_configuration'), current_setting('threads')"
        )
        return names, digest, self.attack(settings).json()["rows"], self.called()

    def called(self) -> bool:
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture(scope="module")
def target(
    server: httpx.Client, served: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "secret").write_text(f"a,b\n{SECRET},1\n")
    (folder / "secret.csv").write_text(f"a,b\n{SECRET},1\n")
    assert server.post("/api/v1/sql", json={"query": "SELECT 1"}).status_code == 200
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        places = {
            "secret": folder / "secret",
            "dir": folder,
            "snapshot": served.snapshots.current.path.parent,
            "port": listener.getsockname()[1],
        }
        yield Target(server, places, listener, served.snapshots.current.path)


@pytest.fixture(scope="module")
def before(target: Target) -> tuple[Any, ...]:
    return target.state()


@pytest.mark.parametrize("statement", FILES + WRITES + CONNECTS + SETTINGS)
def test_an_attack_is_refused_and_changes_nothing(
    target: Target, before: tuple[Any, ...], statement: str
) -> None:
    response = target.attack(statement.format(**target.places))

    assert response.status_code == 400, response.text
    assert response.json()["type"].startswith("urn:manager-agent:problem:sql-")
    assert SECRET not in response.text
    assert target.state() == before


@pytest.mark.parametrize("statement", HARM.values(), ids=HARM.keys())
def test_a_harmful_statement_ends_at_worst_its_worker(
    target: Target, before: tuple[Any, ...], statement: str
) -> None:
    response = target.attack(statement)

    assert response.status_code in (200, 400, 422, 504), response.text[:500]
    assert len(response.content) < 40 << 20
    assert target.server.get("/healthz").status_code == 200
    assert target.state() == before
