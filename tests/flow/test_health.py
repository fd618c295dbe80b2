"""The gRPC health service, asked as probes and load balancers ask it."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from manager_agent.receiver.health import HealthService
from tests.harness.manager import Manager, manager
from tests.harness.otlp import refusal

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
TRACES = "opentelemetry.proto.collector.trace.v1.TraceService"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


def asking(service: str) -> bytes:
    """Return a HealthCheckRequest: its one field is a text, number 1."""
    return StringValue(value=service).SerializeToString()


def status(answer: bytes) -> int:
    """Return the status in a HealthCheckResponse: its one field is a number, number 1."""
    return Int32Value.FromString(answer).value


@pytest.fixture
def channel(running: Manager) -> Iterator[Any]:
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(running.where["otlp_grpc"], options) as found:
        yield found


@pytest.mark.parametrize("service", ["", TRACES])
def test_it_serves(service: str, channel: Any) -> None:
    assert status(channel.unary_unary(CHECK)(asking(service), timeout=10)) == SERVING
    watch = channel.unary_stream(WATCH)(asking(service), timeout=10)
    assert status(next(watch)) == SERVING
    watch.cancel()


def test_a_service_that_is_not_there(channel: Any) -> None:
    refused = refusal(lambda: channel.unary_unary(CHECK)(asking("no.such"), timeout=10))
    watch = channel.unary_stream(WATCH)(asking("no.such"), timeout=10)

    assert refused.code() is grpc.StatusCode.NOT_FOUND
    assert TRACES in refused.details()
    assert status(next(watch)) == SERVICE_UNKNOWN
    watch.cancel()


def test_a_malformed_question(channel: Any) -> None:
    refused = refusal(lambda: channel.unary_unary(CHECK)(b"\x0a\xff", timeout=10))

    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_who_watches_hears_that_it_stops_and_does_not_delay_it(tmp_path: Path) -> None:
    """Probes need no token: they cannot have one."""
    with manager(tmp_path / "data", {"receiver": {"tokens": ["x" * 16]}}) as running:
        options = [("grpc.enable_http_proxy", 0)]
        with grpc.insecure_channel(running.where["otlp_grpc"], options) as channel:
            watch = channel.unary_stream(WATCH)(asking(""), timeout=60)
            heard = [status(next(watch))]
            listening = threading.Thread(target=lambda: heard.extend(map(status, watch)))
            listening.start()
            assert running.stop() == 0
            listening.join(10)

    assert heard == [SERVING, NOT_SERVING]


async def _told(service: HealthService, payload: bytes) -> list[int]:
    found = []
    async for answer in service._watch(payload, None):
        found.append(status(answer))
        if len(found) == 2:
            service.stop()
    return found


def test_it_does_not_serve_while_nothing_can_be_stored() -> None:
    states = iter([True, True, False])
    last = [True]

    def well() -> bool:
        last[0] = next(states, last[0])
        return last[0]

    async def watched() -> list[int]:
        return await _told(HealthService(well, (TRACES,)), asking(TRACES))

    assert asyncio.run(watched()) == [SERVING, NOT_SERVING]
