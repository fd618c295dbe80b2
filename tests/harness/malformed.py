"""Payloads that are wrong: real ones damaged, and some made to hurt; equal for equal seeds."""

import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.json_format import MessageToDict

from manager_agent.receiver.signals import Signal
from tests.harness.captures import CAPTURES, LAB, captures
from tests.harness.otlp import as_json, one_call, request

MIB = 2**20

_INTERESTING = (
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b", b"\x0c",
)  # fmt: skip
"""Bytes that break text, lengths, tags and numbers."""

_STRANGE_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, -(2**63), 10**400, 1e308, float("nan"), float("inf"), "", "\x00",
    "x" * 5000, "²", "\ud800", [], [[]], {}, {"": {}}, {"stringValue": 7}, {"intValue": "1e9"},
    {"kvlistValue": {"values": [{"key": None}]}}, {"arrayValue": {"values": [None]}},
)  # fmt: skip


@cache
def seeds() -> tuple[bytes, ...]:
    """Return real requests of every emitter, as protobuf."""
    cases = (*captures(CAPTURES), *captures(LAB))
    return tuple(case.payload for case in cases if len(case.payload) < 12 * 1024)


@cache
def json_seeds() -> tuple[bytes, ...]:
    """Return some of them as OTLP/JSON."""
    cases = [case for case in captures(CAPTURES) if len(case.payload) < 6 * 1024]
    return tuple(as_json(case.message) for case in cases[::3])


@cache
def seeds_of(signal: Signal) -> tuple[bytes, ...]:
    """Return real requests of logs or metrics, as protobuf."""
    return tuple(path.read_bytes() for path in sorted(CAPTURES.rglob(f"*.{signal.name}.pb")))


@cache
def json_seeds_of(signal: Signal) -> tuple[bytes, ...]:
    """Return them as protobuf's own JSON: ids are not hex, which is one more thing wrong."""
    messages = (signal.request.FromString(payload) for payload in seeds_of(signal))
    return tuple(json.dumps(MessageToDict(message)).encode() for message in messages)


def damaged(rng: random.Random, sound: tuple[bytes, ...]) -> bytes:
    """Return one of `sound` with a few of its bytes flipped, cut, moved, doubled or replaced."""
    data = bytearray(rng.choice(sound))
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if not data:
            break
        at = rng.randrange(len(data))
        match rng.randrange(7):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at:]
            case 2:
                other = rng.choice(sound)
                start = rng.randrange(len(other))
                data[at:] = other[start:]
            case 3:
                del data[at : at + rng.randrange(1, 64)]
            case 4:
                data[at:at] = rng.choice(_INTERESTING)
            case 5:
                data[at:at] = data[at : at + rng.randrange(1, 256)]
            case 6:
                data[at] = rng.randrange(256)
    return bytes(data)


def wrong_json(rng: random.Random, sound: tuple[bytes, ...]) -> bytes:
    """Return one of `sound` with values of other types, or with damaged text."""
    if rng.random() < 0.4:
        return damaged(rng, sound)
    document = json.loads(rng.choice(sound))
    for _ in range(rng.choice((1, 1, 2, 5))):
        holder, name = rng.choice(list(_places(document)))
        if rng.random() < 0.2:
            del holder[name]
            break  # the places after it have moved
        holder[name] = rng.choice(_STRANGE_VALUES)
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, inner in inside:
        yield value, name
        yield from _places(inner)


