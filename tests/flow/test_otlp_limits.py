"""Too large, too packed, too much at once: refused with words, and nothing is lost."""

import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.harness.manager import Manager
from tests.harness.otlp import Sender, one_call, refusal, request

MIB = 2**20


def padded(service: str, seed: int, mib: float) -> ExportTraceServiceRequest:
    """Return a request of about `mib` MiB with one call."""
    return request([one_call(service, seed, padding="x" * int(mib * MIB))])


@pytest.mark.parametrize("mib", [pytest.param(8.5, id="a little"), pytest.param(40, id="a lot")])
def test_too_large_a_request_is_told_what_to_do(mib: float, sender: Sender) -> None:
    payload = padded("large", 1, mib).SerializeToString()

    refused = refusal(lambda: sender.raw(payload))
    answer = sender.post(payload)

    assert refused.code() in (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    )
    assert any(words in (refused.details() or "") for words in ("8 MiB", "larger than max"))
    assert answer.status_code == 413
    assert "max_request_mib" in Status.FromString(answer.content).message


def test_a_large_request_below_the_limit_is_taken(running: Manager, sender: Sender) -> None:
    assert sender.send(padded("just fits", 1, 7.9)) == 0
    assert sender.send(padded("just fits", 2, 7.9), "gzip") == 0
    assert running.calls_of("just fits") == 2


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(running: Manager, sender: Sender) -> None:
    """A MiB that unpacks to a GiB: the process never grows by anything like that."""
    pack = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    chunk = bytes(MIB)
    bomb = b"".join([pack.compress(chunk) for _ in range(256)] + [pack.flush()])
    before = peak_mib(running)

    answer = sender.post(bomb, coding="gzip")

    assert answer.status_code == 413
    assert peak_mib(running) - before < 128


def peak_mib(running: Manager) -> float:
    """Return the most memory the process ever had, in MiB."""
    status = Path(f"/proc/{running.pid}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def test_a_full_queue_says_when_to_try_again_and_loses_nothing(
    running: Manager, sender: Sender
) -> None:
    """With room for one MiB and 32 times that on its way, senders back off until all is in."""
    payloads = [padded("full", seed, 0.9).SerializeToString() for seed in range(32)]
    turned_away: list[grpc.Call] = []

    def insist(payload: bytes) -> None:
        while True:
            try:
                sender.raw(payload)
            except grpc.RpcError as error:
                turned_away.append(error)
                time.sleep(0.05)  # a sender's own patience; the real one waits a second
            else:
                return

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(insist, payloads))

    assert turned_away
    assert {error.code() for error in turned_away} == {grpc.StatusCode.UNAVAILABLE}
    metadata = {pair.key: pair.value for pair in turned_away[0].trailing_metadata() or ()}
    status = Status.FromString(metadata["grpc-status-details-bin"])
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds >= 1
    full = running.metric("manager_receiver_requests_total", outcome="full")
    assert full >= len(turned_away)
    assert running.calls_of("full") == len(payloads)


def test_a_full_queue_answers_503_over_http(running: Manager, sender: Sender) -> None:
    payloads = [padded("full-http", seed, 0.9).SerializeToString() for seed in range(32)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(sender.post, payloads))

    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert int(refused.headers["retry-after"]) >= 1
    assert "try again" in Status.FromString(refused.content).message
    assert running.calls_of("full-http") == codes.count(200)
