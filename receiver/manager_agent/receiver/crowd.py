"""How many things a message holds, told before it is parsed: two bytes may make an object.

A parser turns each empty message of two bytes into an object of a hundred and more, so that a
request within the limit of bytes could still take all of the memory, and minutes of the one
thread that stores.
"""

from typing import Final

from manager_agent.receiver.wire import MalformedRequestError

MOST_ITEMS = 100_000
"""Spans, log records or data points of one request, with the resources and scopes around them.
Exporters send 512 at a time, collectors 8,192."""

MOST_VALUES = 20_000
"""Values inside one attribute, event or resource."""

MOST_JSON_VALUES = 3_000_000
"""Values of one JSON document, which take some hundred bytes each while it is read."""

SMALL_BYTES = 64 * 1024
"""What is no larger is not counted: the most it may hold takes a few MiB."""

_SMALL_REQUEST_BYTES = 512 * 1024
"""What 512 plain spans take; a request no larger may make some ten MiB of objects at worst."""

_DEEPEST = 100
"""Protobuf's parsers go no deeper."""

# message -> field number -> message in it; messages that are not named here are not counted
_INSIDE: Final[dict[str, dict[int, str]]] = {
    "traces": {1: "resource_items"},
    "logs": {1: "resource_items"},
    "resource_items": {2: "scope_items"},
    "scope_items": {2: "item"},
    "metrics": {1: "resource_metrics"},
    "resource_metrics": {2: "scope_metrics"},
    "scope_metrics": {2: "metric"},
    "metric": {5: "points", 7: "points", 9: "points", 10: "points", 11: "points"},
    "points": {1: "item"},
    "item": {},
    # Of every kind of data point: its attributes and exemplars, by the numbers of each kind.
    "point": {1: "pair", 5: "item", 7: "pair", 8: "item", 9: "pair", 11: "item"},
    "resource": {1: "pair"},
    "event": {3: "pair"},
    "pair": {2: "value"},
    "value": {5: "list", 6: "map"},
    "list": {1: "value"},
    "map": {1: "pair"},
}
_VARINT, _FIXED64, _LEN, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}


def refuse_crowd(payload: bytes, signal: str = "traces") -> None:
    """Raise `MalformedRequestError` where a request holds more than `MOST_ITEMS` things."""
    if len(payload) > _SMALL_REQUEST_BYTES and _holds_more(signal, payload, MOST_ITEMS):
        raise MalformedRequestError(
            f"the request holds more than {MOST_ITEMS:,} items, scopes and resources; lower the"
            " exporter's or the collector's batch size"
        )


def crowded(message: str, raw: bytes) -> bool:
    """Tell whether a `pair`, `event`, `resource` or `point` holds too many values."""
    return _holds_more(message, raw, MOST_VALUES)


def refuse_json_crowd(body: bytes) -> None:
    """Raise `MalformedRequestError` where a JSON text may hold too many values."""
    if sum(body.count(sign) for sign in (b"[", b"{", b",")) > MOST_JSON_VALUES:
        raise MalformedRequestError(
            f"the JSON holds more than {MOST_JSON_VALUES:,} values; send smaller batches, or"
            " protobuf"
        )


def _holds_more(message: str, data: bytes, most: int) -> bool:
    """Tell whether `message` in `data` holds more than `most` messages, at all depths.

    Bytes that make no sense end the count: a parser will not go beyond them either. Groups are no
    part of OTLP, and what is in one is counted as if it were not.
    """
    if len(data) <= SMALL_BYTES:
        return False
    count = 0
    at, end, inside = 0, len(data), _INSIDE[message]
    outer: list[tuple[int, dict[int, str]]] = []
    while True:
        while at >= end:
            if not outer:
                return False
            end, inside = outer.pop()
        tag = data[at]
        at += 1
        if tag > 0x7F:
            tag, at = _varint(data, at - 1)
        kind = tag & 7
        if kind == _LEN:
            few = data[at : at + 2]
            if len(few) == 2 and few[1] < 0x80 <= few[0]:  # as long as nearly all spans
                size = few[0] & 0x7F | few[1] << 7
                at += 2
            else:
                size, at = _varint(data, at)
            found = inside.get(tag >> 3)
            if found is not None:
                count += 1
            if found is not None and _INSIDE[found] and len(outer) < _DEEPEST:
                outer.append((end, inside))
                end, inside = min(end, at + size), _INSIDE[found]
            else:
                at += size
        elif kind == _VARINT:
            _, at = _varint(data, at)
        else:
            at += _FIXED.get(kind, 0)
            count += kind not in _FIXED
        if count > most:
            return True


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at` and where it ends; a broken one ends where `data` does."""
    value = shift = 0
    for byte in data[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, len(data)
