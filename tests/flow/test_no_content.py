"""Prompts, answers and tool arguments never reach the disk; keyed digests of them do."""

import random
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.harness.captures import captures, spans_of
from tests.harness.manager import Manager, manager
from tests.harness.otlp import Sender, Sending, hex_id, llm, pairs, request

SAID = ("Hello from fake", "[[cached]]", "weather?", "Paris")
"""Prompts, answers and arguments in the captures."""

MARKER = "confidential-marker"
KEYS = (
    *("acme.prompt", "prompt", "messages", "input", "output", "question", "acme.llm.answer.text"),
    *("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"),
    *("gen_ai.prompt.0.content", "gen_ai.completion.0.content", "gen_ai.tool.definitions"),
    *("gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.tool.description"),
    *("llm.input_messages.0.message.content", "llm.prompts.0", "input.value", "output.value"),
    *("traceloop.entity.input", "traceloop.entity.output", "ai.prompt.messages"),
    *("ai.response.text", "ai.toolCall.args", "ai.toolCall.result", "llm.invocation_parameters"),
    *("langfuse.observation.input", "mlflow.spanInputs", "db.statement", "db.query.text"),
    *("url.full", "url.query", "http.url", "http.target", "http.request.header.authorization"),
    *("exception.stacktrace", "gen_ai.request.stop_sequences", "tool.parameters", "metadata"),
    *("langsmith.metadata.usage_metadata", "gen_ai.retrieval.query.text", "logfire.msg"),
)
SHAPES = (
    MARKER,
    [MARKER, MARKER],
    {"text": MARKER},
    [{"content": {"deep": MARKER}}],
    MARKER.encode(),
    f'{{"content": "{MARKER}"}}',
)


def invented() -> ExportTraceServiceRequest:
    """Return spans of an emitter nobody knows, with the marker wherever content may be."""
    rng, now = random.Random(5), time.time_ns()
    spans = [
        Sending(
            hex_id(rng, 32),
            hex_id(rng, 16),
            now + number,
            attributes={**base, key: shape},
            scope="acme.unheard-of",
        )
        for number, key in enumerate(KEYS)
        for shape in SHAPES
        for base in (llm(), {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}, {})
    ]
    message = request(spans)
    for span in spans_of(message):
        event = span.events.add(name="gen_ai.content.prompt", time_unix_nano=now)
        event.attributes.extend(pairs({"gen_ai.prompt": MARKER, "body": MARKER}))
        span.events.add(name=MARKER, time_unix_nano=now)
        span.links.add(trace_id=b"l" * 16, span_id=b"l" * 8).attributes.extend(pairs({"x": MARKER}))
        span.trace_state = f"acme={MARKER}"
    for resource_spans in message.resource_spans:
        resource_spans.resource.attributes.extend(pairs({"process.command_args": MARKER}))
        for scope_spans in resource_spans.scope_spans:
            scope_spans.scope.attributes.extend(pairs({"note": MARKER}))
    return message


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A manager that stored all of it and was killed: its files are as a thief would find them."""
    data = tmp_path_factory.mktemp("content") / "data"
    everything = invented()
    for case in captures():
        everything.MergeFrom(case.ending(time.time_ns()))
    with manager(data) as running, Sender(running.where) as sender:
        assert sender.send(everything) == 0
        found = running.sql("SELECT count(*) AS n FROM spans")  # publishes a snapshot, too
        assert found[0]["n"] == len(list(spans_of(everything)))
        running.kill()
        yield running


def files(data: Path) -> list[Path]:
    return [path for path in data.rglob("*") if path.is_file()]


def texts(data: Path) -> Iterator[tuple[str, str]]:
    """Yield every text in the databases, with where it stands: on disk it may be compressed."""
    for path in sorted(data.rglob("*.duckdb")):
        with duckdb.connect(str(path)) as con:
            columns = con.sql(
                "SELECT schema_name, table_name, column_name FROM duckdb_columns()"
                " WHERE NOT internal AND table_name IN (SELECT table_name FROM duckdb_tables())"
            ).fetchall()
            for schema, table, column in columns:
                query = f'SELECT DISTINCT "{column}"::VARCHAR FROM "{schema}"."{table}"'
                rows = con.sql(query).fetchall()
                yield from ((f"{path.name} {table}.{column}", row[0]) for row in rows if row[0])
    for path in sorted(data.rglob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            yield from ((path.name, str(value)) for value in row.values() if value is not None)
    with sqlite3.connect(data / "control.sqlite") as control:
        yield from (("control.sqlite", line) for line in control.iterdump())


def test_the_captures_hold_what_is_looked_for() -> None:
    """Else the tests below would prove nothing."""
    sent = b"".join(case.payload for case in captures())

    assert all(text.encode() in sent for text in SAID)


def test_no_file_holds_content(killed: Manager) -> None:
    """Neither the database, its log, the snapshot, nor what the manager wrote to stderr."""
    kept = files(killed.data_dir)
    found = {
        (path.name, text)
        for path in [*kept, killed.log_path]
        for text in (*SAID, MARKER)
        if text.encode() in path.read_bytes()
    }

    assert "manager.duckdb.wal" in {path.name for path in kept}, "the log is the place to look"
    assert found == set()


def test_no_table_holds_content(killed: Manager, tmp_path: Path) -> None:
    """Also once all is compressed into the database file."""
    with manager(killed.data_dir) as again:
        again.sql("SELECT 1 AS one")
        assert again.stop() == 0
    kept = list(texts(killed.data_dir))
    found = {(where, mark) for where, text in kept for mark in (*SAID, MARKER) if mark in text}

    assert ("manager.duckdb spans.scope", "acme.unheard-of") in kept
    assert found == set()


def test_files_are_for_the_owner_alone(killed: Manager) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files(killed.data_dir)}

    assert stat.S_IMODE(killed.data_dir.stat().st_mode) == 0o700
    assert modes["digest.key"] == 0o600
    assert modes["control.sqlite"] == 0o600


def test_equal_prompts_have_equal_digests(tmp_path: Path) -> None:
    """Also after a restart."""

    def digest(sender: Sender, running: Manager, prompt: str) -> str:
        rng = random.SystemRandom()
        attributes = llm(**{"gen_ai.input.messages": f'[{{"content": "{prompt}"}}]'})
        sending = Sending(hex_id(rng, 32), hex_id(rng, 16), time.time_ns(), attributes=attributes)
        sender.send(request([sending]))
        query = "SELECT prompt_digest FROM llm_calls WHERE span_id = ?"
        return str(running.sql(query, sending.span_id)[0]["prompt_digest"])

    def digests(*prompts: str) -> list[str]:
        with manager(tmp_path / "data") as running, Sender(running.where) as sender:
            return [digest(sender, running, prompt) for prompt in prompts]

    one, same, other = digests("hello", "hello", "hello!")
    (later,) = digests("hello")

    assert one == same == later != other
    assert len(one) == 32
