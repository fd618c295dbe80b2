"""Ten thousand malformed requests against a running manager: it answers each as OTLP says, stays
within its memory, counts all of it, and serves the next good request.

A path that takes another signal is one more line in `WAYS`.
"""

import gzip
import json
import random
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import grpc
import pytest
from google.rpc.status_pb2 import Status

from manager_agent.receiver.early import accepted
from manager_agent.receiver.json_form import protobuf_of
from manager_agent.receiver.reading import Reader
from manager_agent.receiver.signals import LOGS, METRICS, TRACES, Signal
from manager_agent.receiver.wire import MalformedRequestError
from tests.harness.malformed import (
    MIB,
    damaged,
    hostile,
    hostile_json,
    json_seeds,
    json_seeds_of,
    seeds,
    seeds_of,
    wrong_json,
)
from tests.harness.manager import Manager, manager
from tests.harness.otlp import EXPORT, JSON, PROTOBUF, one_call, request

pytestmark = pytest.mark.slow

MOST_MIB = 16
CONFIG = {"receiver": {"max_request_mib": MOST_MIB, "max_pending_mib": 32}}
MOST_GROWTH_MIB = 640
"""How much the process may grow over all of this, which sends requests that would be gigabytes."""

BY_GRPC, BY_PROTOBUF, BY_JSON = 4200, 3400, 2700
OTLP_CODES = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE}
OTLP_STATUSES = {200, 400, 413, 503}


@dataclass(frozen=True, slots=True)
class Way:
    """A signal with sound requests of its own. `share`: of the ten thousand, in hundredths."""

    signal: Signal
    sound: tuple[bytes, ...]
    sound_json: tuple[bytes, ...]
    share: int


