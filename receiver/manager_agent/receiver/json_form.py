"""OTLP/JSON -> the same bytes that OTLP/protobuf would have been."""

import json
import re
from base64 import b64encode
from binascii import unhexlify
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from manager_agent.receiver.crowd import refuse_json_crowd
from manager_agent.receiver.wire import MalformedRequestError

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_IDS = frozenset(("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"))


def protobuf_of(body: bytes) -> bytes:
    """Return an OTLP/JSON trace request as protobuf. Raises `MalformedRequestError`.

    OTLP writes ids in hex where protobuf's own JSON has base64; an id that is no hex becomes
    empty, so that its span alone is refused. Unknown fields are left out.
    """
    refuse_json_crowd(body)
    try:
        document = _document(body)
        for span in _spans(document):
            _translate_ids(span)
        message = ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True)
        return message.SerializeToString()
    except Exception as error:
        raise MalformedRequestError(
            f"the body is no OTLP/JSON trace request ({len(body)} bytes): {str(error)[:200]}"
        ) from error


def _document(body: bytes) -> Any:
    """Return what the JSON says; what is no text in it is replaced.

    Halves of surrogate pairs are none: JavaScript makes them where it cuts an emoji in the middle.
    """
    document = json.loads(body.decode("utf-8-sig", "replace"))
    if _SURROGATE.search(body) is None:
        return document
    text = json.dumps(document, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _spans(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        span
        for resource_spans in _either(document, "resourceSpans", "resource_spans")
        for scope_spans in _either(resource_spans, "scopeSpans", "scope_spans")
        for span in scope_spans.get("spans") or []
    ]


def _either(holder: dict[str, Any], camel: str, snake: str) -> list[dict[str, Any]]:
    return holder.get(camel) or holder.get(snake) or []


def _translate_ids(span: dict[str, Any]) -> None:
    for holder in (span, *(span.get("links") or [])):
        for name in _IDS & holder.keys():
            holder[name] = _base64(holder[name])


def _base64(hexadecimal: Any) -> str:
    try:
        return b64encode(unhexlify(str(hexadecimal))).decode("ascii")
    except ValueError:
        return ""
