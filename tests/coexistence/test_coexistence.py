"""A user's own Langfuse, Logfire or Phoenix beside us: theirs sees what it saw, ours sees all.

In an environment of its own, with real packages; their server is a local one that keeps what comes.
"""

import gzip
import hashlib
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.harness.manager import Manager, environment, manager

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PRODUCTS = ("langfuse", "logfire", "phoenix")


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of an environment with the users' products, and us in place."""
    wanted = (HERE / "requirements.txt").read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    name = hashlib.sha256(wanted + sys.version.encode()).hexdigest()[:12]
    home = ROOT / ".cache" / "coexistence" / name
    interpreter = home / "bin" / "python"
    if not (home / "made").exists():
        venv.create(home, with_pip=True, clear=True)
        pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for what in (["--requirement", str(HERE / "requirements.txt")], ["--editable", str(ROOT)]):
            done = subprocess.run([*pip, *what], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        (home / "made").touch()
    return interpreter


class Theirs:
    """The user's backend: takes OTLP over HTTP, whatever the path is."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.address = ""

    def seen(self) -> list[tuple[str, str, str]]:
        """Return scope, name and parent ("root", "known" or "lost") of each span; begin anew."""
        scoped = [
            (of.scope.name, span)
            for request in self.requests
            for resource in request.resource_spans
            for of in resource.scope_spans
            for span in of.spans
        ]
        self.requests = []
        known = {span.span_id for _, span in scoped} | {b""}
        return sorted(
            (scope, span.name, "lost" if span.parent_span_id not in known else _parent(span))
            for scope, span in scoped
        )


def _parent(span: Any) -> str:
    return "known" if span.parent_span_id else "root"


@pytest.fixture(scope="module")
def theirs() -> Iterator[Theirs]:
    backend = Theirs()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path.endswith("traces"):
                backend.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    backend.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield backend
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with manager(tmp_path_factory.mktemp("coexistence") / "data") as made:
        yield made


def run(python: Path, product: str, where: str, ours: Mapping[str, str]) -> None:
    """Run the user's agent, instrumented where `ours` says so."""
    keys = {"LANGFUSE_PUBLIC_KEY": "pk-lf-x", "LANGFUSE_SECRET_KEY": "sk-lf-x"}
    hosts = {"THEIRS": where, "LANGFUSE_HOST": where, "LANGFUSE_BASE_URL": where}
    started = [str(python), "-m", "manager_agent.app.dispatch", "run"] if ours else []
    done = subprocess.run(
        [*started, str(python), str(HERE / "users_agent.py"), product],
        env=environment(**keys, **hosts, **ours),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_users_tracing_sees_what_it_saw_and_every_attempt_is_metered(
    product: str, python: Path, theirs: Theirs, running: Manager
) -> None:
    run(python, product, theirs.address, {})
    before = theirs.seen()

    ours = {
        "MANAGER_ENDPOINT": f"http://{running.where['otlp_grpc']}",
        "MANAGER_AGENT_ID": product,
        "OTEL_TRACES_SAMPLER": "always_off" if product == "phoenix" else "always_on",
    }
    run(python, product, theirs.address, ours)
    after = theirs.seen()

    assert len(before) >= 2
    assert after == ([] if product == "phoenix" else before)
    rows = running.sql(
        "SELECT status, emitters, response_id FROM llm_calls WHERE agent = ? ORDER BY ts", product
    )
    assert [(row["status"], row["emitters"]) for row in rows] == [
        ("ok", "manager_agent"),
        ("error", "manager_agent"),
        ("ok", "manager_agent"),
    ]


@pytest.mark.parametrize(
    ("product", "scope"),
    [
        pytest.param("logfire", "logfire.openai", id="logfire"),
        pytest.param("phoenix", "openinference.instrumentation.openai", id="phoenix"),
    ],
)
def test_what_both_tell_the_manager_is_one_call(
    product: str, scope: str, python: Path, running: Manager
) -> None:
    ours = {
        "MANAGER_ENDPOINT": f"http://{running.where['otlp_grpc']}",
        "MANAGER_AGENT_ID": f"{product} to us",
    }

    run(python, product, running.where["otlp_http"], ours)

    rows = running.sql(
        "SELECT status, emitters FROM llm_calls WHERE agent = ? ORDER BY status", f"{product} to us"
    )
    both = ",".join(sorted(["manager_agent", scope]))
    assert [(row["status"], row["emitters"]) for row in rows] == [
        ("error", "manager_agent"),
        ("ok", both),
        ("ok", both),
    ]
