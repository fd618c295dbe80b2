"""Pure: bytes of an OTLP metrics request -> spans made of data points that sum up what calls used.

All points that make up one row lie in one trace of their own, whose id is a digest of run, model
and end; of a cumulative metric all points of run and model, since each counts on from the one
before. Such a span lasts as long as its point's interval and claims no call: `sums.py` makes rows.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any, cast

from google.protobuf.message import DecodeError
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
)

from manager_agent.contract import attributes as names
from manager_agent.contract.money import nano_usd
from manager_agent.receiver.changes import Arrived
from manager_agent.receiver.crowd import crowded, refuse_crowd
from manager_agent.receiver.decode import plain, whole_micros
from manager_agent.receiver.fact import Fact, SumFact
from manager_agent.receiver.fields import Fields
from manager_agent.receiver.home import at_home
from manager_agent.receiver.pairs import scope_of, sender_of
from manager_agent.receiver.span import LATEST_NS, Attributes, Resource, Span
from manager_agent.receiver.tables import table
from manager_agent.receiver.values import amount, count, text
from manager_agent.receiver.wire import (
    BYTES,
    ENUM_AS_INT,
    MESSAGE,
    MalformedRequestError,
    request_class,
)

_Request = request_class(
    {
        "Request": [("resource_metrics", 1, MESSAGE, True, "ResourceMetrics")],
        "ResourceMetrics": [
            ("resource", 1, BYTES, False, ""),
            ("scope_metrics", 2, MESSAGE, True, "ScopeMetrics"),
        ],
        "ScopeMetrics": [
            ("scope", 1, BYTES, False, ""),
            ("metrics", 2, MESSAGE, True, "Metric"),
        ],
        "Metric": [
            ("name", 1, BYTES, False, ""),
            ("gauge", 5, MESSAGE, False, "Points"),
            ("sum", 7, MESSAGE, False, "Points"),
            ("histogram", 9, MESSAGE, False, "Points"),
            ("exponential", 10, MESSAGE, False, "Points"),
            ("summary", 11, MESSAGE, False, "Points"),
        ],
        "Points": [
            ("points", 1, BYTES, True, ""),
            ("temporality", 2, ENUM_AS_INT, False, ""),
        ],
    }
)
_KINDS: dict[str, Any] = {
    "sum": NumberDataPoint,
    "histogram": HistogramDataPoint,
    "exponential": ExponentialHistogramDataPoint,
}
_DELTA, _CUMULATIVE = 1, 2
_NO_VALUE = 1  # the flag of a point that says its series has ended
_VARIANT = re.compile(r"\[[^\]]*\]$")  # claude-sonnet-4-5[1m]: the same model, a longer context


@dataclass(slots=True)
class Points:
    """What a request's points tell, and the number of those that tell nothing, by reason."""

    arrived: list[Arrived] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def decode_metrics(payload: bytes) -> Points:
    """Return the sums that a request's points tell. Raises `MalformedRequestError`."""
    refuse_crowd(payload, "metrics")
    try:
        request = cast(Any, _Request).FromString(payload)
    except DecodeError as error:
        raise MalformedRequestError(
            f"the body is no protobuf ExportMetricsServiceRequest ({len(payload)} bytes);"
            " check the exporter's protocol and endpoint"
        ) from error
    found = Points()
    for resource_metrics in request.resource_metrics:
        resource = sender_of(resource_metrics.resource, found.dropped)
        for scope_metrics in resource_metrics.scope_metrics:
            scope = scope_of(scope_metrics.scope)
            for metric in scope_metrics.metrics:
                found.arrived.extend(_arrived(metric, scope, resource, found.dropped))
    return found


