"""The signals of OTLP: where each is served, and what its messages are called."""

from dataclasses import dataclass
from typing import Any, Literal

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from manager_agent.receiver.answer import Accepted

SignalName = Literal["traces", "logs", "metrics"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal. `items`: what one of its requests holds, in words."""

    name: SignalName
    grpc_method: str
    http_path: str
    request: Any
    response: Any
    rejected: str
    items: str

    @property
    def service(self) -> str:
        """The name of the gRPC service."""
        return self.grpc_method.split("/")[1]

    def answer(self, accepted: Accepted) -> bytes:
        """Return the serialized response of an export; empty where all was taken."""
        if not accepted.rejected:
            return b""
        message = self.response()
        setattr(message.partial_success, self.rejected, accepted.rejected)
        message.partial_success.error_message = accepted.message
        return bytes(message.SerializeToString())


_SERVICE = "/opentelemetry.proto.collector"

TRACES = Signal(
    "traces",
    f"{_SERVICE}.trace.v1.TraceService/Export",
    "/v1/traces",
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
    "rejected_spans",
    "spans",
)
LOGS = Signal(
    "logs",
    f"{_SERVICE}.logs.v1.LogsService/Export",
    "/v1/logs",
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
    "rejected_log_records",
    "log records",
)
METRICS = Signal(
    "metrics",
    f"{_SERVICE}.metrics.v1.MetricsService/Export",
    "/v1/metrics",
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
    "rejected_data_points",
    "data points",
)

SIGNALS = (TRACES, LOGS, METRICS)
BY_NAME: dict[SignalName, Signal] = {signal.name: signal for signal in SIGNALS}
