"""What metering costs an agent: per call of OpenAI's SDK, beside the official instrumentation and
rivals, and in memory. What it costs at start: `python -m benchmarks.startup`.

    python -m benchmarks.overhead [--calls 1000] [--rivals] [--json FILE]

Every way is measured in processes of its own, each call paired with one of the bare SDK. Rivals are
installed from PyPI under `.cache/overhead`, each with the same SDK.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc

from benchmarks.overhead_worker import MODES
from manager_agent.app.bench.figures import percentile
from manager_agent.app.demo.children import clean_environment

CACHE = Path(__file__).parent.parent / ".cache" / "overhead"
WORKER = Path(__file__).parent / "overhead_worker.py"
OURS = ("gate and meter", "manager-agent", "official", "manager-agent and official")
RIVALS = {"openllmetry": "opentelemetry-instrumentation-openai", "openlit": "openlit"}
_BASE = ("opentelemetry-sdk", "opentelemetry-exporter-otlp")
_ISOLATED = 5_000


def measured(way: str, mode: str, calls: int, python: str, endpoint: str) -> dict[str, Any]:
    """Return one way's figures in one mode: microseconds of processor time, and KiB."""
    done = subprocess.run(
        [python, str(WORKER), way, mode, str(calls)],
        env={
            **clean_environment(os.environ),
            "MANAGER_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"way": way, "mode": mode, "error": done.stderr.strip().splitlines()[-1]}
    found = json.loads(done.stdout)
    bare, within = sorted(found["bare"]), sorted(found["with"])
    added = [a - b for a, b in zip(found["with"], found["bare"], strict=True)]
    return {
        "way": way,
        "mode": mode,
        "bare_us": percentile(bare, 0.5) / 1000,
        "bare_p99_us": percentile(bare, 0.99) / 1000,
        "with_us": percentile(within, 0.5) / 1000,
        "with_p99_us": percentile(within, 0.99) / 1000,
        "added_us": statistics.median(added) / 1000,
        "ratio": percentile(within, 0.5) / percentile(bare, 0.5),
        "beside_us": found["beside_ns"] / 1000,
        "memory_mib": found["memory_kib"] / 1024,
    }


def isolated() -> dict[str, float]:
    """Return microseconds of the parts of one call, apart from any SDK: medians and p99."""
    from manager_agent.instrumentation import gate, spans
    from manager_agent.instrumentation.endpoint import Endpoint

    body = json.dumps(
        {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Be brief. " * 80}]}
    ).encode()
    usage = {"prompt_tokens": 160, "completion_tokens": 48, "total_tokens": 208}
    choice = {"index": 0, "message": {"role": "assistant", "content": "41.2 " * 40}}
    told = {"id": "chatcmpl-1", "model": "gpt-4o-mini", "choices": [choice], "usage": usage}
    answer, head = json.dumps(told).encode(), {"content-type": "application/json"}
    kept, spans.emit = spans.emit, lambda ended: None
    host, path = "api.openai.com", "/v1/chat/completions"
    try:
        endpoint = gate.endpoint(host, 443, path, "POST", {})
        assert isinstance(endpoint, Endpoint)
        found = {
            "host not ours": _timed(lambda: gate.endpoint("example.com", 443, "/", "GET", {})),
            "host ours": _timed(lambda: gate.endpoint(host, 443, path, "POST", {})),
            "gate": _timed(lambda: _entered(gate.enter(endpoint, body))),
            "gate and meter": _timed(lambda: _metered(gate.enter(endpoint, body), head, answer)),
        }
    finally:
        spans.emit = kept
    return {f"{name} {at}": us for name, pair in found.items() for at, us in pair.items()}


def _entered(call: Any) -> None:
    call._done = True  # else it would be settled when it is forgotten


def _metered(call: Any, head: Mapping[str, str], body: bytes) -> None:
    call.answered(200, head)
    call.whole(body)


def _timed(work: Callable[[], object]) -> dict[str, float]:
    taken = []
    for _ in range(_ISOLATED):
        began = time.thread_time_ns()
        work()
        taken.append(time.thread_time_ns() - began)
    taken.sort()
    return {"p50": percentile(taken, 0.5) / 1000, "p99": percentile(taken, 0.99) / 1000}


@contextmanager
def sink() -> Iterator[str]:
    """Take spans and forget them, until the block ends; yields the address."""

    class Everything(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")

    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Everything()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def table(rows: Sequence[Mapping[str, Any]], parts: Mapping[str, float]) -> Iterator[str]:
    """Yield the lines of the figures in Markdown."""
    yield "| way | mode | bare p50 | with p50 | added | ratio | with p99 | beside it | memory |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        if "error" in row:
            yield f"| {row['way']} | {row['mode']} | {row['error']} |"
            continue
        yield (
            f"| {row['way']} | {row['mode']} | {row['bare_us']:.0f} us | {row['with_us']:.0f} us |"
            f" {row['added_us']:.0f} us | {row['ratio']:.2f} | {row['with_p99_us']:.0f} us |"
            f" {row['beside_us']:.0f} us | {row['memory_mib']:.0f} MiB |"
        )
    yield ""
    yield "| alone | p50 | p99 |"
    yield "|---|--:|--:|"
    for name in dict.fromkeys(key.rpartition(" ")[0] for key in parts):
        yield f"| {name} | {parts[f'{name} p50']:.1f} us | {parts[f'{name} p99']:.1f} us |"


def _installed(rival: str) -> str:
    """Return the interpreter of a rival's environment, made if it is not there yet."""
    home = CACHE / rival
    python = str(home / "bin" / "python")
    if not (home / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        packages = [f"openai=={version('openai')}", RIVALS[rival], *_BASE]
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True)
        (home / "installed").touch()
    return python


def main() -> None:
    """Measure, print the tables, and write the figures where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="of each way in each mode")
    parser.add_argument("--rivals", action="store_true", help="those of PyPI, too")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    given = parser.parse_args()
    pythons = dict.fromkeys(OURS, sys.executable)
    if given.rivals:
        pythons |= {rival: _installed(rival) for rival in RIVALS}
    with sink() as endpoint:
        rows = [
            measured(way, mode, given.calls, python, endpoint)
            for mode in MODES
            for way, python in pythons.items()
        ]
    parts = isolated()
    print(*table(rows, parts), sep="\n")
    if given.json:
        given.json.write_text(json.dumps({"calls": rows, "alone": parts}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
