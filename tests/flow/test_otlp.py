"""What OTLP promises to senders: answers, limits, refusals and when to try again."""

import gzip
import json
import random
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpExporter,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from tests.harness.manager import Manager, manager
from tests.harness.otlp import JSON, PROTOBUF, Sender, Sending, as_json, hex_id, llm, request

pytestmark = pytest.mark.xdist_group("otlp")

MIB = 2**20
CONFIG = {"receiver": {"max_pending_mib": 1, "max_request_mib": 8}}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with manager(tmp_path_factory.mktemp("otlp") / "data", CONFIG) as found:
        yield found


@pytest.fixture(scope="module")
def sender(running: Manager) -> Iterator[Sender]:
    with Sender(running.where) as found:
        yield found


def call(service: str, seed: int, **more: object) -> Sending:
    rng = random.Random(f"{service}{seed}")
    attributes = llm(**more)
    return Sending(
        hex_id(rng, 32), hex_id(rng, 16), time.time_ns(), attributes=attributes, service=service
    )


def stored(running: Manager, agent: str) -> int:
    rows = running.sql("SELECT count(*) AS n FROM llm_calls WHERE agent = ?", agent)
    return int(rows[0]["n"])


def refusal(send: Callable[[], object]) -> grpc.Call:
    with pytest.raises(grpc.RpcError) as caught:
        send()
    assert isinstance(caught.value, grpc.Call)
    return caught.value


@pytest.mark.parametrize("body", ["grpc", "protobuf", "json", "gzip"])
def test_a_call_is_there_once_it_is_acknowledged(
    body: str, running: Manager, sender: Sender
) -> None:
    assert sender.send(request([call(f"ack-{body}", 1)]), body) == 0  # type: ignore[arg-type]
    assert stored(running, f"ack-{body}") == 1


def test_deflate_is_taken(running: Manager, sender: Sender) -> None:
    packed = zlib.compress(request([call("deflate", 1)]).SerializeToString())

    assert sender.post(packed, coding="deflate").status_code == 200
    assert stored(running, "deflate") == 1


def test_several_gzip_members_are_one_body(running: Manager, sender: Sender) -> None:
    """As `cat a.gz b.gz` is; what follows the first member is not dropped in silence."""
    messages = [request([call("members", seed)]).SerializeToString() for seed in (1, 2)]
    answer = sender.post(b"".join(map(gzip.compress, messages)), coding="gzip")

    assert answer.status_code == 400 or stored(running, "members") == 2


def test_an_empty_request_is_fine(sender: Sender) -> None:
    assert sender.raw(b"") == ExportTraceServiceResponse()
    for kind, empty in ((PROTOBUF, b""), (JSON, b"{}")):
        answer = sender.post(empty, kind)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind)


def test_a_malformed_request_is_refused_for_good_and_counted(
    running: Manager, sender: Sender
) -> None:
    def count() -> float:
        return running.metric("manager_receiver_requests_total", outcome="malformed")

    before = count()
    refused = refusal(lambda: sender.raw(b"this is no protobuf"))
    answers = [
        sender.post(b"this is no protobuf"),
        sender.post(b"{this is no json", JSON),
        sender.post(b'{"resourceSpans": 7}', JSON),
        sender.post(b"[" * 100_000, JSON),
        sender.post(b"this is no gzip", PROTOBUF, "gzip"),
        sender.post(gzip.compress(b"cut" * 1000)[:20], PROTOBUF, "gzip"),
    ]

    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "ExportTraceServiceRequest" in (refused.details() or "")
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert all(
        Status.FromString(answer.content).message
        for answer in answers
        if answer.headers["content-type"] == PROTOBUF
    )
    assert json.loads(answers[1].content)["message"]
    assert count() - before == 1 + len(answers)


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        pytest.param({"trace_id": "00" * 16}, "invalid_trace_id", id="trace id of zeros"),
        pytest.param({"trace_id": "ab" * 8}, "invalid_trace_id", id="short trace id"),
        pytest.param({"trace_id": ""}, "invalid_trace_id", id="no trace id"),
        pytest.param({"span_id": "00" * 8}, "invalid_span_id", id="span id of zeros"),
        pytest.param({"span_id": "ab" * 9}, "invalid_span_id", id="long span id"),
        pytest.param({"start_ns": 0}, "invalid_time", id="no start"),
        pytest.param({"start_ns": 2**63}, "invalid_time", id="a start far in the future"),
    ],
)
def test_a_bad_span_is_refused_alone(
    ids: dict[str, object], reason: str, running: Manager, sender: Sender
) -> None:
    """Its neighbours are stored; the sender hears how many were refused, and why."""
    good = call(f"good beside {reason} {ids}", 1)
    bad = Sending(**{**{n: getattr(good, n) for n in ("trace_id", "span_id", "start_ns")}, **ids})  # type: ignore[arg-type]
    message = request([good, bad, bad])
    before = running.metric("manager_receiver_dropped_total", reason=reason)

    over_grpc = sender.raw(message.SerializeToString()).partial_success
    over_json = sender.post(as_json(message), JSON)

    assert (over_grpc.rejected_spans, reason in over_grpc.error_message) == (2, True)
    assert over_json.status_code == 200
    assert int(over_json.json()["partialSuccess"]["rejectedSpans"]) == 2
    assert running.metric("manager_receiver_dropped_total", reason=reason) - before == 4
    assert stored(running, good.service) == 1


@pytest.mark.parametrize(
    "kind", [pytest.param("text/plain", id="text"), pytest.param("", id="nothing")]
)
def test_other_content_types_are_refused(kind: str, sender: Sender) -> None:
    answer = sender.post(b"", kind)

    assert answer.status_code == 415
    assert PROTOBUF in answer.text


