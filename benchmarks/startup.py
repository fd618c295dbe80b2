"""What instrumenting costs at start: processor seconds of a whole process, by what it imports.

    python -m benchmarks.startup [--runs 5]

Each figure is the median over the runs, taken in turns so that a busy moment hits all alike.
`opentelemetry-instrument` is measured where it is installed.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from manager_agent.instrumentation.run import SITE

IMPORTS = ("", "requests", "httpx", "openai")
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("MANAGER_", "OTEL_", "PYTHON"))}
SILENT = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}


def ways() -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return each way to start a Python: what comes before it, and the variables it needs."""
    found: dict[str, tuple[list[str], dict[str, str]]] = {
        "python": ([], {}),
        "installed, not asked for (.pth)": ([], {"MANAGER_INSTRUMENT": "0"}),
        "instrumented": ([], {"PYTHONPATH": str(SITE), "MANAGER_INSTRUMENT": "1"}),
        "manager-agent run": ([str(Path(sys.executable).parent / "manager-agent"), "run"], {}),
    }
    stock = shutil.which("opentelemetry-instrument", path=str(Path(sys.executable).parent))
    if stock:
        found["opentelemetry-instrument"] = ([stock], SILENT)
    return found


def processor_seconds(before: list[str], env: dict[str, str], code: str) -> float:
    """Run one process; return the processor seconds that it and its children took."""
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*before, sys.executable, "-c", code],
        env={**CLEAN, **env},
        check=True,
        stderr=subprocess.DEVNULL,
    )
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def measured(module: str, runs: int) -> dict[str, float]:
    """Return the median processor seconds of each way, for a process that imports `module`."""
    code = f"import {module}" if module else "pass"
    taken: dict[str, list[float]] = {way: [] for way in ways()}
    for _ in range(runs + 1):
        for way, (before, env) in ways().items():
            taken[way].append(processor_seconds(before, env, code))
    return {way: statistics.median(each[1:]) for way, each in taken.items()}  # the first warms up


def table(runs: int) -> str:
    """Return the figures as a table in Markdown: milliseconds, and how many times bare Python."""
    columns = {module: measured(module, runs) for module in IMPORTS if _there(module)}
    lines = [
        "| processor ms | " + " | ".join(name or "imports nothing" for name in columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for way in ways():
        cells = [
            f"{each[way] * 1000:.0f} ({each[way] / each['python']:.2f}x)"
            for each in columns.values()
        ]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _there(module: str) -> bool:
    code = f"import {module or 'sys'}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    print(table(parser.parse_args().runs))


if __name__ == "__main__":
    main()
