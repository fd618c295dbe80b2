"""OTLP requests: made, split, and sent over real gRPC and HTTP."""

import gzip
import json
import random
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import grpc
import httpx
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF, JSON = "application/x-protobuf", "application/json"

Body = Literal["grpc", "protobuf", "json", "gzip"]
BODIES: tuple[Body, ...] = ("grpc", "protobuf", "json", "gzip")


@dataclass(frozen=True, slots=True)
class Sending:
    """A span to send, with the process and instrumentation it comes from.

    `start_ns`: nanoseconds since 1970 UTC. Ids are lowercase hex.
    """

    trace_id: str
    span_id: str
    start_ns: int
    name: str = "chat"
    parent_id: str = ""
    duration_ns: int = 50_000_000
    attributes: Mapping[str, Any] = field(default_factory=dict)
    scope: str = "test.emitter"
    service: str = "flow"
    process: str = "p1"
    error: str | None = None


def request(spans: Iterable[Sending]) -> ExportTraceServiceRequest:
    """Return one request that holds `spans`."""
    message = ExportTraceServiceRequest()
    for sent in spans:
        resource_spans = message.resource_spans.add()
        about = {"service.name": sent.service, "service.instance.id": sent.process}
        resource_spans.resource.attributes.extend(pairs(about))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = sent.scope
        scope_spans.spans.append(_span(sent))
    return message


def _span(sent: Sending) -> Span:
    span = Span(
        trace_id=bytes.fromhex(sent.trace_id),
        span_id=bytes.fromhex(sent.span_id),
        parent_span_id=bytes.fromhex(sent.parent_id),
        name=sent.name,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=sent.start_ns,
        end_time_unix_nano=sent.start_ns + sent.duration_ns,
        attributes=pairs(sent.attributes),
    )
    if sent.error is not None:
        span.status.code = 2  # type: ignore[assignment]  # ERROR
        span.status.message = sent.error
    return span


def pairs(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list() | tuple():
            return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    raise TypeError(f"no OTLP value: {value!r}")


def llm(
    model: str = "gpt-4o-mini", tokens: tuple[int, int] = (1000, 100), /, **more: Any
) -> dict[str, Any]:
    """Return the attributes of a chat call as the GenAI conventions name them, and `more`."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": tokens[0],
        "gen_ai.usage.output_tokens": tokens[1],
        **more,
    }


def one_call(service: str, seed: int, **more: Any) -> Sending:
    """Return a call of `service` that begins now; equal arguments give equal ids."""
    rng = random.Random(f"{service}{seed}")
    ids = hex_id(rng, 32), hex_id(rng, 16)
    return Sending(*ids, time.time_ns(), attributes=llm(**more), service=service)


def hex_id(rng: random.Random, digits: int) -> str:
    """Return a random id that is not zero."""
    return f"{rng.randrange(1, 16**digits):0{digits}x}"


def parts(
    message: ExportTraceServiceRequest, rng: random.Random, most_spans: int = 2
) -> list[ExportTraceServiceRequest]:
    """Return the spans of `message` shuffled and split over requests of `most_spans` at most."""
    single = []
    for resource_spans in message.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                one = ExportTraceServiceRequest()
                into = one.resource_spans.add()
                into.resource.CopyFrom(resource_spans.resource)
                scoped = into.scope_spans.add()
                scoped.scope.CopyFrom(scope_spans.scope)
                scoped.spans.append(span)
                single.append(one)
    rng.shuffle(single)
    pieces = []
    while single:
        piece = single.pop()
        for _ in range(rng.randrange(most_spans)):
            if single:
                piece.MergeFrom(single.pop())
        pieces.append(piece)
    return pieces


def as_json(message: ExportTraceServiceRequest) -> bytes:
    """Return OTLP/JSON: protobuf's own JSON but for the ids, which are hex."""
    document = MessageToDict(message)
    for resource_spans in document.get("resourceSpans", []):
        for scope_spans in resource_spans.get("scopeSpans", []):
            for span in scope_spans.get("spans", []):
                for holder in (span, *span.get("links", [])):
                    for name in ("traceId", "spanId", "parentSpanId"):
                        if name in holder:
                            holder[name] = b64decode(holder[name]).hex()
    return json.dumps(document).encode()


class Sender:
    """Sends to one manager, over both protocols; safe for use by several threads."""

    def __init__(self, where: Mapping[str, str]) -> None:
        self.traces_url = f"{where['otlp_http']}/v1/traces"
        self._channel = grpc.insecure_channel(
            where["otlp_grpc"],
            options=[
                ("grpc.enable_http_proxy", 0),
                ("grpc.max_send_message_length", -1),
                # A killed manager is back in a second or two: look often.
                ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.min_reconnect_backoff_ms", 50),
                ("grpc.max_reconnect_backoff_ms", 200),
            ],
        )
        self._export = self._channel.unary_unary(EXPORT)
        self.http = httpx.Client(timeout=60, trust_env=False)

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self.http.close()

    def raw(self, payload: bytes, timeout: float = 60.0) -> ExportTraceServiceResponse:
        """Send bytes over gRPC. Raises `grpc.RpcError`, which is also a `grpc.Call`."""
        return ExportTraceServiceResponse.FromString(self._export(payload, timeout=timeout))

    def post(self, body: bytes, kind: str = PROTOBUF, coding: str | None = None) -> httpx.Response:
        """Send bytes over HTTP."""
        headers = {"content-type": kind}
        if coding is not None:
            headers["content-encoding"] = coding
        return self.http.post(self.traces_url, content=body, headers=headers)

    def send(self, message: ExportTraceServiceRequest, body: Body = "grpc") -> int:
        """Send a request that must be taken; return how many of its spans were refused."""
        payload = message.SerializeToString()
        if body == "grpc":
            return int(self.raw(payload).partial_success.rejected_spans)
        if body == "json":
            answer = self.post(as_json(message), JSON)
            assert answer.status_code == 200, answer.text
            return int(answer.json().get("partialSuccess", {}).get("rejectedSpans", 0))
        packed = gzip.compress(payload) if body == "gzip" else payload
        answer = self.post(packed, PROTOBUF, "gzip" if body == "gzip" else None)
        assert answer.status_code == 200, answer.text
        response = ExportTraceServiceResponse.FromString(answer.content)
        return int(response.partial_success.rejected_spans)


def shuffled(
    messages: Sequence[ExportTraceServiceRequest], rng: random.Random
) -> list[tuple[ExportTraceServiceRequest, Body]]:
    """Return the requests in a random order, each with a way to send it."""
    order = [(message, rng.choice(BODIES)) for message in messages]
    rng.shuffle(order)
    return order


def refusal(send: Callable[[], object]) -> Any:
    """Return the `grpc.Call` with which `send` is refused."""
    try:
        send()
    except grpc.RpcError as refused:
        return refused
    raise AssertionError("it was not refused")
