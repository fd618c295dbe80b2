"""Pure: bytes of an OTLP logs request -> spans made of those records that tell of a call.

Such a span lies in the trace that the record names, below the span it was written in; it has the
record's attributes and goes the way of every span. Its id is a digest of what makes the record one
of its kind, so that it is the same span whenever it comes again.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import Any, Literal, Protocol, cast

from google.protobuf.message import DecodeError

from manager_agent.receiver.crowd import refuse_crowd
from manager_agent.receiver.decode import Decoded, whole_micros
from manager_agent.receiver.home import at_home
from manager_agent.receiver.pairs import attributes_of, scope_of, sender_of, text_of
from manager_agent.receiver.span import ERROR, LATEST_NS, Attributes, Resource, Span
from manager_agent.receiver.tables import table
from manager_agent.receiver.values import amount, count
from manager_agent.receiver.wire import (
    BYTES,
    FIXED64,
    MESSAGE,
    MalformedRequestError,
    request_class,
)

_Request = request_class(
    {
        "Request": [("resource_logs", 1, MESSAGE, True, "ResourceLogs")],
        "ResourceLogs": [
            ("resource", 1, BYTES, False, ""),
            ("scope_logs", 2, MESSAGE, True, "ScopeLogs"),
        ],
        "ScopeLogs": [
            ("scope", 1, BYTES, False, ""),
            ("log_records", 2, MESSAGE, True, "Record"),
        ],
        "Record": [
            ("time", 1, FIXED64, False, ""),
            ("body", 5, BYTES, False, ""),
            ("attributes", 6, BYTES, True, ""),
            ("trace_id", 9, BYTES, False, ""),
            ("span_id", 10, BYTES, False, ""),
            ("observed_time", 11, FIXED64, False, ""),
            ("event_name", 12, BYTES, False, ""),
        ],
    }
)
_LONGEST_NAME = 200
_TEXT_BEGINS = 2
"""A short text in an `AnyValue` comes after the field's number and the text's length."""
_LONGEST_CALL_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLD_BRIDGE = "opentelemetry-appender-tracing"
"""The scope of all records of older Rust programs; newer ones have the record's target there."""


class _Record(Protocol):
    time: int
    observed_time: int
    body: bytes
    attributes: list[bytes]
    trace_id: bytes
    span_id: bytes
    event_name: bytes


@dataclass(frozen=True, slots=True)
class _Event:
    """A row of `tables/events.toml`."""

    name: str
    names: frozenset[str]
    short_names: frozenset[str]
    scopes: tuple[str, ...]
    scope: str
    needs: frozenset[str]
    where: dict[str, list[str]]
    where_given: dict[str, list[str]]
    failed: bool
    if_any: tuple[str, ...]
    message: str
    duration: str


def decode_logs(payload: bytes) -> Decoded:
    """Return the spans that a request's records make. Raises `MalformedRequestError`."""
    refuse_crowd(payload, "logs")
    try:
        request = cast(Any, _Request).FromString(payload)
    except DecodeError as error:
        raise MalformedRequestError(
            f"the body is no protobuf ExportLogsServiceRequest ({len(payload)} bytes);"
            " check the exporter's protocol and endpoint"
        ) from error
    decoded = Decoded([])
    for resource_logs in request.resource_logs:
        resource = sender_of(resource_logs.resource, decoded.dropped)
        for scope_logs in resource_logs.scope_logs:
            scope = scope_of(scope_logs.scope)
            decoded.spans.extend(_spans(scope_logs.log_records, scope, resource, decoded.dropped))
    return decoded


def _spans(
    records: list[_Record], scope: str, resource: Resource, dropped: Counter[str]
) -> Iterator[Span]:
    for record in records:
        read = _read(record, scope, dropped)
        if read is None:
            dropped["log_of_no_call"] += 1
            continue
        event, attributes = read
        time_ns = _time_ns(record, attributes)
        if time_ns is None:
            dropped["invalid_time"] += 1
            continue
        told_in = scope if scope.startswith(event.scopes) else event.scope
        sender = at_home(resource, told_in, attributes)
        yield _span(event, record, (told_in, sender, time_ns), attributes)


