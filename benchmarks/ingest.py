"""`make bench`: measures a manager on this machine, beside the limits and, if asked, its rivals.

Server, load and readers share this machine's cores. Each row is a manager of its own on an empty
directory. The table is printed as it grows; the figures go to benchmarks/results/<time>.json, which
`python -m benchmarks.render` turns into Markdown.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks import limits
from benchmarks.cases import ALL, DEFAULT, TARGET, Measurement
from benchmarks.render import HEAD, line, summary
from benchmarks.rivals import RIVALS, measure_rival
from benchmarks.surroundings import SETTINGS, Surroundings, readers
from manager_agent.api.sql_client import SqlClientError
from manager_agent.app.bench.figures import per_million
from manager_agent.app.bench.fleet import FleetError
from manager_agent.app.bench.machine import file_mib
from manager_agent.app.bench.measure import Case, measure
from manager_agent.app.bench.payload import Shape
from manager_agent.app.bench.served import served
from manager_agent.app.version import VERSION

RESULTS = Path(__file__).parent / "results"


class Bench:
    """Measures one row after the other and keeps what the limits need of them."""

    def __init__(self, seconds: float, runs: int) -> None:
        self.sample: pa.Table | None = None
        self._seconds = seconds
        self._runs = runs

    def row(self, wanted: Measurement) -> dict[str, Any]:
        """Return the figures of a measurement; of several runs the one in the middle."""
        found = [self._once(wanted) for _ in range(self._runs)]
        middle = statistics.median_low([row["acked_per_s"] for row in found])
        [row] = [row for row in found if row["acked_per_s"] == middle][:1]
        return {**row, "runs": [round(each["acked_per_s"]) for each in found]}

    def _once(self, wanted: Measurement) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="manager-bench-") as folder:
            settings = SETTINGS[wanted.surroundings]
            with served(Path(folder), settings) as manager:
                receiver = manager.receiver()
                asked = None
                if wanted.surroundings == "busy":
                    with readers(manager.ready.api) as asking:
                        figures = measure(receiver, wanted.case, wanted.seconds(self._seconds))
                    asked = asking.figures()
                else:
                    figures = measure(receiver, wanted.case, wanted.seconds(self._seconds))
                data = manager.data
            database = data / "manager.duckdb"
            limits.checkpoint(database)
            disk = per_million(file_mib(data, ("snapshot",)), figures.sent_spans)
            if wanted == TARGET:
                self.sample = limits.some_spans(database)
        return {
            "name": wanted.name,
            "exporters": wanted.case.exporters,
            "spans": wanted.case.shape.spans,
            "content": wanted.case.shape.content,
            "surroundings": wanted.surroundings,
            **figures.as_json(),
            "disk_mib_per_million": disk,
            "readers": asked,
        }


def machine() -> dict[str, Any]:
    """Return on what it was measured, and with which versions."""
    packages = ("duckdb", "pyarrow", "grpcio", "protobuf", "polars")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
        "versions": {
            "manager-agent": VERSION,
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = info.read_text("utf-8").splitlines() if info.exists() else []
    return next((each.split(":")[1].strip() for each in names if "model name" in each), "unknown")


def bench(measurements: Sequence[Measurement], asked: argparse.Namespace) -> dict[str, Any]:
    """Measure all of it, printing as it goes; return what goes into the file."""
    found: dict[str, Any] = {"machine": machine(), "seconds": asked.seconds, "rows": []}
    found |= {"failures": {}, "limits": {}, "rivals": {}}
    print(HEAD, flush=True)
    bench = Bench(asked.seconds, asked.runs)
    for each in measurements:
        try:
            row = bench.row(each)
        except (
            FleetError,
            SqlClientError,
        ) as error:  # a row that cannot be measured is a finding, not the end
            found["failures"][each.name] = str(error)
            print(f"{each.name}: {error}", flush=True)
            continue
        found["rows"].append(row)
        print(line(row), flush=True)
    if TARGET in measurements:
        found["limits"]["protobuf parse"] = limits.parsing(TARGET.case.shape)
        if bench.sample is not None:
            found["limits"]["duckdb append"] = limits.appending(bench.sample)
    for rival in RIVALS if asked.rivals else ():
        found["rivals"][rival.name] = measure_rival(rival, TARGET.case.shape, asked.seconds)
    return found


def chosen(asked: argparse.Namespace) -> list[Measurement]:
    """Return the measurements that the command line asks for."""
    if asked.exporters is None:
        return ALL if asked.all else DEFAULT
    shape = Shape(asked.spans, asked.content, asked.double)
    around: Surroundings = "busy" if asked.busy else "alone"
    return [Measurement(Case(asked.exporters, shape, asked.rate, asked.twice), around)]


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Return the command line, read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every combination; half an hour")
    parser.add_argument("--rivals", action="store_true", help="install and measure rivals, too")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each run, after a warm-up")
    parser.add_argument("--runs", type=int, default=1, help="of each row; the middle one counts")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    one = parser.add_argument_group("one row of your own")
    one.add_argument("--exporters", type=int, help="that many, and no other row")
    one.add_argument("--spans", type=int, default=512, help="of a request")
    one.add_argument("--content", action="store_true", help="4 KB of prompt with each call")
    one.add_argument("--double", action="store_true", help="two emitters for each call")
    one.add_argument("--twice", action="store_true", help="each request sent twice")
    one.add_argument("--rate", type=float, help="spans a second, instead of all it takes")
    one.add_argument("--busy", action="store_true", help="with rules, snapshots and SQL readers")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Measure, print, write the file; exit code 1 where a row could not be measured."""
    asked = arguments(given)
    found = bench(chosen(asked), asked)
    out = asked.out or RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1), "utf-8")
    print(summary(found))
    print(f"written to {out}", file=sys.stderr)
    return 1 if found["failures"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
