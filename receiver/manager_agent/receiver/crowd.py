"""How many things a request holds, told before it is parsed: two bytes may make an object.

A parser turns each empty message of two bytes into an object of a hundred and more, so that a
request within the limit of bytes could still take all of the memory.
"""

from collections.abc import Iterator

from manager_agent.receiver.wire import MalformedRequestError

MOST_SPANS = 100_000
"""Spans of one request, with the resources and scopes around them. Exporters send 512 at a time,
collectors 8,192."""

MOST_JSON_VALUES = 3_000_000
"""Values of one JSON document, which take some hundred bytes each while it is read."""

_SMALL_BYTES = 256 * 1024
"""Requests up to this size are not counted: the most they may hold takes a few MiB."""

_LEVELS = (1, 2, 2)
"""Field numbers: a request's resource_spans, their scope_spans, their spans."""

_LEN = 2
_FIXED = {1: 8, 5: 4}


def refuse_crowd(payload: bytes) -> None:
    """Raise `MalformedRequestError` where a protobuf request holds more than `MOST_SPANS` things.

    Bytes that make no sense end the count: a parser will not go beyond them either.
    """
    if len(payload) <= _SMALL_BYTES:
        return
    for count, _ in enumerate(_messages(payload, 0, len(payload), 0), 1):
        if count > MOST_SPANS:
            raise MalformedRequestError(
                f"the request holds more than {MOST_SPANS:,} spans, scopes and resources; lower"
                " the exporter's or the collector's batch size"
            )


def refuse_json_crowd(body: bytes) -> None:
    """Raise `MalformedRequestError` where a JSON text may hold too many values."""
    if sum(body.count(sign) for sign in (b"[", b"{", b",")) > MOST_JSON_VALUES:
        raise MalformedRequestError(
            f"the JSON holds more than {MOST_JSON_VALUES:,} values; send smaller batches, or"
            " protobuf"
        )


def _messages(data: bytes, at: int, end: int, level: int) -> Iterator[None]:
    """Yield once for each message of the levels below, in `data[at:end]`."""
    wanted = _LEVELS[level] << 3 | _LEN
    while at < end:
        tag, at = _varint(data, at, end)
        kind = tag & 7
        if kind == _LEN:
            size, at = _varint(data, at, end)
            if tag == wanted:
                yield
                if level + 1 < len(_LEVELS):
                    yield from _messages(data, at, min(end, at + size), level + 1)
            at += size
        elif kind == 0:
            _, at = _varint(data, at, end)
        else:  # groups are no part of OTLP, and what they hold is not counted: two bytes again
            if kind not in _FIXED:
                yield
            at += _FIXED.get(kind, 0)


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the number at `at` and where it ends; a broken one ends where `data` does."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, end
