"""Pure: bytes of an OTLP trace request -> spans, with a count of what had to be refused."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceProto
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto

from manager_agent.contract.attributes import AGENT
from manager_agent.receiver.crowd import SMALL_BYTES, crowded, refuse_crowd
from manager_agent.receiver.home import at_home, told_by_several
from manager_agent.receiver.layout import Layout, Place
from manager_agent.receiver.shape import Found, Pair, Shape, Shapes
from manager_agent.receiver.simple import NOT_SIMPLE, head_of, is_head, simple_value
from manager_agent.receiver.span import Attributes, Event, Resource, Span
from manager_agent.receiver.values import text as short_text
from manager_agent.receiver.wire import WireScopeSpans, parse

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
LATEST_NS = 2**62
"""The year 2116: far beyond any clock, and still a time every column can hold."""
_MAX_EVENTS = 128
MOST_ATTRIBUTES = 4096
"""Attributes of one span or log record; further ones are left out and counted."""
_MOST_SHAPED = 256  # a shape of more attributes takes more to keep than to work out again
_MOST_CACHED_BYTES = 8 * 1024 * 1024
_CACHED_ENTRY_BYTES = 512  # what an entry takes besides its key
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
        self._shapes = Shapes()
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
        several = told_by_several(scope)
        for wire in scope_spans.spans:
            trace_id, span_id, start = wire.trace_id, wire.span_id, wire.start
            refused = refusal(trace_id, span_id, start)
            if refused:
                dropped[refused] += 1
                continue
            end, status = wire.end, wire.status
            name = _text(wire.name[:_LONGEST_NAME])
            own, shape = self._attributes(scope, name, wire.attributes, dropped)
            began = whole_micros(start)
            span = Span(
                trace_id.hex(),
                span_id.hex(),
                _parent(wire.parent_span_id),
                name,
                wire.kind,
                began,
                whole_micros(end) if start <= end < LATEST_NS else began,
                status.code,
                _text(status.message),
                scope,
                own,
                self._events(wire.events, dropped),
                resource,
                shape,
            )
            if several:
                span = span._replace(resource=at_home(resource, scope, span.attributes))
            yield span

    def _attributes(
        self, scope: str, name: str, wire: Sequence[bytes], dropped: Counter[str]
    ) -> tuple[Attributes, Shape | None]:
        """Return a span's own attributes and its shape; all and none where it has no shape."""
        raws = wire[:]
        if len(raws) > _MOST_SHAPED:
            return self._read(scope, name, raws, (), dropped)
        found = tuple(map(self._shapes.pairs.get, raws))
        layout = self._shapes.layout(scope, name, found)
        if layout is not None:
            own = layout.read(raws, read_pair)
            if own is not None:
                return own, layout.shape
        return self._read(scope, name, raws, found, dropped)

    def _read(
        self, scope: str, name: str, raws: Sequence[bytes], found: Found, dropped: Counter[str]
    ) -> tuple[Attributes, Shape | None]:
        """Read attributes one by one; there is no shape where a key comes twice or empty.

        `found`: those that are shared, nothing where a span has too many to have a shape.
        """
        if len(raws) > MOST_ATTRIBUTES:
            dropped["too_many_attributes"] += len(raws) - MOST_ATTRIBUTES
            raws = raws[:MOST_ATTRIBUTES]
        pairs: list[Pair] = []
        places: list[Place] = []
        varying: Attributes = {}
        for number, raw in enumerate(raws):
            pair = self._shapes.pairs.get(raw)
            if pair is None:
                read = self._one(raw)
                if read is None:
                    dropped["malformed_attribute"] += 1
                    continue
                key, value = read
                pair = self._shapes.share(raw, key, value)
                if pair is None:
                    varying[key] = value
                    places.append(Place(number, head_of(raw), key))
            if pair is not None:
                pairs.append(pair)
        if len(raws) > _MOST_SHAPED:
            return _in_order(raws), None
        shape = self._shapes.of(scope, name, tuple(pairs), tuple(varying))
        whole = len(shape.constants.keys() | varying.keys()) == len(raws)
        if not whole or None in varying.values():
            return _in_order(raws), None
        if len(pairs) == len(found) - found.count(None) and _by_head(places):
            self._shapes.lay_out(scope, name, found, Layout(tuple(places), shape))
        return varying, shape

    def _one(self, raw: bytes) -> tuple[str, Any] | None:
        """Return key and value of an attribute, as `read_pair` does."""
        head = head_of(raw)
        key = self._shapes.varying.get(head)
        value = NOT_SIMPLE if key is None else simple_value(raw, len(head))
        return read_pair(raw) if key is None or value is NOT_SIMPLE else (key, value)

    def _events(self, raws: Sequence[bytes], dropped: Counter[str]) -> tuple[Event, ...]:
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
            known = resource_of(attributes, raw)
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


def read_pair(raw: bytes) -> tuple[str, Any] | None:
    """Return key and value of an attribute, None where the bytes are none that could be used."""
    if len(raw) > SMALL_BYTES and crowded("pair", raw):
        return None
    try:
        read = KeyValue.FromString(raw)
        key = read.key
        return (key, plain(read.value)) if len(key) <= _LONGEST_KEY else None
    except (DecodeError, RecursionError):
        return None


def _in_order(raws: Sequence[bytes]) -> Attributes:
    """Return attributes of which some are malformed or repeated: the last of a key counts."""
    return dict(read for read in map(read_pair, raws) if read is not None)


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


def _by_head(places: Sequence[Place]) -> bool:
    """Tell whether each attribute begins with its key, as it nearly always does."""
    return all(is_head(head, key) for _, head, key in places)


def refusal(trace_id: bytes, span_id: bytes, start: int) -> str | None:
    """Return why a span cannot be taken, None where it can; `start` in nanoseconds since 1970."""
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return "invalid_trace_id"
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return "invalid_span_id"
    if not 0 < start < LATEST_NS:
        return "invalid_time"
    return None


def whole_micros(time_ns: int) -> int:
    """Cut to the store's precision, so that a span reads the same when it comes back from there."""
    return time_ns // 1000 * 1000


def _parent(raw: bytes) -> str:
    return raw.hex() if len(raw) == 8 and raw != _NO_SPAN else ""


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def resource_of(attributes: Attributes, raw: bytes) -> Resource:
    """Return who sent a request, `raw` being the resource's bytes."""

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
        agent=short_text(attributes.get(AGENT)),
    )
