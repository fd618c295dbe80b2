"""What OTLP promises to senders: every encoding, clear answers, bad spans refused alone."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpExporter,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from tests.harness.manager import Manager
from tests.harness.otlp import (
    BODIES,
    JSON,
    PROTOBUF,
    Body,
    Sender,
    as_json,
    llm,
    one_call,
    refusal,
    request,
)


@pytest.mark.parametrize("body", BODIES)
def test_a_call_is_there_once_it_is_acknowledged(
    body: Body, running: Manager, sender: Sender
) -> None:
    assert sender.send(request([one_call(f"ack-{body}", 1)]), body) == 0
    assert running.calls_of(f"ack-{body}") == 1


def test_deflate_is_taken(running: Manager, sender: Sender) -> None:
    packed = zlib.compress(request([one_call("deflate", 1)]).SerializeToString())

    assert sender.post(packed, coding="deflate").status_code == 200
    assert running.calls_of("deflate") == 1


def test_several_gzip_members_are_one_body(running: Manager, sender: Sender) -> None:
    """As `cat a.gz b.gz` is; what follows the first member is not dropped in silence."""
    messages = [request([one_call("members", seed)]).SerializeToString() for seed in (1, 2)]
    answer = sender.post(b"".join(map(gzip.compress, messages)), coding="gzip")

    assert answer.status_code == 400 or running.calls_of("members") == 2


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
    ids: dict[str, Any], reason: str, running: Manager, sender: Sender
) -> None:
    """Its neighbours are stored; the sender hears how many were refused, and why."""
    good = one_call(f"good beside {reason} {ids}", 1)
    bad = replace(good, **ids)
    message = request([good, bad, bad])
    before = running.metric("manager_receiver_dropped_total", reason=reason)

    over_grpc = sender.raw(message.SerializeToString()).partial_success
    over_json = sender.post(as_json(message), JSON)

    assert (over_grpc.rejected_spans, reason in over_grpc.error_message) == (2, True)
    assert over_json.status_code == 200
    assert int(over_json.json()["partialSuccess"]["rejectedSpans"]) == 2
    assert running.metric("manager_receiver_dropped_total", reason=reason) - before == 4
    assert running.calls_of(good.service) == 1


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

    assert running.calls_of(f"sdk-{service}") == 700
