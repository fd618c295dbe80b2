"""`manager-agent sql`: where the statement comes from, where the answer goes, what is told."""

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from manager_agent.app import dispatch

DEFAULT = pa.table({"agent": ["writer", None], "calls": [12, 3]})


@dataclass
class Stub:
    """A manager that gives the answer it is told to, and keeps what it was asked."""

    table: pa.Table = field(default_factory=lambda: DEFAULT)
    truncated: bool = False
    lines: int = 1
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def body(self, kind: str) -> bytes:
        if kind == "arrow":
            sink = io.BytesIO()
            with pa.ipc.new_stream(sink, self.table.schema) as stream:
                stream.write_table(self.table)
            return sink.getvalue()
        if kind == "csv":
            return b"agent,calls\n" + b"writer,12\n" * self.lines
        return json.dumps({"columns": ["agent"], "rows": [["writer"]]}).encode()


@contextmanager
def running(stub: Stub) -> Iterator[Stub]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.asked.append(request)
            self.send_response(200)
            self.send_header("x-snapshot-age-seconds", "7.4")
            self.send_header("x-truncated", str(stub.truncated).lower())
            self.end_headers()
            self.wfile.write(stub.body(request["format"]))

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            stub.url = f"http://127.0.0.1:{server.server_port}"
            yield stub
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    with running(Stub()) as found:
        monkeypatch.setenv("MANAGER_API_URL", found.url)
        yield found


def sql(*arguments: str | Path) -> int:
    return dispatch.main(["sql", *map(str, arguments)])


def test_a_table_tells_null_from_text_and_says_how_old_it_is(
    stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sql("SELECT 1") == 0

    said = capsys.readouterr()
    assert said.out == "agent  │ calls\n───────┼──────\nwriter │    12\nNULL   │     3\n"
    assert said.err == "2 rows, as of 7 s ago, UTC\n"


def test_the_statement_from_a_file_and_from_stdin(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "q.sql").write_text("SELECT 'from a file'", "utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT 'from stdin'"))
    assert sql("--file", tmp_path / "q.sql") == 0
    assert sql("-") == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT 'from a pipe'"))
    assert sql() == 0

    assert [each["query"] for each in stub.asked] == [
        "SELECT 'from a file'",
        "SELECT 'from stdin'",
        "SELECT 'from a pipe'",
    ]


def test_named_values_are_parameters_and_no_text_of_the_statement(stub: Stub) -> None:
    assert sql("SELECT $a", "-p", "a=x' OR 'y'='y", "--param", "$b=1=2") == 0

    assert stub.asked[0]["params"] == {"a": "x' OR 'y'='y", "b": "1=2"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SELECT 1", "--file", "q.sql"], "not both"),
        (["--file", "nowhere.sql"], "nowhere.sql"),
        ([""], "no statement; give one"),
        (["SELECT 1", "--param", "a"], "--param 'a' must be NAME=VALUE"),
    ],
)
def test_what_makes_no_query_is_told_and_not_sent(
    stub: Stub, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert sql(*arguments) == 1
    assert said in capsys.readouterr().err
    assert stub.asked == []


def test_arrow_does_not_go_to_a_terminal(
    stub: Stub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    assert sql("SELECT 1", "--format", "arrow") == 1
    assert "--output FILE" in capsys.readouterr().err


def test_the_answer_in_a_file(stub: Stub, tmp_path: Path) -> None:
    assert sql("SELECT 1", "--format", "arrow", "-o", tmp_path / "a.arrow") == 0

    with pa.ipc.open_stream((tmp_path / "a.arrow").read_bytes()) as stream:
        assert stream.read_all() == DEFAULT


@pytest.mark.parametrize("form", ["json", "csv", "arrow"])
def test_an_answer_that_was_cut_off_is_no_success_for_a_program(
    stub: Stub, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.truncated = True

    assert sql("SELECT 1", "--format", form, "-o", tmp_path / "out") == 1
    assert f"the {form} holds only the first rows" in capsys.readouterr().err
    assert (tmp_path / "out").read_bytes() == stub.body(form)


def test_a_table_that_was_cut_off_says_so(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    stub.table = pa.table({"n": range(12_000)})

    assert sql("SELECT 1") == 0

    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2 + 10_000
    assert said.err.startswith("10,000 rows, as of 7 s ago, UTC; cut off, there are more")


def test_a_reader_that_has_seen_enough_gets_no_traceback(stub: Stub) -> None:
    stub.lines = 1_000_000  # more than any pipe holds
    command = [sys.executable, "-m", "manager_agent.app.dispatch", "sql", "SELECT 1"]
    process = subprocess.Popen(
        [*command, "--format", "csv", "--api-url", stub.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout as out, process.stderr as err:
        assert out.readline() == b"agent,calls\n"
        out.close()
        assert err.read() == b""
    assert process.wait(60) in (0, 141)  # Python's buffered writer does not always notice