def _read(record: _Record, scope: str, dropped: Counter[str]) -> tuple[_Event, Attributes] | None:
    """Return what a record tells, None where it tells of no call.

    Most records do not: their attributes are not even looked at.
    """
    names, scopes = _known()
    named = record.event_name in names or record.body[_TEXT_BEGINS:] in names
    if not named and scope and not scope.startswith(scopes):
        return None
    said = {record.event_name.decode("utf-8", "replace")}
    if len(record.body) <= _LONGEST_NAME:
        said.add(text_of(record.body))
    attributes = attributes_of(record.attributes, dropped)
    said.add(str(attributes.get("event.name", "")))
    for event in _events():
        if _fits(event, said, scope, attributes):
            return event, attributes
    return None


def _fits(event: _Event, said: set[str], scope: str, attributes: Attributes) -> bool:
    if not (said & event.names or (scope.startswith(event.scopes) and said & event.short_names)):
        return False
    if any(attributes.get(key) is None for key in event.needs):
        return False
    if any(str(attributes.get(key)) not in values for key, values in event.where.items()):
        return False
    if any(
        attributes.get(key) is not None and str(attributes[key]) not in values
        for key, values in event.where_given.items()
    ):
        return False
    if not event.if_any:
        return True
    status = count(attributes.get("http.response.status_code"))
    return (status or 0) >= 400 or any(attributes.get(key) for key in event.if_any)


def _span(
    event: _Event, record: _Record, told: tuple[str, Resource, int], attributes: Attributes
) -> Span:
    scope, resource, end_ns = told
    lasted_ms = amount(attributes.get(event.duration)) if event.duration else None
    lasted_ns = round(min(lasted_ms or 0.0, _LONGEST_CALL_MS) * 1e6)
    digest = _digest(event, resource, end_ns, attributes)
    in_trace = len(record.trace_id) == 16 and any(record.trace_id)
    in_span = in_trace and len(record.span_id) == 8 and any(record.span_id)
    return Span(
        trace_id=record.trace_id.hex() if in_trace else digest[:32],
        span_id=digest[32:],
        parent_id=record.span_id.hex() if in_span else "",
        name=event.name,
        kind=3,
        start_ns=max(1000, whole_micros(end_ns - lasted_ns)),
        end_ns=end_ns,
        status=ERROR if event.failed else 0,
        status_message=str(attributes.get(event.message, "")) if event.failed else "",
        scope=scope,
        own={**attributes, "event.name": event.name},
        events=(),
        resource=resource,
    )


def _digest(event: _Event, resource: Resource, end_ns: int, attributes: Attributes) -> str:
    """Return 48 hex digits that another record shares only if it is the same one, sent again.

    Neither resource nor scope count: a collector may add to them.
    """
    facts = sorted((key, repr(value)) for key, value in attributes.items())
    told = repr((event.name, resource.service, end_ns, facts))
    return blake2b(told.encode("utf-8", "replace"), digest_size=24).hexdigest()


def _time_ns(record: _Record, attributes: Attributes) -> int | None:
    """Return when a record was written: its own time, or the best that stands for it."""
    for time_ns in (record.time, record.observed_time):
        if 0 < time_ns < LATEST_NS:
            return whole_micros(time_ns)
    try:
        moment = datetime.fromisoformat(str(attributes.get("event.timestamp")))
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    time_ns = (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    return time_ns if 0 < time_ns < LATEST_NS else None


@cache
def _known() -> tuple[frozenset[bytes], tuple[str, ...]]:
    """Return the names of all events, and the scopes within which attributes may name them."""
    names = frozenset(name.encode() for event in _events() for name in event.names)
    scopes = {scope for event in _events() for scope in event.scopes}
    return names, (*scopes, _OLD_BRIDGE)


@cache
def _events() -> tuple[_Event, ...]:
    return tuple(_event(row) for row in table("events")["event"])


def _event(row: dict[str, Any]) -> _Event:
    def names(key: Literal["names", "short_names", "needs"]) -> frozenset[str]:
        return frozenset(row.get(key, []))

    return _Event(
        name=row["is"],
        names=names("names"),
        short_names=names("short_names"),
        scopes=tuple(row["scopes"]),
        scope=row["scope"],
        needs=names("needs"),
        where=row.get("where", {}),
        where_given=row.get("where_given", {}),
        failed=row.get("failed", False),
        if_any=tuple(row.get("if_any", [])),
        message=row.get("message", ""),
        duration=row.get("duration", ""),
    )
