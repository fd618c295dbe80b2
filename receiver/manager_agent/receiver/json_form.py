"""OTLP/JSON -> the same bytes that OTLP/protobuf would have been."""

import json
import re
from base64 import b64encode
from binascii import unhexlify
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import ParseDict

from manager_agent.receiver.crowd import refuse_json_crowd
from manager_agent.receiver.signals import TRACES, Signal, SignalName
from manager_agent.receiver.wire import MalformedRequestError

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_IDS = frozenset(("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"))
_POINTS = ("dataPoints", "exemplars")
_HOLDERS: dict[SignalName, tuple[tuple[str, ...], ...]] = {
    "traces": (
        ("resourceSpans", "scopeSpans", "spans"),
        ("resourceSpans", "scopeSpans", "spans", "links"),
    ),
    "logs": (("resourceLogs", "scopeLogs", "logRecords"),),
    "metrics": tuple(
        ("resourceMetrics", "scopeMetrics", "metrics", kind, *_POINTS)
        for kind in ("gauge", "sum", "histogram", "exponentialHistogram")
    ),
}
"""Where ids are, as paths through the document."""


def protobuf_of(body: bytes, signal: Signal = TRACES) -> bytes:
    """Return an OTLP/JSON request of a signal as protobuf. Raises `MalformedRequestError`.

    OTLP writes ids in hex where protobuf's own JSON has base64; an id that is no hex becomes
    empty, so that its span alone is refused. Unknown fields are left out.
    """
    refuse_json_crowd(body)
    try:
        document = _document(body)
        for path in _HOLDERS[signal.name]:
            for holder in _at(document, path):
                _translate_ids(holder)
        message = ParseDict(document, signal.request(), ignore_unknown_fields=True)
        return bytes(message.SerializeToString())
    except Exception as error:
        raise MalformedRequestError(
            f"the body is no OTLP/JSON request of {signal.name} ({len(body)} bytes):"
            f" {str(error)[:200]}"
        ) from error


def _at(holder: dict[str, Any], path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield all objects that a path leads to."""
    if not path:
        yield holder
        return
    below = holder.get(path[0]) or holder.get(_snake(path[0])) or []
    for each in [below] if isinstance(below, dict) else below:
        yield from _at(each, path[1:])


def _document(body: bytes) -> Any:
    """Return what the JSON says; what is no text in it is replaced.

    Halves of surrogate pairs are none: JavaScript makes them where it cuts an emoji in the middle.
    """
    document = json.loads(body.decode("utf-8-sig", "replace"))
    if _SURROGATE.search(body) is None:
        return document
    text = json.dumps(document, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


def _translate_ids(holder: dict[str, Any]) -> None:
    for name in _IDS & holder.keys():
        holder[name] = _base64(holder[name])


def _base64(hexadecimal: Any) -> str:
    try:
        return b64encode(unhexlify(str(hexadecimal))).decode("ascii")
    except ValueError:
        return ""
