"""Starts processes of exporters, lets them begin together, and gathers what they saw."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from manager_agent.app.bench.exporters import Order, Seen
from manager_agent.app.bench.figures import Ack

_SECOND_PROCESS_FROM = 32
"""Exporters from which one Python's threads would be the bottleneck (docs/performance.md)."""


class FleetError(RuntimeError):
    """The load could not be made; the message says why."""


class Fleet:
    """Exporters under way."""

    def __init__(self, processes: list["subprocess.Popen[str]"], begin: float) -> None:
        self.begin = begin
        """When they began, in seconds of the monotonic clock."""
        self._processes = processes

    def seen(self) -> Seen:
        """Wait until they end; return what all of them saw. Raises `FleetError`."""
        parts = [_seen(process) for process in self._processes]
        return Seen(
            acks=sorted(ack for part in parts for ack in part.acks),
            refused=sum(part.refused for part in parts),
            errors=[error for part in parts for error in part.errors],
            cpu_seconds=sum(part.cpu_seconds for part in parts),
        )


@contextmanager
def fleet(order: Order, seconds: float) -> Iterator[Fleet]:
    """Let the exporters of `order` send for `seconds`, spread over processes; end all of them."""
    processes: list[subprocess.Popen[str]] = []
    try:
        for part in _parts(order):
            process = subprocess.Popen(
                [sys.executable, "-m", "manager_agent.app.bench.exporters"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            processes.append(process)
            _tell(process, json.dumps(asdict(part)))
        for process in processes:
            if _line(process) != "ready":
                raise FleetError("the process that makes the load did not start; see above")
        begin = time.monotonic()
        for process in processes:
            _tell(process, str(begin + seconds))
        yield Fleet(processes, begin)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _parts(order: Order) -> list[Order]:
    """Return the order, or its two halves where it has many exporters."""
    if order.exporters < _SECOND_PROCESS_FROM:
        return [order]
    half = order.exporters // 2
    parts = [(half, order.first), (order.exporters - half, order.first + half)]
    return [
        replace(
            order,
            exporters=number,
            first=first,
            spans_per_second=(
                None
                if order.spans_per_second is None
                else order.spans_per_second * number / order.exporters
            ),
        )
        for number, first in parts
    ]


def _tell(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None, "it was started with a pipe"
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None, "it was started with a pipe"
    return process.stdout.readline().strip()


def _seen(process: "subprocess.Popen[str]") -> Seen:
    line = _line(process)
    if not line:
        raise FleetError("the process that makes the load ended before its time; see above")
    told = json.loads(line)
    return Seen(**{**told, "acks": [Ack(*ack) for ack in told["acks"]]})
