"""The real OpenTelemetry Collector on free ports, and a backend that remembers what it is sent."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from threading import Lock

import grpc
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from tests.harness.captures import spans_of
from tests.harness.manager import START_SECONDS, environment, until

ROOT = Path(__file__).parent.parent.parent
CONFIG = ROOT / "otel-collector.yaml"
DEPLOY = ROOT / "deploy" / "collector"
BUILD_SECONDS = 3000
"""The first build compiles a thousand packages; later ones are found."""

SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}


@cache
def built() -> Path:
    """Return the folder of `otelcol-manager` and `telemetrygen`, built if need be by the script
    that `make collector` runs. Raises `AssertionError` with what it said."""
    done = subprocess.run(
        ["bash", str(DEPLOY / "build.sh")],
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"no collector to test with:\n{done.stderr[-8000:]}"
    return ROOT / done.stdout.splitlines()[-1]


class Collector:
    """One process of the collector. `where` has its addresses, as `Sender` wants them."""

    def __init__(self, place: Path, *configs: Path, endpoint: str, **variables: str) -> None:
        """Make ready to send to `endpoint` (host:port); `start` starts it.

        `place` holds its log and, in `queue/`, what outlives it.
        """
        place.mkdir(parents=True, exist_ok=True)
        grpc_port, http_port, health, metrics = free_ports(4)
        self.where = {
            "otlp_grpc": f"127.0.0.1:{grpc_port}",
            "otlp_http": f"http://127.0.0.1:{http_port}",
        }
        self.log_path = place / "collector.log"
        self.metrics_url = f"http://127.0.0.1:{metrics}/metrics"
        self._health = f"http://127.0.0.1:{health}/"
        self._configs = configs or (CONFIG,)
        self._environment = environment(
            COLLECTOR_GRPC=self.where["otlp_grpc"],
            COLLECTOR_HTTP=f"127.0.0.1:{http_port}",
            COLLECTOR_HEALTH=f"127.0.0.1:{health}",
            COLLECTOR_METRICS_PORT=str(metrics),
            COLLECTOR_STORAGE=str(place / "queue"),
            COLLECTOR_RETRY_MAX="1s",
            MANAGER_ENDPOINT=endpoint,
            **variables,
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it is well. Raises `AssertionError` with its log."""
        named = [f"--config={path}" for path in self._configs]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [built() / "otelcol-manager", *named],
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        until("a healthy collector", self._is_well, START_SECONDS)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.reap()

    def stop(self, seconds: float = 30.0) -> int:
        """End it politely; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def reap(self) -> None:
        """Kill it if it still runs, and wait for its end."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def log(self) -> str:
        """Return what it wrote so far, of all its starts."""
        return self.log_path.read_text("utf-8", "replace")

    def metric(self, name: str, having: str = "") -> float:
        """Return the sum of a metric of the collector's own, of the lines that have a text."""
        lines = httpx.get(self.metrics_url, trust_env=False).text.splitlines()
        wanted = [line for line in lines if line.startswith(name) and having in line]
        return sum(float(line.rpartition(" ")[2]) for line in wanted)

    def _is_well(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the collector ended\n{self.log()[-8000:]}"
        with suppress(httpx.TransportError):
            return httpx.get(self._health, trust_env=False).status_code == 200
        return False


@contextmanager
def collector(place: Path, *configs: Path, endpoint: str, **variables: str) -> Iterator[Collector]:
    """Run a collector inside a `with` block; shows its log where the block fails."""
    running = Collector(place, *configs, endpoint=endpoint, **variables)
    try:
        running.start()
        yield running
    except BaseException:
        if running.log_path.exists():
            print(running.log()[-8000:], file=sys.stderr)
        raise
    finally:
        running.reap()


class Backend:
    """An OTLP receiver of every signal that says yes to all and remembers it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._lock = Lock()
        self._payloads: dict[str, list[bytes]] = {signal: [] for signal in SERVICES}

    def take(self, signal: str, payload: bytes, _: grpc.ServicerContext) -> bytes:
        """Take a request; the answer is empty for every signal."""
        with self._lock:
            self._payloads[signal].append(payload)
        return b""

    def of(self, signal: str) -> list[bytes]:
        """Return the requests of `traces`, `logs` or `metrics` so far, as they were on the wire."""
        with self._lock:
            return list(self._payloads[signal])

    @property
    def message(self) -> ExportTraceServiceRequest:
        """All requests of traces so far as one."""
        return ExportTraceServiceRequest.FromString(b"".join(self.of("traces")))

    @property
    def spans(self) -> int:
        """How many spans came so far."""
        return len(list(spans_of(self.message)))


@contextmanager
def backend() -> Iterator[Backend]:
    """Run a backend inside a `with` block."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(4))
        server = grpc.server(pool, options=[("grpc.max_receive_message_length", -1)])
        port = server.add_insecure_port("127.0.0.1:0")
        remembering = Backend(f"127.0.0.1:{port}")
        for signal, service in SERVICES.items():
            method = grpc.unary_unary_rpc_method_handler(partial(remembering.take, signal))
            handler = grpc.method_handlers_generic_handler(service, {"Export": method})
            server.add_generic_rpc_handlers((handler,))
        server.start()
        stack.callback(lambda: server.stop(0).wait())
        yield remembering


def run_telemetrygen(collector: Collector, *options: str) -> None:
    """Run the collector project's load generator against a collector, to its end."""
    subprocess.run(
        [
            built() / "telemetrygen",
            "traces",
            f"--otlp-endpoint={collector.where['otlp_grpc']}",
            "--otlp-insecure",
            *options,
        ],
        env=environment(),
        capture_output=True,
        timeout=120,
        check=True,
    )


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
