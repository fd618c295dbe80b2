"""SIGTERM: what was answered OK is there afterwards, and the manager is gone within 10 seconds."""

import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import grpc
import httpx
import pytest

from manager_agent.delivery.slack.fake import Answer, FakeSlack
from tests.harness.manager import Manager, manager, until
from tests.harness.otlp import Sender, Sending, hex_id, llm, request
from tests.harness.rollups import assert_rollups_are_sums


def over_grpc(sender: Sender, payload: bytes) -> bool:
    try:
        sender.raw(payload)
    except grpc.RpcError:
        return False
    return True


def over_http(sender: Sender, payload: bytes) -> bool:
    try:
        return sender.post(payload).status_code == 200
    except httpx.HTTPError:
        return False


def send_until(
    done: Event, where: dict[str, str], seed: int, send: Callable[[Sender, bytes], bool]
) -> list[str]:
    """Send call after call until `done`; return the span ids that were acknowledged."""
    rng, acknowledged = random.Random(seed), []
    with Sender(where) as sender:
        while not done.is_set():
            ids = [hex_id(rng, 16) for _ in range(5)]
            now = time.time_ns()
            calls = [Sending(hex_id(rng, 32), span, now, attributes=llm()) for span in ids]
            if send(sender, request(calls).SerializeToString()):
                acknowledged += ids
    return acknowledged


@pytest.mark.slow
def test_what_was_acknowledged_while_it_stopped_is_there(tmp_path: Path) -> None:
    """Six senders do not let go; the exit code is 0 all the same, and nothing is left running."""
    done = Event()
    with manager(tmp_path / "data") as running, ThreadPoolExecutor(6) as pool:
        running.sql("SELECT 1 AS one")  # starts a query worker, which must end too
        loads = [
            pool.submit(send_until, done, running.where, seed, send)
            for seed, send in enumerate([over_grpc, over_http] * 3)
        ]
        try:
            until(
                "load",
                lambda: running.metric("manager_receiver_spans_total", outcome="stored") > 200,
            )
            began = time.monotonic()
            code = running.stop()
            took = time.monotonic() - began
        finally:
            done.set()
        acknowledged = {span for load in loads for span in load.result()}
        assert (code, took < 10) == (0, True), took
        assert not others_in_group(running)

    with manager(tmp_path / "data") as again:
        stored = [row["span_id"] for row in again.sql("SELECT span_id FROM llm_calls")]
        assert_rollups_are_sums(again)
    assert len(acknowledged) > 200
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored))


def others_in_group(running: Manager) -> list[str]:
    """Return the processes the manager started that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[2]) == running.pid and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


def test_a_stop_while_slack_hangs_is_quick(tmp_path: Path) -> None:
    """A webhook that never answers delays nobody."""
    with FakeSlack([Answer(hold=True)] * 50) as slack:
        config = {
            "agent_budgets": {"default": {"daily_token_limit": 10}},
            "monitoring": {"check_interval_seconds": 0.2},
            "slack": {"webhook_url": slack.url},
        }
        with manager(tmp_path / "data", config) as running, Sender(running.where) as sender:
            rng = random.Random(1)
            sending = Sending(hex_id(rng, 32), hex_id(rng, 16), time.time_ns(), attributes=llm())
            sender.send(request([sending]))
            until("the webhook is asked", lambda: slack.tried)
            began = time.monotonic()
            code = running.stop()

            assert (code, time.monotonic() - began < 10) == (0, True)


def test_an_open_connection_that_says_nothing_does_not_delay_the_stop(tmp_path: Path) -> None:
    """Half a request, idle keep-alive connections, a channel left open: all are let go."""
    with manager(tmp_path / "data") as running, Sender(running.where) as sender:
        rng = random.Random(1)
        sending = Sending(hex_id(rng, 32), hex_id(rng, 16), time.time_ns(), attributes=llm())
        sender.send(request([sending]))
        sender.send(request([sending]), "protobuf")
        with half_a_request(running.where["otlp_http"]):
            began = time.monotonic()
            code = running.stop()

            assert (code, time.monotonic() - began < 10) == (0, True)


def half_a_request(url: str) -> socket.socket:
    """Return a connection on which the body of a request is announced, but does not come."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        b"Content-Length: 1000\r\n\r\nabc"
    )
    return connection