def _arrived(
    metric: Any, scope: str, resource: Resource, dropped: Counter[str]
) -> Iterator[Arrived]:
    row = _rows().get(metric.name.decode("utf-8", "replace"))
    kind = next((kind for kind in _KINDS if metric.HasField(kind)), None)
    if row is None or kind is None:
        kinds = ("gauge", "sum", "histogram", "exponential", "summary")
        dropped["point_of_no_usage"] += sum(len(getattr(metric, kind).points) for kind in kinds)
        return
    points = getattr(metric, kind)
    if points.temporality not in (_DELTA, _CUMULATIVE):
        dropped["invalid_temporality"] += len(points.points)
        return
    told_in = scope if scope.startswith(row["scope"]) else row["scope"]
    for raw in points.points:
        try:
            if crowded("point", raw):
                raise DecodeError("it holds too much")
            point = _KINDS[kind].FromString(raw)
            attributes = {pair.key: plain(pair.value) for pair in point.attributes}
        except (DecodeError, RecursionError):
            dropped["invalid_point"] += 1
            continue
        told = _told(row, point, attributes)
        if isinstance(told, str):
            dropped[told] += 1
            continue
        sender = at_home(resource, told_in, attributes)
        if sender is resource:
            dropped["point_without_session"] += 1
            continue
        cumulative = points.temporality == _CUMULATIVE
        yield _one(row, point, (told_in, sender, cumulative), attributes, told)


def _told(row: dict[str, Any], point: Any, attributes: Attributes) -> tuple[str, int] | str:
    """Return the field that a point tells of and its value, or why it tells nothing."""
    if point.flags & _NO_VALUE:
        return "point_of_no_usage"
    if not 0 < point.time_unix_nano < LATEST_NS:
        return "invalid_time"
    name = row.get("field") or row["types"].get(str(attributes.get(row["type_key"])))
    if name is None:
        return "point_of_no_usage"
    value = _value(point)
    whole = nano_usd(usd) if name == "cost" and (usd := amount(value)) is not None else None
    tokens = whole if name == "cost" else count(value)
    if tokens is None:
        return "invalid_value"
    return (name, tokens) if tokens else "point_of_no_usage"


def _value(point: Any) -> int | float:
    if not isinstance(point, NumberDataPoint):
        return float(point.sum)
    return point.as_int if point.WhichOneof("value") == "as_int" else point.as_double


def _one(
    row: dict[str, Any],
    point: Any,
    told: tuple[str, Resource, bool],
    attributes: Attributes,
    value: tuple[str, int],
) -> Arrived:
    scope, resource, cumulative = told
    end_ns = whole_micros(point.time_unix_nano)
    start_ns = whole_micros(min(point.start_time_unix_nano, point.time_unix_nano)) or end_ns
    model = _VARIANT.sub("", text(attributes.get("model")) or "") or None
    since = point.start_time_unix_nano if cumulative else 0
    series = _digest(row["name"], sorted((k, repr(v)) for k, v in attributes.items()), since)[:16]
    stamp = text(attributes.get(names.AGENT)) or text(resource.attributes.get(names.AGENT))
    fields = Fields(attributes, scope)
    fact = Fact(
        role="sum",
        agent=stamp,
        stamped=stamp is not None,
        conversation_id=fields.first("conversation_id", text),
        user_id=fields.first("user_id", text),
        sum=SumFact(
            field=value[0],
            value=value[1],
            series=series,
            model=model,
            provider=row["provider"],
            cumulative=cumulative,
            within_ns=row["told_within_seconds"] * 10**9,
        ),
    )
    span = Span(
        trace_id=_digest(resource.service, resource.process, model, 0 if cumulative else end_ns),
        span_id=_digest(series, start_ns, end_ns)[:16],
        parent_id="",
        name=row["name"],
        kind=1,
        start_ns=start_ns,
        end_ns=end_ns,
        status=0,
        status_message="",
        scope=scope,
        own=attributes,
        events=(),
        resource=resource,
    )
    return Arrived(span, fact)


def _digest(*facts: object) -> str:
    return blake2b(repr(facts).encode("utf-8", "replace"), digest_size=16).hexdigest()


@cache
def _rows() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in table("metrics")["metric"]}
