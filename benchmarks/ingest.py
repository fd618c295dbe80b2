"""Ingest, measured: acknowledged spans/s, CPU seconds per million, and the time to an answer.

Server and load share this machine's cores. Beside it, in the same run, the limit: parsing the same
bytes with protobuf. Usage: python -m benchmarks.ingest [exporters] [spans] [seconds] [content]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.load import requests

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Tally:
    """What one exporter saw: spans acknowledged, and seconds to each answer."""

    spans: int = 0
    refused: int = 0
    seconds: list[float] = field(default_factory=list)


def export(
    address: str, number: int, spans: int, until: float, content: bool, tally: Tally
) -> None:
    """Send requests one after the other until the time is up."""
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(_EXPORT)
        for payload in requests(f"agent-{number}", spans, time.time_ns(), number + 1, content):
            started = time.perf_counter()
            try:
                call(payload, timeout=30)
                tally.spans += spans
                tally.seconds.append(time.perf_counter() - started)
            except grpc.RpcError:
                tally.refused += 1
                time.sleep(0.1)
            if time.monotonic() > until:
                return


def cpu_seconds(pid: int) -> float:
    """Return user and system time that a process has used."""
    with open(f"/proc/{pid}/stat") as file:
        parts = file.read().rsplit(")", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """Return the most memory that a process has held, MiB."""
    with open(f"/proc/{pid}/status") as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def parse_limit(spans: int, content: bool) -> float:
    """Return CPU seconds per million spans of parsing alone, by protobuf's own classes."""
    payload = next(requests("agent", spans, time.time_ns(), 99, content))
    rounds = max(1, 20_000 // spans)
    started = time.process_time()
    for _ in range(rounds):
        ExportTraceServiceRequest.FromString(payload)
    return (time.process_time() - started) / (rounds * spans) * 1e6


def measure(exporters: int, spans: int, seconds: float, content: bool) -> dict[str, float]:
    """Return the figures of one run against a manager of its own."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "manager_agent.app.dispatch", "serve", "--data-dir", data]
        command += [f"--{port}-port=0" for port in ("otlp-grpc", "otlp-http", "api", "metrics")]
        quiet = {**os.environ, "LOG_LEVEL": "error"}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=quiet)
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline().removeprefix("ready "))["otlp_grpc"]
            return _load(server.pid, address, exporters, spans, seconds, content)
        finally:
            server.terminate()
            server.wait(30)


def _load(
    pid: int, address: str, exporters: int, spans: int, seconds: float, content: bool
) -> dict[str, float]:
    tallies = [Tally() for _ in range(exporters)]
    before, started = cpu_seconds(pid), time.monotonic()
    threads = [
        threading.Thread(target=export, args=(address, n, spans, started + seconds, content, tally))
        for n, tally in enumerate(tallies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.monotonic() - started
    acknowledged = sum(tally.spans for tally in tallies)
    waits = sorted(second for tally in tallies for second in tally.seconds)
    return {
        "exporters": exporters,
        "spans_per_request": spans,
        "acknowledged_spans_per_s": round(acknowledged / elapsed),
        "p50_ms": round(statistics.median(waits) * 1000, 1),
        "p99_ms": round(waits[int(len(waits) * 0.99)] * 1000, 1),
        "cpu_s_per_million": round((cpu_seconds(pid) - before) / acknowledged * 1e6, 1),
        "parse_limit_cpu_s_per_million": round(parse_limit(spans, content), 2),
        "rss_mib": round(rss_mib(pid)),
        "refused": sum(tally.refused for tally in tallies),
    }


def main(arguments: list[str]) -> None:
    """Print the figures as JSON, a line a case."""
    given = [int(each) for each in arguments[:2]]
    cases = [(given[0], given[1])] if len(given) == 2 else [(1, 512), (8, 512), (64, 1)]
    seconds = float(arguments[2]) if len(arguments) > 2 else 8.0
    for exporters, spans in cases:
        print(json.dumps(measure(exporters, spans, seconds, "content" in arguments)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