def test_other_content_codings_are_refused(sender: Sender) -> None:
    answer = sender.post(b"", PROTOBUF, "br")

    assert answer.status_code == 415
    assert "gzip" in answer.text


def test_other_methods_and_paths_are_refused(sender: Sender) -> None:
    base = sender.traces_url.removesuffix("/v1/traces")

    assert sender.http.get(sender.traces_url).status_code == 405
    assert sender.http.post(f"{base}/v1/nothing").status_code == 404


def padded(service: str, seed: int, mib: float) -> ExportTraceServiceRequest:
    """Return a request of about `mib` MiB with one call."""
    return request([call(service, seed, padding="x" * int(mib * MIB))])


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
    assert stored(running, "just fits") == 2


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
                assert isinstance(error, grpc.Call)
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
    assert stored(running, "full") == len(payloads)


def test_a_full_queue_answers_503_over_http(running: Manager, sender: Sender) -> None:
    payloads = [padded("full-http", seed, 0.9).SerializeToString() for seed in range(32)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(sender.post, payloads))

    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert int(refused.headers["retry-after"]) >= 1
    assert "try again" in Status.FromString(refused.content).message
    assert stored(running, "full-http") == codes.count(200)


@pytest.mark.parametrize(
    "exporter",
    [
        pytest.param(
            lambda where: GrpcExporter(endpoint=where["otlp_grpc"], insecure=True), id="grpc"
        ),
        pytest.param(
            lambda where: HttpExporter(endpoint=f"{where['otlp_http']}/v1/traces"), id="http"
        ),
    ],
)
def test_the_sdks_own_exporters_work(
    exporter: Callable[[dict[str, str]], SpanExporter],
    running: Manager,
    request: pytest.FixtureRequest,
) -> None:
    service = request.node.callspec.id
    provider = TracerProvider(resource=Resource.create({"service.name": f"sdk-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(exporter(running.where)))
    tracer = provider.get_tracer("sdk.test")
    for _ in range(700):
        with tracer.start_as_current_span("chat gpt-4o-mini", attributes=llm()):
            pass
    provider.shutdown()

    assert stored(running, f"sdk-{service}") == 700


@pytest.mark.parametrize(
    ("attributes", "agent"),
    [
        pytest.param({"gen_ai.usage.input_tokens": 2**63 - 1}, "strange-huge", id="2^63-1 tokens"),
        pytest.param(
            {
                "gen_ai.usage.input_tokens": 2**63 - 1,
                "gen_ai.usage.output_tokens": 2**63 - 1,
                "gen_ai.usage.cache_read.input_tokens": 2**63 - 1,
            },
            "strange-sum",
            id="a sum above 64 bits",
        ),
        pytest.param({"gen_ai.usage.input_tokens": -5}, "strange-minus", id="negative tokens"),
        pytest.param({"gen_ai.usage.input_tokens": "1e400"}, "strange-inf", id="infinite text"),
        pytest.param({"gen_ai.usage.input_tokens": float("nan")}, "strange-nan", id="nan tokens"),
        pytest.param(
            {"gen_ai.usage.cost.amount": 1e300, "gen_ai.usage.cost.source": "provider"},
            "strange-cost",
            id="an absurd cost",
        ),
        pytest.param(
            {"gen_ai.usage.cost.amount": -1e300, "gen_ai.usage.cost.source": "provider"},
            "strange-credit",
            id="an absurd credit",
        ),
        pytest.param(
            {"gen_ai.response.finish_reasons": [float("nan"), float("inf")]},
            "strange-list",
            id="nan in a kept list",
        ),
        pytest.param({"http.response.status_code": 2**40}, "strange-status", id="a huge status"),
        pytest.param({"gen_ai.agent.name": "\x00nul\x00"}, "\x00nul\x00", id="NUL in a name"),
        pytest.param({"gen_ai.response.id": "r" * 2**20}, "strange-long", id="an endless id"),
        pytest.param({"gen_ai.request.model": ["a", "b"]}, "strange-model", id="a list as model"),
        pytest.param({"gen_ai.request.model": b"\xff\xfe"}, "strange-bytes", id="bytes as model"),
        pytest.param({"k" * 100_000: 1, "": 2}, "strange-keys", id="strange keys"),
    ],
)
def test_a_strange_span_never_stops_its_sender(
    attributes: dict[str, object], agent: str, running: Manager, sender: Sender
) -> None:
    """A batch that can never be stored would be sent again for ever, and block all behind it."""
    strange = call(agent if agent.isprintable() else "nul", 1, **attributes)
    beside = call(f"beside {strange.service}", 2)

    sender.send(request([strange, beside]))

    assert stored(running, beside.service) == 1
    assert stored(running, agent) == 1
    assert running.get("/api/v1/manager/status")["status"] == "ok"


def test_a_year_9999_end_and_a_backward_span_are_stored(running: Manager, sender: Sender) -> None:
    now = time.time_ns()
    backward = Sending(**{**fields(call("clock-back", 1)), "duration_ns": -(10**9)})
    endless = Sending(**{**fields(call("clock-end", 1)), "duration_ns": 2**63 - now})
    early = Sending(**{**fields(call("clock-1970", 1)), "start_ns": 1})

    sender.send(request([backward, endless, early]))

    assert [stored(running, f"clock-{name}") for name in ("back", "end", "1970")] == [1, 1, 1]


def fields(sending: Sending) -> dict[str, object]:
    return {name: getattr(sending, name) for name in Sending.__slots__}