WAYS = [
    Way(TRACES, seeds(), json_seeds(), 70),
    Way(LOGS, seeds_of(LOGS), json_seeds_of(LOGS), 15),
    Way(METRICS, seeds_of(METRICS), json_seeds_of(METRICS), 15),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with manager(tmp_path_factory.mktemp("malformed") / "data", CONFIG) as found:
        yield found


def memory_mib(running: Manager, name: str) -> float:
    """Return `VmHWM` (the most it ever was) or `VmRSS` of the process."""
    status = Path(f"/proc/{running.pid}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    line = next(line for line in status.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


@pytest.fixture(scope="module", autouse=True)
def _within_memory(running: Manager) -> Iterator[None]:
    """Over all tests of this file."""
    before = memory_mib(running, "VmHWM")
    yield
    grown = memory_mib(running, "VmHWM") - before
    print(f"grown by {grown:.0f} MiB")
    assert grown < MOST_GROWTH_MIB


class Hand:
    """Sends one payload and tells what became of it; keeps the books of a run."""

    def __init__(self, running: Manager) -> None:
        self.where = running.where
        self._channel = grpc.insecure_channel(
            running.where["otlp_grpc"],
            [("grpc.enable_http_proxy", 0), ("grpc.max_send_message_length", -1)],
        )
        self._own = threading.local()
        self._connections: list[HTTPConnection] = []

    def close(self) -> None:
        self._channel.close()
        for connection in self._connections:
            connection.close()

    def grpc(self, path: str, payload: bytes) -> str:
        call = self._channel.unary_unary(path).future(payload, timeout=120)
        code = call.code()
        if code is grpc.StatusCode.OK:
            return "OK"
        assert code in OTLP_CODES, (code, call.details(), payload[:200])
        assert call.details()
        return str(code.name)

    def http(self, path: str, body: bytes, kind: str, coding: str | None = None) -> int:
        headers = {"content-type": kind} | ({} if coding is None else {"content-encoding": coding})
        connection = self._connection()
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
        except ConnectionError:  # it was idle for too long: the server had closed it
            connection.close()
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
        said = answer.read()
        assert answer.status in OTLP_STATUSES | {415}, (said, body[:200])
        if answer.status != 200:
            assert_status(answer.headers["content-type"], said, kind)
        return answer.status

    def _connection(self) -> HTTPConnection:
        """Return this thread's own: a client shared by many costs more than what it sends."""
        found: HTTPConnection | None = getattr(self._own, "connection", None)
        if found is None:
            address = self.where["otlp_http"].removeprefix("http://")
            found = self._own.connection = HTTPConnection(address, timeout=120)
            self._connections.append(found)
        return found


def assert_status(got: str, said: bytes, kind: str) -> None:
    """A refusal is a google.rpc.Status with a message, in the content type of the request."""
    if kind == PROTOBUF:
        assert got == PROTOBUF
        assert Status.FromString(said).message
    else:
        assert json.loads(said)["message"]


@pytest.fixture
def hand(running: Manager) -> Iterator[Hand]:
    made = Hand(running)
    yield made
    made.close()


def counted(running: Manager) -> Counter[str]:
    """Return the receiver's books."""
    outcomes = ("accepted", "malformed", "too_large", "full", "unavailable")
    dropped = (
        *("invalid_trace_id", "invalid_span_id", "invalid_time", "recognition_failed"),
        *("invalid_point", "invalid_temporality", "invalid_value"),
    )
    found = Counter(
        {
            name: int(running.metric("manager_receiver_requests_total", outcome=name))
            for name in outcomes
        }
    )
    found += Counter(
        {
            name: int(running.metric("manager_receiver_dropped_total", reason=name))
            for name in dropped
        }
    )
    found += Counter(
        {
            name: int(running.metric("manager_receiver_spans_total", outcome=name))
            for name in ("stored", "duplicate")
        }
    )
    found["failed"] = int(running.metric("manager_receiver_store_total", outcome="failed"))
    return found


def expected(signal: Signal, payload: bytes) -> tuple[int, int] | None:
    """Return how many items of a payload are taken, and refused; None where all of it is."""
    try:
        reading = Reader(lambda span: None).read(payload, signal.name)
    except MalformedRequestError:
        return None
    return len(reading.arrived), accepted(signal.name, reading.dropped).rejected


def sent(hand: Hand, way: Way, kind: str, body: bytes) -> tuple[int, int] | None:
    """Send a body; check that what it is answered is what should come of it, and return that."""
    signal = way.signal
    try:
        payload = protobuf_of(body, signal) if kind == JSON else body
        wanted = expected(signal, payload)
    except MalformedRequestError:
        wanted = None
    if kind == "grpc":
        assert hand.grpc(signal.grpc_method, body) == ("OK" if wanted else "INVALID_ARGUMENT"), body
    else:
        assert hand.http(signal.http_path, body, kind) == (200 if wanted else 400), body
    return wanted


def test_ten_thousand_malformed_requests(running: Manager, hand: Hand) -> None:
    """Every answer is right, every item is counted, and nothing is stored that should not be."""
    rng = random.Random(20_261_125)
    before = counted(running)
    work = []
    for way in WAYS:
        for kind, many in (("grpc", BY_GRPC), (PROTOBUF, BY_PROTOBUF), (JSON, BY_JSON)):
            for _ in range(many * way.share // 100):
                made = wrong_json(rng, way.sound_json) if kind == JSON else damaged(rng, way.sound)
                work.append((way, kind, made))
    rng.shuffle(work)
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda each: sent(hand, *each), work))

    read = [reading for reading in got if reading is not None]
    refused = sum(reading[1] for reading in read)
    books = counted(running)
    books.subtract(before)
    print(len(work), dict(books))
    assert len(work) > 10_000
    assert (books["accepted"], books["malformed"]) == (len(read), len(work) - len(read))
    assert books["stored"] + books["duplicate"] == sum(reading[0] for reading in read)
    assert sum(n for name, n in books.items() if name.startswith("invalid_")) == refused
    assert min(len(read), books["malformed"], refused) > 20
    for never in ("too_large", "unavailable", "full", "failed", "recognition_failed"):
        assert books[never] == 0, never
    assert_it_serves(running, hand, "after ten thousand")


def assert_it_serves(running: Manager, hand: Hand, agent: str) -> None:
    """A good request is answered and its call is priced, by either protocol."""
    for seed, send in enumerate((hand.grpc, hand.http)):
        payload = request([one_call(agent, seed)]).SerializeToString()
        if send == hand.grpc:
            assert hand.grpc(EXPORT, payload) == "OK"
        else:
            assert hand.http("/v1/traces", payload, PROTOBUF) == 200
    rows = running.sql("SELECT input_tokens, cost_source FROM llm_calls WHERE agent = ?", agent)
    assert rows == [{"input_tokens": 1000, "cost_source": "local"}] * 2
    assert running.get("/api/v1/manager/status")["status"] == "ok"


def test_hostile_requests(running: Manager, hand: Hand) -> None:
    """Made to hurt, at the largest size that is let in: each is answered within seconds."""
    slowest = 0.0
    for name, payload in hostile(MOST_MIB - 1):
        started = time.monotonic()
        wanted = expected(TRACES, payload)
        between = time.monotonic()
        assert hand.grpc(EXPORT, payload) == ("INVALID_ARGUMENT" if wanted is None else "OK"), name
        assert hand.http("/v1/traces", payload, PROTOBUF) == (400 if wanted is None else 200), name
        slowest = max(slowest, time.monotonic() - between)
        print(f"{name}: {between - started:.2f} s here, {time.monotonic() - between:.2f} s there")
    for name, body in hostile_json():
        assert hand.http("/v1/traces", body, JSON) in (200, 400, 413), name
    assert slowest < 30
    assert_it_serves(running, hand, "after the hostile")


def bomb(mib: int, wbits: int) -> bytes:
    """Return so many MiB of zeros, packed to about a thousandth."""
    pack = zlib.compressobj(9, zlib.DEFLATED, wbits)
    chunk = bytes(MIB)
    return b"".join([pack.compress(chunk) for _ in range(mib)] + [pack.flush()])


def test_packed_bombs(running: Manager, hand: Hand) -> None:
    packed = bomb(256, 16 + zlib.MAX_WBITS)
    empty = gzip.compress(b"")
    cases = [
        (packed, "gzip", {413}),
        (bomb(256, zlib.MAX_WBITS), "deflate", {413}),
        (gzip.compress(packed), "gzip", {400}),  # unpacked once, it is no OTLP
        (gzip.compress(gzip.compress(packed)), "gzip", {400}),
        (packed[: len(packed) // 2], "gzip", {413}),
        (empty * 400_000, "gzip", {400}),
        (empty * 3, "gzip", {200}),
        (packed, "zstd", {415}),
        (packed, "br", {415}),
        (packed, "gzip, gzip", {415}),
        (b"\x28\xb5\x2f\xfd" + packed, "gzip", {400}),
        (b"no gzip", "gzip", {400}),
    ]
    for body, coding, allowed in cases:
        started = time.monotonic()
        got = hand.http("/v1/traces", body, PROTOBUF, coding)
        assert got in allowed, (coding, len(body), got)
        print(f"{coding} {len(body)} {time.monotonic() - started:.2f} s")
        assert time.monotonic() - started < 20
    assert_it_serves(running, hand, "after the packed")


def test_bombs_in_grpc_frames(running: Manager, hand: Hand) -> None:
    for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        channel = grpc.insecure_channel(
            running.where["otlp_grpc"],
            [("grpc.enable_http_proxy", 0), ("grpc.max_send_message_length", -1)],
        )
        with channel, pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(EXPORT)(bytes(64 * MIB), timeout=60, compression=compression)
        assert refused.value.code() in OTLP_CODES | {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert_it_serves(running, hand, "after the frames")


def endless(running: Manager, head: bytes, piece: bytes, seconds: float) -> bytes:
    """Send a head, then a piece again and again, until the server ends it; return its answer."""
    host, _, port = running.where["otlp_http"].removeprefix("http://").rpartition(":")
    deadline = time.monotonic() + seconds
    with socket.create_connection((host, int(port)), 10) as connection:
        answer = b""
        try:
            connection.sendall(head)
            while time.monotonic() < deadline:
                connection.settimeout(0.0 if len(piece) > 100 else 0.25)
                try:
                    got = connection.recv(65536)
                    answer += got
                    if not got:
                        return answer
                except (BlockingIOError, TimeoutError):
                    pass  # nothing yet
                connection.settimeout(5)
                connection.sendall(piece)
        except ConnectionError:
            return answer
    raise AssertionError(f"still open after {seconds} s: {answer[:200]!r}")


HEAD = b"POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-protobuf\r\n"
CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"


def test_bodies_without_end_and_heads_without_haste(running: Manager, hand: Hand) -> None:
    """All at once; none is let to go on for long, and others are served meanwhile."""
    chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    nothing = HEAD + b"content-encoding: deflate\r\ntransfer-encoding: chunked\r\n\r\n"
    stored = b"\x00\x00\x00\xff\xff" * 13107
    cases = {
        "chunks without end": (chunked, CHUNK, 413),
        "packed nothing without end": (
            nothing + b"2\r\n\x78\x01\r\n", b"ffff\r\n" + stored + b"\r\n", 413),
        "a length that lies above": (
            HEAD + b"content-length: 999999999999\r\n\r\n", b"x" * MIB, 413),
        "a head byte by byte": (b"POST /v1/traces HTTP/1.1\r\nx: ", b"y", None),
        "no head at all": (b"", b"", None),
        "a body byte by byte that is refused": (
            b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n"
            b"content-length: 1000000\r\n\r\n", b"y", 415),
        "a body that never comes": (HEAD + b"content-length: 10\r\n\r\n", b"", 408),
    }  # fmt: skip

    def run(case: tuple[bytes, bytes, int | None]) -> bytes:
        return endless(running, case[0], case[1], 60)

    with ThreadPoolExecutor(len(cases)) as pool:
        got = {name: pool.submit(run, case) for name, case in cases.items()}
        assert_it_serves(running, hand, "meanwhile")
        for name, (_, _, status) in cases.items():
            answer = got[name].result()
            if status is None:
                assert answer == b"", name
            else:
                assert answer.startswith(b"HTTP/1.1 %d " % status), (name, answer[:200])
    assert_it_serves(running, hand, "after the endless")


def test_lying_lengths_and_broken_http(running: Manager, hand: Hand) -> None:
    good = request([one_call("lying", 1)]).SerializeToString()
    more = HEAD + b"content-length: %d\r\n\r\n" % (len(good) - 5) + good
    twice = HEAD + b"content-length: 3\r\ncontent-length: 5\r\n\r\nxxxxx"
    both = HEAD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    huge = b"POST /v1/traces HTTP/1.1\r\nx: " + b"y" * MIB + b"\r\n\r\n"
    for text in (
        more,
        twice,
        both,
        huge,
        b"\x16\x03\x01\x02\x00" * 100,
        b"\x00" * 1000,
        b"PRI * HTTP/2.0\r\n\r\n",
    ):
        host, _, port = running.where["otlp_http"].removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.settimeout(60)
            try:
                connection.sendall(text)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(65536)
            except OSError:
                continue  # it was cut off, which is an answer, too
        assert answer == b"" or answer[9:10] in (b"2", b"4"), (text[:100], answer[:100])
    assert_it_serves(running, hand, "after the lying")
