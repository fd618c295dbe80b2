"""OTLP trace requests on the wire: protobuf's own parser under a description cut down for speed.

The messages are those of opentelemetry-proto, field for field, but whatever repeats from span to
span (resource, scope, spans, attributes) is left as bytes, so that equal bytes are read only once
(`decode.py`, `pattern.py`). Text is left as bytes too: one bad character costs an attribute, not
the request.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_Field = descriptor_pb2.FieldDescriptorProto
BYTES, FIXED64, ENUM_AS_INT, MESSAGE = (
    _Field.TYPE_BYTES,
    _Field.TYPE_FIXED64,
    _Field.TYPE_INT32,
    _Field.TYPE_MESSAGE,
)

# message -> (field, number, type, repeated, message type)
_MESSAGES: dict[str, list[tuple[str, int, int, bool, str]]] = {
    "Request": [("resource_spans", 1, MESSAGE, True, "ResourceSpans")],
    "ResourceSpans": [
        ("resource", 1, BYTES, False, ""),
        ("scope_spans", 2, MESSAGE, True, "ScopeSpans"),
    ],
    "ScopeSpans": [("scope", 1, BYTES, False, ""), ("spans", 2, BYTES, True, "")],
    "Span": [
        ("trace_id", 1, BYTES, False, ""),
        ("span_id", 2, BYTES, False, ""),
        ("parent_span_id", 4, BYTES, False, ""),
        ("name", 5, BYTES, False, ""),
        ("kind", 6, ENUM_AS_INT, False, ""),
        ("start", 7, FIXED64, False, ""),
        ("end", 8, FIXED64, False, ""),
        ("attributes", 9, BYTES, True, ""),
        ("events", 11, BYTES, True, ""),
        ("status", 15, MESSAGE, False, "Status"),
    ],
    "Status": [("message", 2, BYTES, False, ""), ("code", 3, ENUM_AS_INT, False, "")],
}


class WireStatus(Protocol):
    """How a span ended."""

    message: bytes
    code: int


class WireSpan(Protocol):
    """A span whose attributes and events are still bytes."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: bytes
    kind: int
    start: int
    end: int
    attributes: Sequence[bytes]
    events: Sequence[bytes]
    status: WireStatus


class WireScopeSpans(Protocol):
    """Spans of one instrumentation scope; what `parse_span` reads."""

    scope: bytes
    spans: Sequence[bytes]


class WireResourceSpans(Protocol):
    """Spans of one resource."""

    resource: bytes
    scope_spans: Sequence[WireScopeSpans]


class WireRequest(Protocol):
    """An `ExportTraceServiceRequest`."""

    resource_spans: Sequence[WireResourceSpans]


def message_classes(
    messages: dict[str, list[tuple[str, int, int, bool, str]]], *wanted: str
) -> list[type]:
    """Return the classes of the `wanted` messages of such a description."""
    file = descriptor_pb2.FileDescriptorProto(
        name="manager_agent/receiver/wire.proto", package="manager_agent.receiver", syntax="proto3"
    )
    for message, fields in messages.items():
        described = file.message_type.add(name=message)
        for name, number, kind, repeated, inner in fields:
            field = described.field.add(
                name=name,
                number=number,
                type=cast(_Field.Type.ValueType, kind),
                label=_Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL,
            )
            if inner:
                field.type_name = f".manager_agent.receiver.{inner}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = [pool.FindMessageTypeByName(f"manager_agent.receiver.{name}") for name in wanted]
    return [cast(type, message_factory.GetMessageClass(descriptor)) for descriptor in found]


def request_class(messages: dict[str, list[tuple[str, int, int, bool, str]]]) -> type:
    """Return the class of the message `Request` of such a description."""
    [found] = message_classes(messages, "Request")
    return found


_Request, _Span = message_classes(_MESSAGES, "Request", "Span")
_Whole = request_class(
    {
        **_MESSAGES,
        "ScopeSpans": [("scope", 1, BYTES, False, ""), ("spans", 2, MESSAGE, True, "Span")],
    }
)


class MalformedRequestError(ValueError):
    """The bytes are no `ExportTraceServiceRequest`."""


def parse(payload: bytes) -> WireRequest:
    """Return the request that `payload` holds. Raises `MalformedRequestError`."""
    try:
        return cast(WireRequest, _Request.FromString(payload))  # type: ignore[attr-defined]
    except DecodeError as error:
        raise _malformed() from error


def every_span(payload: bytes) -> Iterator[WireSpan]:
    """Yield the spans of a request, all of it parsed. Raises `MalformedRequestError`."""
    try:
        whole = cast(Any, _Whole).FromString(payload)
    except DecodeError as error:
        raise _malformed() from error
    for resource_spans in whole.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            yield from scope_spans.spans


def parse_span(raw: bytes) -> WireSpan:
    """Return a span of a request. Raises `MalformedRequestError`."""
    try:
        return cast(WireSpan, _Span.FromString(raw))  # type: ignore[attr-defined]
    except DecodeError as error:
        raise _malformed() from error


def _malformed() -> MalformedRequestError:
    return MalformedRequestError(
        "the body is no protobuf ExportTraceServiceRequest; check the exporter's protocol and"
        " endpoint"
    )
