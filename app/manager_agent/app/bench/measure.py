"""Measures one receiver under one load: what it acknowledged, how quickly, and what that took."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from manager_agent.app.bench.exporters import Order, Seen
from manager_agent.app.bench.figures import latency, per_million, rate, spans, within
from manager_agent.app.bench.fleet import FleetError, fleet
from manager_agent.app.bench.machine import cpu_seconds, rss_peak_mib
from manager_agent.app.bench.payload import Shape

WARM_UP_SECONDS = 1.5
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 900.0
"""What was acknowledged in ten seconds may take some minutes until all of it is stored."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A server under measurement.

    `target`: `host:port` for gRPC or a URL for HTTP. `stored`: how many spans a query would find
    now; None where nobody asks.
    """

    pid: int
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    stored: Callable[[], int] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One load. `spans_per_second`: of all exporters together; None: as much as is acknowledged."""

    exporters: int = 8
    shape: Shape = field(default_factory=Shape)
    spans_per_second: float | None = None
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured, warm-up left out.

    `acked_per_s`, `calls_per_s`: new spans and calls acknowledged a second. `queryable_per_s`:
    spans that a query found, by the time from the first request until it found all, or until
    patience ended; None where nobody asked. `queryable_spans`: how many it found, `sent_spans`: how
    many were acknowledged, warm-up included; equal where nothing was lost and patience lasted.
    `cpu_s_per_million`: of the receiver and its children, warm-up included, until a query found
    all that was sent; `client_cpu_s_per_million`: of the load.
    """

    acked_per_s: float
    calls_per_s: float
    queryable_per_s: float | None
    queryable_spans: int | None
    p50_ms: float
    p99_ms: float
    max_ms: float
    requests: int
    refused: int
    cpu_s_per_million: float | None
    client_cpu_s_per_million: float
    rss_peak_mib: float | None
    sent_spans: int

    def as_json(self) -> dict[str, Any]:
        """Return them under their names."""
        return asdict(self)


def measure(
    receiver: Receiver,
    case: Case,
    seconds: float,
    *,
    patience: float = _PATIENCE_SECONDS,
    first: int = 0,
) -> Figures:
    """Load a receiver for `seconds` and a warm-up. Raises `FleetError` where nothing came through.

    `patience`: how many seconds more to wait until a query finds all that was acknowledged.
    `first`: number of the first exporter, for loads that follow each other on one receiver.
    """
    before = receiver.stored() if receiver.stored else 0
    order = Order(
        receiver.target,
        case.shape,
        headers=dict(receiver.headers),
        exporters=case.exporters,
        first=first,
        spans_per_second=case.spans_per_second,
        twice=case.twice,
    )
    cpu = [cpu_seconds(receiver.pid)]
    with fleet(order, WARM_UP_SECONDS + seconds) as running:
        begin = running.begin + WARM_UP_SECONDS
        _wait_until(begin + seconds)
        seen = running.seen()
    if seen.errors:
        raise FleetError(f"the receiver refused requests for good: {seen.errors[0]}")
    found, took = queryable(receiver, before + spans(seen.acks), running.begin, patience)
    cpu.append(cpu_seconds(receiver.pid))
    return _figures(receiver, seen, (begin, begin + seconds), cpu, found - before, took)


def _figures(
    receiver: Receiver,
    seen: Seen,
    window: tuple[float, float],
    cpu: list[float | None],
    found: int,
    took: float | None,
) -> Figures:
    acks = within(seen.acks, *window)
    if not acks:
        raise FleetError(
            f"nothing was acknowledged within {window[1] - window[0]:g} s; measure for longer"
            f" ({seen.refused} requests were put off)"
        )
    waits = latency(acks)
    acked, sent = spans(acks), spans(seen.acks)
    used = None if cpu[0] is None or cpu[1] is None else cpu[1] - cpu[0]
    seconds = window[1] - window[0]
    return Figures(
        acked_per_s=rate(acked, seconds),
        calls_per_s=rate(sum(ack.calls for ack in acks), seconds),
        queryable_per_s=None if took is None else rate(found, took),
        queryable_spans=found if receiver.stored else None,
        p50_ms=waits.p50_ms,
        p99_ms=waits.p99_ms,
        max_ms=waits.max_ms,
        requests=waits.requests,
        refused=seen.refused,
        cpu_s_per_million=None if used is None else per_million(used, sent),
        client_cpu_s_per_million=per_million(seen.cpu_seconds, sent),
        rss_peak_mib=rss_peak_mib(receiver.pid),
        sent_spans=sent,
    )


def queryable(
    receiver: Receiver, wanted: int, begin: float, patience: float
) -> tuple[int, float | None]:
    """Wait until a query finds the spans `wanted`, `patience` seconds at most.

    Return how many it finds then, and how long after `begin` (monotonic) that was, None where
    nobody can be asked.
    """
    if receiver.stored is None:
        return 0, None
    deadline = time.monotonic() + patience
    while True:
        found = receiver.stored()
        now = time.monotonic()
        if found >= wanted or now > deadline:
            return found, now - begin
        time.sleep(_POLL_SECONDS)  # the condition above, polled


def _wait_until(moment: float) -> None:
    rest = moment - time.monotonic()
    if rest > 0:
        time.sleep(rest)
