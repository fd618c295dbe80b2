"""Protobuf's wire format for frozen records, in plain Python.

Protobuf's generated code runs only beside the runtime that it was generated for, and an agent's
frameworks pin theirs. The wire format is small and has not changed since 2008. A record says for
each field its number and kind, in place of a default:

    @dataclass(frozen=True, slots=True)
    class Fence:
        holder: str = text(1)

Absent is the default (proto3), unknown fields are skipped, and a message field that comes twice is
read as the last one says. Anything that is no such message raises `WireError`, nothing else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")

MAX_BYTES = 1 << 20
"""Most that one message may take; the largest that is ever sent has a few kilobytes."""

_MAX_DEPTH = 8
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MASK, _SIGN = (1 << 64) - 1, 1 << 63


class WireError(ValueError):
    """Bytes that are no message of the kind that was expected; the text says what was found."""


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    tag: bytes  # number and wire type, as they stand before each value
    write: Callable[[Any], int | bytes]  # a number is written as a varint
    read: Callable[[Any, int], Any]
    wire: int
    repeated: bool = False
    optional: bool = False  # None is absent; any value that is not None is written
    alone: bool = False  # one of a oneof: only the last that came is set
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    ordered: tuple[_Field, ...]
    values: Callable[[Any], Any]  # of all fields, in that order
    by_number: Mapping[int, _Field]
    defaults: Mapping[str, Any]
    alone: frozenset[str]


def text(number: int) -> Any:
    """Declare a `string`; "" by default."""
    return field(default="", metadata=_meta(number, str.encode, _text, _BYTES))


def texts(number: int) -> Any:
    """Declare a `repeated string`; a tuple, () by default."""
    return field(default=(), metadata=_meta(number, str.encode, _text, _BYTES, repeated=True))


def int64(number: int) -> Any:
    """Declare an `int64`; 0 by default."""
    return field(default=0, metadata=_meta(number, _int64, _signed, _VARINT))


def maybe_int64(number: int) -> Any:
    """Declare an `optional int64`; None by default."""
    return field(default=None, metadata=_meta(number, _int64, _signed, _VARINT, optional=True))


def uint64(number: int) -> Any:
    """Declare a `uint64`; 0 by default."""
    return field(default=0, metadata=_meta(number, _uint64, _unsigned, _VARINT))


def flag(number: int) -> Any:
    """Declare a `bool`; False by default."""
    return field(default=False, metadata=_meta(number, int, _bool, _VARINT))


def word(number: int, words: tuple[str, ...]) -> Any:
    """Declare an enum by its words, numbered from 0; the first is the default.

    A number that has no word yet, of a newer program, is read as the first.
    """
    numbers = {name: place for place, name in enumerate(words)}

    def read(value: int, depth: int) -> str:
        value = value & 0xFFFFFFFF  # protobuf keeps 32 bits of an enum
        return words[value] if value < len(words) else words[0]

    return field(default=words[0], metadata=_meta(number, numbers.__getitem__, read, _VARINT))


def message(number: int, kind: type[Any], alone: bool = False) -> Any:
    """Declare a message field; None by default. `alone`: one of the record's one oneof."""
    meta = _meta(number, encode, _message(kind), _BYTES, optional=True, alone=alone)
    return field(default=None, metadata=meta)


def messages(number: int, kind: type[Any] | Callable[[], type[Any]]) -> Any:
    """Declare a `repeated` message field; a tuple, () by default.

    `kind` may be a function that returns it, where it is not there yet.
    """
    return field(default=(), metadata=_meta(number, encode, _message(kind), _BYTES, repeated=True))


def counts(number: int) -> Any:
    """Declare a `map<string, int64>`; a mapping, empty by default."""
    meta = _meta(number, _entry, _read_entry, _BYTES, repeated=True)
    return field(default_factory=dict, metadata=meta)


def encode(record: Any) -> bytes:
    """Return `record` as bytes. Raises `WireError` where a value does not fit its field."""
    out = bytearray()
    plan = _plan(type(record))
    for one, value in zip(plan.ordered, plan.values(record), strict=True):
        if one.repeated:
            for item in value.items() if isinstance(value, Mapping) else value:
                _put(out, one, item)
        elif value is not None if one.optional else value != plan.defaults[one.name]:
            _put(out, one, value)
    return bytes(out)


def joined(first: bytes, others: Iterable[bytes], number: int) -> bytes:
    """Return an encoded message with others in its `repeated` message field `number`."""
    out = bytearray(first)
    for other in others:
        _number(out, number << 3 | _BYTES)
        _number(out, len(other))
        out += other
    return bytes(out)


