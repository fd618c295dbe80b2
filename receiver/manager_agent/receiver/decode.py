"""Pure: bytes of an OTLP trace request -> spans, with a count of what had to be refused."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceProto
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto

from manager_agent.receiver.crowd import crowded, refuse_crowd
from manager_agent.receiver.span import Attributes, Event, Resource, Span
from manager_agent.receiver.wire import WireScopeSpans, WireSpan, parse

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_LATEST_NS = 2**62  # the year 2116: far beyond any clock, and still a time every column can hold
_MAX_EVENTS = 128
_CACHED_BYTES = 160
_CACHE_ENTRIES = 50_000
_MOST_CACHED_BYTES = 8 * 1024 * 1024
_CACHED_ENTRY_BYTES = 512  # what an entry takes besides its key
_MOST_ATTRIBUTES = 4096
_LONGEST_KEY = 256  # keys are remembered to recognise spans by, and come from strangers
_LONGEST_NAME = 1024


@dataclass(slots=True)
class Decoded:
    """Spans of one request and the number of items refused, by reason."""

    spans: list[Span]
    dropped: Counter[str] = field(default_factory=Counter)


class Decoder:
    """Reads requests; keeps what repeats (resources, scopes, attributes) by their bytes.

    Not safe for use by several threads at once.
    """

    def __init__(self) -> None:
        self._attributes: dict[bytes, tuple[str, Any]] = {}
        self._varying: dict[str, bool] = {}
        self._resources: dict[bytes, Resource] = {}
        self._scopes: dict[bytes, str] = {}
        self._cached_bytes = 0

    def decode(self, payload: bytes) -> Decoded:
        """Return the spans of a request. Raises `MalformedRequestError` where it is none."""
        refuse_crowd(payload)
        decoded = Decoded([])
        for resource_spans in parse(payload).resource_spans:
            resource = self._resource(resource_spans.resource, decoded.dropped)
            for scope_spans in resource_spans.scope_spans:
                decoded.spans.extend(self._spans(scope_spans, resource, decoded.dropped))
        return decoded

    def _spans(
        self, scope_spans: WireScopeSpans, resource: Resource, dropped: Counter[str]
    ) -> Iterator[Span]:
        scope = self._scope(scope_spans.scope)
        for wire in scope_spans.spans:
            refused = _refusal(wire)
            if refused:
                dropped[refused] += 1
                continue
            start = _whole_micros(wire.start)
            end = _whole_micros(wire.end) if wire.start <= wire.end < _LATEST_NS else start
            status = wire.status
            yield Span(
                trace_id=wire.trace_id.hex(),
                span_id=wire.span_id.hex(),
                parent_id=_parent(wire.parent_span_id),
                name=_text(wire.name[:_LONGEST_NAME]),
                kind=wire.kind,
                start_ns=start,
                end_ns=end,
                status=status.code,
                status_message=_text(status.message),
                scope=scope,
                attributes=self._pairs(wire.attributes, dropped),
                events=self._events(wire.events, status.code, dropped),
                resource=resource,
            )

    def _pairs(self, raws: Any, dropped: Counter[str]) -> Attributes:
        cache = self._attributes
        pairs: Attributes = {}
        if len(raws) > _MOST_ATTRIBUTES:
            dropped["too_many_attributes"] += len(raws) - _MOST_ATTRIBUTES
            raws = raws[:_MOST_ATTRIBUTES]
        for raw in raws:
            pair = cache.get(raw)
            if pair is None:
                pair = self._pair(raw)
                if pair is None:
                    dropped["malformed_attribute"] += 1
                    continue
            pairs[pair[0]] = pair[1]
        return pairs

    def _pair(self, raw: bytes) -> tuple[str, Any] | None:
        if crowded("pair", raw):
            return None
        try:
            read = KeyValue.FromString(raw)
            pair = (read.key, plain(read.value))
        except (DecodeError, RecursionError):
            return None
        if len(pair[0]) > _LONGEST_KEY:
            return None
        if len(raw) <= _CACHED_BYTES and not self._varies(pair[0]):
            if len(self._attributes) >= _CACHE_ENTRIES:
                self._attributes.clear()
            self._attributes[raw] = pair
        return pair

    def _varies(self, key: str) -> bool:
        """Tell whether values under `key` differ from span to span: keeping them is waste."""
        known = self._varying.get(key)
        if known is None:
            lowered = key.lower()
            known = any(part in lowered for part in ("token", "usage", ".id", "_id", "time", "dur"))
            if len(self._varying) < _CACHE_ENTRIES:
                self._varying[key] = known
        return known

    def _events(self, raws: Any, status: int, dropped: Counter[str]) -> tuple[Event, ...]:
        if not raws:
            return ()
        events = []
        for raw in raws[:_MAX_EVENTS]:
            try:
                event = None if crowded("event", raw) else SpanProto.Event.FromString(raw)
            except DecodeError:
                event = None
            if event is None:
                dropped["malformed_event"] += 1
                continue
            wanted = event.name == "exception"
            pairs = {pair.key: plain(pair.value) for pair in event.attributes} if wanted else {}
            events.append(Event(event.name, pairs))
        return tuple(events)

    def _resource(self, raw: bytes, dropped: Counter[str]) -> Resource:
        known = self._resources.get(raw)
        if known is None:
            attributes: Attributes = {}
            try:
                if crowded("resource", raw):
                    raise DecodeError("it holds too much")
                read = ResourceProto.FromString(raw)
                attributes = {pair.key: plain(pair.value) for pair in read.attributes}
            except DecodeError:
                dropped["malformed_resource"] += 1
            known = _resource(attributes, raw)
            self._make_room(raw)
            self._resources[raw] = known
        return known

    def _make_room(self, raw: bytes) -> None:
        """Forget all resources and scopes where another one of `raw` would be too much."""
        self._cached_bytes += len(raw) + _CACHED_ENTRY_BYTES
        if self._cached_bytes > _MOST_CACHED_BYTES:
            self._resources.clear()
            self._scopes.clear()
            self._cached_bytes = len(raw) + _CACHED_ENTRY_BYTES

    def _scope(self, raw: bytes) -> str:
        known = self._scopes.get(raw)
        if known is None:
            try:
                known = InstrumentationScope.FromString(raw).name[:_LONGEST_NAME]
            except DecodeError:
                known = ""
            self._make_room(raw)
            self._scopes[raw] = known
        return known


def plain(value: AnyValue) -> Any:
    """Return an OTLP value as plain Python: str, bool, int, float, bytes, list or dict."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: plain(pair.value) for pair in value.kvlist_value.values}
    return getattr(value, kind)


def _refusal(wire: WireSpan) -> str | None:
    if len(wire.trace_id) != 16 or wire.trace_id == _NO_TRACE:
        return "invalid_trace_id"
    if len(wire.span_id) != 8 or wire.span_id == _NO_SPAN:
        return "invalid_span_id"
    if not 0 < wire.start < _LATEST_NS:
        return "invalid_time"
    return None


def _whole_micros(time_ns: int) -> int:
    """Cut to the store's precision, so that a span reads the same when it comes back from there."""
    return time_ns // 1000 * 1000


def _parent(raw: bytes) -> str:
    return raw.hex() if len(raw) == 8 and raw != _NO_SPAN else ""


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _resource(attributes: Attributes, raw: bytes) -> Resource:
    def text(key: str) -> str:
        value = attributes.get(key)
        return "" if value is None else str(value)

    process = text("service.instance.id")
    if not process and text("process.pid"):
        process = f"{text('host.name') or text('host.id')}:{text('process.pid')}"
    return Resource(
        service=text("service.name") or "unknown_service",
        environment=text("deployment.environment.name") or text("deployment.environment") or None,
        process=process or blake2b(raw, digest_size=8).hexdigest(),
        attributes=attributes,
    )
