"""`make soak`: a steady load for an hour, with rules and snapshots as by default, and SQL readers.

Prints a line for each slice and what must hold at the end; writes the figures as JSON; exit code 1
where one of them did not hold.
"""

import argparse
import json
import re
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import verdict
from benchmarks.ingest import RESULTS, machine
from benchmarks.surroundings import SETTINGS, Readers, readers
from benchmarks.verdict import Reading, Slice, Verdict
from manager_agent.app.bench.exporters import Order, Seen
from manager_agent.app.bench.figures import spans
from manager_agent.app.bench.fleet import fleet
from manager_agent.app.bench.machine import cpu_seconds, rss_mib
from manager_agent.app.bench.measure import queryable
from manager_agent.app.bench.payload import Shape
from manager_agent.app.bench.served import Served, served

_SLICE_SECONDS = 300.0
_LEAST_SLICES = 6
_PATIENCE = 300.0
_COUNTS = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


class Watch:
    """Reads the manager's memory and counters once a second, from its start to its end."""

    def __init__(self, manager: Served) -> None:
        self.readings: list[Reading] = []
        self.failures: list[str] = []
        self._manager = manager
        self._stopped = threading.Event()
        self._begin = time.monotonic()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stopped.wait(1.0):
            try:
                self.readings.append(self._read())
            except OSError as error:  # is a finding: the verdict names it
                self.failures.append(f"{self._manager.ready.metrics}: {error}")

    def _read(self) -> Reading:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self._manager.ready.metrics, timeout=60) as answer:
            found = {
                (name, labels): float(value)
                for name, labels, value in _COUNTS.findall(answer.read().decode())
            }
        return Reading(
            time.monotonic() - self._begin,
            rss_mib(self._manager.pid) or 0.0,
            found[("manager_ticks_total", "")],
            found[("manager_snapshots_total", 'outcome="published"')],
            found.get(("manager_snapshot_age_seconds", ""), 0.0),
        )


@contextmanager
def watch(manager: Served) -> Iterator[Watch]:
    """Watch until the block ends."""
    found = Watch(manager)
    found._thread.start()
    try:
        yield found
    finally:
        found._stopped.set()
        found._thread.join()


def soak(seconds: float, pace: float, exporters: int) -> dict[str, Any]:
    """Load a manager for so long; return the figures and the verdicts on them."""
    length = min(_SLICE_SECONDS, seconds / _LEAST_SLICES)
    with (
        tempfile.TemporaryDirectory(prefix="manager-soak-") as folder,
        served(Path(folder), SETTINGS["usual"]) as manager,
    ):
        order = Order(manager.ready.otlp_grpc, Shape(), exporters=exporters, spans_per_second=pace)
        with readers(manager.ready.api) as asking, watch(manager) as watching:
            before = cpu_seconds(manager.pid)
            with fleet(order, seconds) as running:
                seen = running.seen()
            after = cpu_seconds(manager.pid)
        stored, _ = queryable(manager.receiver(), spans(seen.acks), running.begin, _PATIENCE)
    parts = verdict.slices(seen.acks, running.begin, seconds, length)
    verdicts = [
        verdict.pace_kept(parts, pace, length, exporters * order.shape.spans),
        *judge(parts, watching.readings, asking),
        verdict.all_there(spans(seen.acks), stored),
        _refused(seen),
        _watched(watching),
    ]
    return {
        "machine": machine(),
        "seconds": seconds,
        "spans_per_second": pace,
        "exporters": exporters,
        "refused": seen.refused,
        "errors": seen.errors,
        "cpu_seconds": None if before is None or after is None else after - before,
        "client_cpu_seconds": seen.cpu_seconds,
        "slices": [asdict(part) for part in parts],
        "readings": [asdict(each) for each in watching.readings],
        "readers": asking.figures(),
        "verdicts": [asdict(each) for each in verdicts],
    }


def judge(parts: Sequence[Slice], readings: Sequence[Reading], asking: Readers) -> list[Verdict]:
    """Return what had to hold of the manager under load, and whether it did."""
    settings = SETTINGS["usual"]
    return [
        verdict.latency_steady(parts),
        verdict.memory_flat(readings),
        verdict.ticks_on_time(readings, settings["monitoring"]["check_interval_seconds"]),
        verdict.snapshots_on_time(readings, settings["storage"]["snapshot_seconds"]),
        verdict.readers_served(len(asking.answers), len(asking.failures)),
    ]


def _watched(watching: Watch) -> Verdict:
    why = watching.failures[0] if watching.failures else f"{len(watching.readings):,} readings"
    return Verdict("metrics answered", not watching.failures, why)


def _refused(seen: Seen) -> Verdict:
    why = seen.errors[0] if seen.errors else f"{seen.refused:,} requests put off, none refused"
    return Verdict("nothing refused", not seen.errors, why)


def show(found: dict[str, Any]) -> None:
    """Print slices and verdicts."""
    print(f"{'from s':>8}{'acked/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'RSS MiB':>9}")
    for part in found["slices"]:
        waits = part["waits"] or {}
        cells = [waits.get(key, float("nan")) for key in ("p50_ms", "p99_ms", "max_ms")]
        memory = [each["rss_mib"] for each in found["readings"] if each["at"] >= part["begin"]]
        row = f"{part['begin']:8,.0f}{part['acked_per_s']:10,.0f}"
        print(row + "".join(f"{cell:9,.0f}" for cell in [*cells, *memory[:1]]))
    for each in found["verdicts"]:
        print(f"{'ok  ' if each['held'] else 'FAIL'} {each['name']}: {each['why']}")


def main(given: Sequence[str]) -> int:
    """Soak, print, write the file; exit code 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--rate", type=float, default=5_000.0, help="spans a second")
    parser.add_argument("--exporters", type=int, default=8)
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    asked = parser.parse_args(given)
    found = soak(asked.seconds, asked.rate, asked.exporters)
    show(found)
    out = asked.out or RESULTS / f"soak-{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1), "utf-8")
    print(f"written to {out}", file=sys.stderr)
    return 0 if all(each["held"] for each in found["verdicts"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