def decode(kind: type[T], data: bytes) -> T:
    """Return the record that `data` holds. Raises `WireError`."""
    if len(data) > MAX_BYTES:
        raise WireError(f"{kind.__name__}: {len(data)} bytes, at most {MAX_BYTES} are read")
    return _decode(kind, data, _MAX_DEPTH)


def _decode(kind: type[T], data: bytes, depth: int) -> T:
    if not depth:
        raise WireError(f"{kind.__name__}: nested deeper than {_MAX_DEPTH}")
    plan = _plan(kind)
    values: dict[str, Any] = {}
    for number, wire, value in _items(data):
        one = plan.by_number.get(number)
        if one is None or wire != one.wire:
            continue  # of a newer program
        read = one.read(value, depth - 1)
        if one.repeated:
            values.setdefault(one.name, []).append(read)
            continue
        if one.alone:
            values = {name: kept for name, kept in values.items() if name not in plan.alone}
        values[one.name] = read
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = _settled(plan.defaults[name], value)
    return kind(**values)


def _items(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Yield number, wire type and value of each field, in order."""
    at, size = 0, len(data)
    while at < size:
        key = data[at]
        if key < 0x80:  # nearly always; so is a number or a length of one byte
            at += 1
        else:
            key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise WireError(f"field number {number} at byte {at}")
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == _BYTES:
            length = data[at] if at < size else 0x80
            if length < 0x80:
                at += 1
            else:
                length, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise WireError(f"wire type {wire} of field {number} at byte {at}")
        if length > size - at:
            raise WireError(f"field {number} at byte {at} ends behind the message")
        yield number, wire, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise WireError("a number ends behind the message")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, at
    raise WireError(f"a number of more than 10 bytes before byte {at}")


def _put(out: bytearray, one: _Field, value: Any) -> None:
    try:
        written = one.write(value)
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError, ValueError) as error:
        raise WireError(f"{one.name} = {value!r} cannot be written ({error!r})") from error
    out += one.tag
    if isinstance(written, int):
        _number(out, written)
    else:
        _number(out, len(written))
        out += written


def _number(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _meta(
    number: int,
    write: Callable[[Any], int | bytes],
    read: Callable[[Any, int], Any],
    wire: int,
    repeated: bool = False,
    optional: bool = False,
    alone: bool = False,
) -> Mapping[str, Any]:
    tag = bytearray()
    _number(tag, number << 3 | wire)
    return {"wire": _Field(number, bytes(tag), write, read, wire, repeated, optional, alone)}


_PLANS: dict[type[Any], _Plan] = {}


def _plan(kind: type[Any]) -> _Plan:
    """Return how `kind` is written and read, worked out once."""
    if kind not in _PLANS:
        named = (replace(one.metadata["wire"], name=one.name) for one in fields(kind))
        ordered = tuple(sorted(named, key=lambda one: one.number))
        _PLANS[kind] = _Plan(
            ordered=ordered,
            values=_all_values(tuple(one.name for one in ordered)),
            by_number={one.number: one for one in ordered},
            defaults={
                one.name: one.default if one.default_factory is MISSING else one.default_factory()
                for one in fields(kind)
            },
            alone=frozenset(one.name for one in ordered if one.alone),
        )
    return _PLANS[kind]


def _all_values(names: Sequence[str]) -> Callable[[Any], Any]:
    """Return what gets the attributes of these names, always as a tuple."""
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda record: (get(record),)


def _settled(default: Any, value: list[Any]) -> Any:
    return dict(value) if isinstance(default, Mapping) else tuple(value)


def _int64(value: int) -> int:
    if not -_SIGN <= value < _SIGN:
        raise ValueError("outside int64")
    return value & _MASK


def _uint64(value: int) -> int:
    if not 0 <= value <= _MASK:
        raise ValueError("outside uint64")
    return value


def _signed(value: int, depth: int) -> int:
    return value - (1 << 64) if value & _SIGN else value


def _unsigned(value: int, depth: int) -> int:
    return value


def _bool(value: int, depth: int) -> bool:
    return value != 0


def _text(value: bytes, depth: int) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise WireError(f"a text is no UTF-8: {error}") from error


def _message(kind: type[Any] | Callable[[], type[Any]]) -> Callable[[bytes, int], Any]:
    if isinstance(kind, type):
        return lambda value, depth: _decode(kind, value, depth)
    return lambda value, depth: _decode(kind(), value, depth)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a map is on the wire: a list of these."""

    key: str = text(1)
    value: int = int64(2)


def _entry(pair: tuple[str, int]) -> bytes:
    return encode(_Entry(*pair))


def _read_entry(value: bytes, depth: int) -> tuple[str, int]:
    entry = _decode(_Entry, value, depth)
    return entry.key, entry.value
