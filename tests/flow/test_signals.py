"""Logs and metrics at a live manager: taken in every form, answered as OTLP asks, counted once."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import (
    OTLPLogExporter as GrpcLogExporter,
)
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcMetricExporter,
)
from opentelemetry.exporter.otlp.proto.http._log_exporter import (
    OTLPLogExporter as HttpLogExporter,
)
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpMetricExporter,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from manager_agent.receiver.signals import BY_NAME, SignalName
from tests.harness.deliver import FORMS, Courier, Form
from tests.harness.manager import Manager
from tests.harness.otlp import JSON, llm, one_call, pairs, refusal, request
from tests.harness.runs import CLAUDE, Made, Run

NOW_NS = 1_795_000_000 * 10**9
CALL = Made(NOW_NS, 10**9, "claude-sonnet-4-5", 100, 20, 3000, 50)


@pytest.fixture(scope="module")
def courier(running: Manager) -> Iterator[Courier]:
    with Courier(running.where) as found:
        yield found


def run(session: str, **given: Any) -> Run:
    return Run(CLAUDE, session, (CALL,), NOW_NS - 30 * 10**9, **given)


def tokens(running: Manager, session: str) -> list[tuple[int, ...]]:
    """Return the tokens of each call of a session."""
    query = "SELECT input_tokens, output_tokens FROM llm_calls WHERE conversation_id = ?"
    return [tuple(row.values()) for row in running.sql(query, session)]


def dropped(running: Manager, reason: str) -> float:
    return running.metric("manager_receiver_dropped_total", reason=reason)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_a_call_is_there_once_it_is_acknowledged(
    signal: SignalName, form: Form, running: Manager, courier: Courier
) -> None:
    session = f"{signal}-{form}"
    for payload in run(session).told(signal):
        answer = courier.deliver(payload, signal, form)
        assert answer in ({}, BY_NAME[signal].response())

    assert tokens(running, session) == [CALL.tokens[:2]]


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_a_malformed_request_is_refused_for_good(signal: SignalName, courier: Courier) -> None:
    refused = refusal(lambda: courier.raw(b"this is no protobuf", signal))
    over_http = courier.post(b"this is no protobuf", signal)
    as_json = courier.post(b'{"resourceLogs": 7, "resourceMetrics": 7}', signal, JSON)

    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"Export{signal.title()}ServiceRequest" in (refused.details() or "")
    assert (over_http.status_code, as_json.status_code) == (400, 400)
    assert Status.FromString(over_http.content).message


def test_a_record_without_a_time_is_refused_alone(running: Manager, courier: Courier) -> None:
    good, bad = (
        ExportLogsServiceRequest.FromString(run("timeless", traced=traced).told("logs")[0])
        for traced in (True, False)
    )
    bad.resource_logs[0].scope_logs[0].log_records[0].time_unix_nano = 0
    good.MergeFrom(bad)

    answer = courier.deliver(good.SerializeToString(), "logs")

    assert answer.partial_success.rejected_log_records == 1
    assert "log records: 1 x invalid_time" in answer.partial_success.error_message
    assert len(tokens(running, "timeless")) == 1


def test_a_point_without_sense_is_refused_alone(running: Manager, courier: Courier) -> None:
    message = ExportMetricsServiceRequest()
    for payload in run("senseless").told("metrics"):
        message.MergeFrom(ExportMetricsServiceRequest.FromString(payload))
    metric = message.resource_metrics[0].scope_metrics[0].metrics[0]
    for value in (float("nan"), float("inf"), -1.0):
        point = metric.sum.data_points.add()
        point.CopyFrom(metric.sum.data_points[0])
        point.as_double = value

    answer = courier.deliver(message.SerializeToString(), "metrics", "json")

    assert answer["partialSuccess"]["rejectedDataPoints"] == "3"
    assert "3 x invalid_value" in answer["partialSuccess"]["errorMessage"]
    assert tokens(running, "senseless") == [CALL.tokens[:2]]


def test_unknown_fields_are_ignored(running: Manager, courier: Courier) -> None:
    payload = run("unknown").told("logs")[0] + b"\xfa\x3f\x03abc"  # field 127, as bytes
    body = b'{"resourceLogs": [], "fromTheFuture": {"a": [1]}}'

    courier.deliver(payload, "logs")

    assert courier.post(body, "logs", JSON).status_code == 200
    assert len(tokens(running, "unknown")) == 1


def test_one_bad_character_costs_no_request(running: Manager, courier: Courier) -> None:
    """A record with text that is no UTF-8 is left out or cut; its neighbours are taken."""
    payload = run("utf8").told("logs")[0]
    broken = run("other").told("logs")[0].replace(b"claude_code.api_request", b"\xff" * 23)

    courier.deliver(payload + broken, "logs")

    assert len(tokens(running, "utf8")) == 1


@pytest.mark.parametrize("exporter", [GrpcLogExporter, HttpLogExporter])
def test_the_logs_of_any_program_are_no_error(
    exporter: Callable[..., Any], running: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenTelemetry's defaults export logs: they are taken, dropped and counted."""
    before = dropped(running, "log_of_no_call")
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(_made(exporter, running, "logs")))
    record = LogRecord(body="something happened", attributes={"input_tokens": 5})
    provider.get_logger("a.program").emit(record)
    provider.shutdown()

    assert dropped(running, "log_of_no_call") == before + 1
    assert not [r for r in caplog.records if r.name.startswith("opentelemetry.exporter")]


@pytest.mark.parametrize("exporter", [GrpcMetricExporter, HttpMetricExporter])
def test_the_metrics_of_any_program_are_no_error(
    exporter: Callable[..., Any], running: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    before = dropped(running, "point_of_no_usage")
    reader = PeriodicExportingMetricReader(_made(exporter, running, "metrics"))
    provider = MeterProvider([reader])
    meter = provider.get_meter("a.program")
    meter.create_counter("requests").add(3)
    meter.create_histogram("gen_ai.client.token.usage").record(500)
    meter.create_gauge("heat").set(1.0)

    assert provider.force_flush()
    provider.shutdown()

    assert dropped(running, "point_of_no_usage") >= before + 3
    assert not [r for r in caplog.records if r.name.startswith("opentelemetry.exporter")]


def _made(exporter: Callable[..., Any], running: Manager, signal: str) -> Any:
    if ".grpc." in exporter.__module__:
        return exporter(endpoint=running.where["otlp_grpc"], insecure=True)
    return exporter(endpoint=f"{running.where['otlp_http']}/v1/{signal}")


def test_genai_events_beside_a_span_are_not_counted_again(
    running: Manager, courier: Courier
) -> None:
    """`gen_ai.client.inference.operation.details` repeats what its span says."""
    sent = one_call("with-events", 1)
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add().scope_logs.add().log_records.add()
    record.time_unix_nano = sent.start_ns
    record.event_name = "gen_ai.client.inference.operation.details"
    record.trace_id, record.span_id = bytes.fromhex(sent.trace_id), bytes.fromhex(sent.span_id)
    record.attributes.extend(pairs({**llm(), "event.name": record.event_name}))

    for form in FORMS:
        courier.deliver(message.SerializeToString(), "logs", form)
    courier.deliver(request([sent]).SerializeToString(), "traces")

    rows = running.sql("SELECT input_tokens FROM llm_calls WHERE trace_id = ?", sent.trace_id)
    assert rows == [{"input_tokens": 1000}]
