"""The private way out, for real: over gRPC and HTTP, with tokens, forked, without a manager."""

import os
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from textwrap import dedent
from threading import Thread
from time import perf_counter

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from manager_agent.instrumentation import provider, spans
from manager_agent.instrumentation.call import Ended
from tests.harness.manager import until
from tests.harness.metered import Collected, collector, ended, values
from tests.harness.programs import run

METER = """
from tests.harness.metered import asked, ended
"""


@pytest.fixture(autouse=True)
def _of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "MANAGER_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(provider, "_outbox", None)
    yield
    provider.shutdown(5)
    thread = provider._outbox and provider._outbox._thread
    if thread:
        thread.join(10)


@pytest.fixture
def got() -> Iterator[Collected]:
    with collector() as collected:
        yield collected


def test_a_call_arrives_as_a_span_of_this_process(
    got: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANAGER_ENDPOINT", got.address)
    monkeypatch.setenv("MANAGER_TOKEN", "secret")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod,team=x")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "desk")

    spans.emit(ended())

    assert until("the span is there", lambda: got.spans)
    (resource,) = got.resources
    assert resource["service.name"] == "desk"
    assert resource["deployment.environment.name"] == "prod"
    assert resource["process.pid"] == os.getpid()
    assert resource["host.name"]
    assert resource["service.instance.id"]
    assert got.metadata[0]["authorization"] == "Bearer secret"


def test_spans_go_where_opentelemetry_says_and_the_token_does_not(
    got: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANAGER_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("MANAGER_TOKEN", "secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", got.address)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b")

    spans.emit(ended())

    assert provider.flush(20)
    assert got.metadata[0]["x-team"] == "a b"
    assert "authorization" not in got.metadata[0]


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_over_http(compression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["content-length"])
            encoding = self.headers.get("content-encoding", "")
            bodies.append((self.path, encoding, self.rfile.read(size)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    try:
        spans.emit(ended())
        assert provider.flush(20)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    path, encoding, body = bodies[0]
    assert (path, encoding) == ("/v1/traces", compression)
    if not compression:
        assert ExportTraceServiceRequest.FromString(body).resource_spans


def test_without_a_manager_nothing_is_slow_and_one_line_says_so() -> None:
    """A thousand calls, then the exit of the program: no caller and no exit waits."""
    code = """
    calls = [ended(asked()) for _ in range(1000)]
    began = time.perf_counter()
    for call in calls:
        spans.emit(call)
    print(time.perf_counter() - began)
    while provider.flush(5) or not provider._outbox._troubled:
        time.sleep(0.01)  # until it was tried
    began = time.perf_counter()
    provider.flush(2.5)
    print(time.perf_counter() - began)
    """

    done = run(METER + dedent(code), MANAGER_ENDPOINT="http://127.0.0.1:1")

    emitted, left = map(float, done.stdout.split())
    assert emitted < 0.5
    assert left < 2.0
    assert done.stderr.count("\n") == 1
    assert "start `manager-agent serve`, or set MANAGER_ENDPOINT" in done.stderr


def test_calls_that_ended_while_the_manager_was_away_arrive_when_it_is_back(
    got: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANAGER_ENDPOINT", got.address)
    got.refuse = grpc.StatusCode.UNAVAILABLE
    for _ in range(3):
        spans.emit(ended())
    assert not provider.flush(20)

    got.refuse = None

    assert provider.flush(20)
    assert len(got.spans) == 3
    assert len({span.span_id for span in got.spans}) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_sends_its_own_calls_under_its_own_name(got: Collected) -> None:
    code = """
    import random
    random.seed(0)
    spans.emit(ended(asked()))
    assert provider.flush(20)
    spans.emit(ended(asked()))  # waits in the parent while it forks
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            random.seed(0)
            spans.emit(ended(asked()))
            spans.emit(ended(asked()))
            os._exit(0 if provider.flush(20) else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    assert provider.flush(20)
    """

    run(METER + dedent(code), MANAGER_ENDPOINT=got.address)

    found = [values(span.attributes)["manager.call.id"] for span in got.spans]
    assert len(found) == len(set(found)) == 6
    assert len({span.span_id for span in got.spans}) == 6
    pids = {resource["process.pid"] for resource in got.resources}
    instances = {resource["service.instance.id"] for resource in got.resources}
    assert len(pids) == len(instances) == 3


def test_the_global_tracer_provider_stays_the_users(got: Collected) -> None:
    code = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    spans.emit(ended(asked()))
    assert provider.flush(20)
    mine = TracerProvider()
    trace.set_tracer_provider(mine)
    assert trace.get_tracer_provider() is mine
    """

    assert "Overriding" not in run(METER + dedent(code), MANAGER_ENDPOINT=got.address).stderr


def test_time_spent_in_the_callers_thread(got: Collected, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generous: what matters is that no caller formats, encodes or sends."""
    monkeypatch.setenv("MANAGER_ENDPOINT", got.address)
    spans.emit(ended())
    assert provider.flush(20)
    calls = [ended() for _ in range(400)]

    best = min(_emitted(calls[at : at + 100]) for at in range(0, 400, 100))

    assert best / 100 < 50e-6


def _emitted(calls: Sequence[Ended]) -> float:
    began = perf_counter()
    for call in calls:
        spans.emit(call)
    return perf_counter() - began