def number(value: int) -> bytes:
    """Return protobuf's varint."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(tag: int, inside: bytes) -> bytes:
    """Return a field of bytes, or a message in a message."""
    return number(tag << 3 | 2) + number(len(inside)) + inside


SPAN = (
    field(1, b"\x01" * 16)
    + field(2, b"\x02" * 8)
    + b"\x39"
    + (1_800_000_000_000_000_000).to_bytes(8, "little")
)
"""A span with ids and a start, and nothing else."""


def in_span(inside: bytes) -> bytes:
    """Return a request of one span that holds `inside`, too."""
    return field(1, field(2, field(2, SPAN + inside)))


def attribute(value: bytes, key: bytes = b"gen_ai.input.messages") -> bytes:
    """Return an attribute of a span; `value` is an AnyValue."""
    return field(9, field(1, key) + field(2, value))


def deep(levels: int, kind: int = 6) -> bytes:
    """Return a value nested so deep, in maps (6) or lists (5)."""
    value = b"\x08\x01"
    for _ in range(levels):
        inner = field(1, field(2, value)) if kind == 6 else field(1, value)
        value = field(kind, inner)
    return value


def hostile(mib: int) -> Iterator[tuple[str, bytes]]:
    """Yield named requests made to hurt, of up to `mib` MiB each."""
    much = mib * MIB
    many = much // 2 - 256
    chat = request([one_call("hostile", 1)]).SerializeToString()
    for levels in (50, 99, 101, 1000, 4000):
        yield f"maps {levels} deep", in_span(attribute(deep(levels)))
        yield f"lists {levels} deep", in_span(attribute(deep(levels, 5)))
    yield "empty resources", field(1, b"") * many
    yield "empty scopes", field(1, field(2, b"") * many)
    yield "empty spans", field(1, field(2, field(2, b"") * many))
    yield "tiny spans", field(1, field(2, field(2, SPAN) * (much // 64)))
    yield "empty attributes", in_span(field(9, b"") * many)
    yield "empty events", in_span(field(11, b"") * many)
    yield "empty links", in_span(field(13, b"") * many)
    yield "a list of nothing", in_span(attribute(field(5, field(1, b"") * many)))
    yield "a map of nothing", in_span(attribute(field(6, field(1, b"") * many)))
    yield "an event of nothing", in_span(field(11, field(2, b"exception") + field(3, b"") * many))
    nothing = field(5, field(1, b"") * many)
    yield "a resource of nothing", field(1, field(1, field(1, field(2, nothing))) + chat[2:])
    yield "groups", b"\x0b" * many
    yield "a long name", in_span(field(5, b"n" * (much // 2)))
    yield "a long key", in_span(attribute(b"\x08\x01", b"k" * (much // 2)))
    yield "a long text", in_span(attribute(field(1, b"t" * (much // 2))))
    yield (
        "a long scope",
        field(1, field(2, field(1, field(1, b"s" * (much // 2))) + field(2, SPAN))),
    )
    yield "a long status", in_span(field(15, field(2, b"s" * (much // 2)) + b"\x18\x02"))
    yield "no text", in_span(attribute(field(1, b"\xff\xfe\xed\xa0\x80")) + field(5, b"\xc0\x80"))
    yield "zeros in text", in_span(attribute(field(1, b"a\x00b")) + field(5, b"\x00"))
    yield "a length beyond the end", b"\x0a" + number(2**62) + chat
    yield "a length beyond numbers", b"\x0a" + b"\xff" * 20 + chat
    for start in (0, 1, 999, 2**62 - 1, 2**62, 2**63, 2**64 - 1):
        times = b"\x39" + start.to_bytes(8, "little") + b"\x41" + (2**64 - 1).to_bytes(8, "little")
        yield f"a start at {start}", in_span(times)
    yield (
        "absurd numbers",
        in_span(
            b"\x30" + number(2**64 - 1) + field(15, b"\x18" + number(2**63)) + b"\x41" + b"\xff" * 8
        ),
    )


def hostile_json() -> Iterator[tuple[str, bytes]]:
    """Yield named JSON texts made to hurt."""
    yield "lists 100,000 deep", b"[" * 100_000
    yield "closed lists 100,000 deep", b"[" * 100_000 + b"]" * 100_000
    yield "maps 100,000 deep", b'{"a":' * 100_000
    yield "4 million lists", b"[" + b"[]," * 4_000_000 + b"[]]"
    yield "a number of a million digits", b'{"resourceSpans": ' + b"9" * 1_000_000 + b"}"
    yield "half a pair", b'{"resourceSpans": [{"schemaUrl": "\\ud800"}]}'
    yield "no text", b'{"resourceSpans": "\xff\xfe"}'
    yield "another encoding", '{"resourceSpans": []}'.encode("utf-16")
    yield "nothing", b""
    yield "a number", b"7"
    yield "null", b"null"
    yield "NaN", b'{"resourceSpans": NaN}'
    yield "keys twice", b'{"resourceSpans": [], "resourceSpans": 7}'
    value = '{"arrayValue": {"values": [' * 2000 + '{"intValue": 1}' + "]}}" * 2000
    yield (
        "values 2,000 deep",
        (
            '{"resourceSpans": [{"resource": {"attributes": [{"key": "k", "value": '
            + value
            + "}]}}]}"
        ).encode(),
    )
