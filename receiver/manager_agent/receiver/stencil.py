"""Stencils: spans of one pattern in which each part has the same length, cut up in one go.

Ids, times and doubles are of one length always, and tokens and texts of few, so that most spans of
an emitter are of few stencils. What one cuts out is held against the bytes that do not vary, which
include all lengths that protobuf would go by.
"""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple, final

from manager_agent.receiver.known import Known
from manager_agent.receiver.span import Resource, Span
from manager_agent.receiver.wire_walk import FIXED64, LENGTH, varint, wire_fields

_MOST_CUT = 64  # stencils of spans that are alike; more than that vary too much in their lengths
_IN_VAIN = 32  # as many count for one span that cannot be cut: the next ones most likely cannot
_LONGEST_TEXT = 100  # what is longer is of another length each time
_LONGEST_NUMBER = 8
_VALUE, _TEXT, _NUMBER, _DOUBLE = 0x12, 0x0A, 0x18, 0x21
_IDS, _TIMES, _ATTRIBUTE = (1, 2, 4), (7, 8), 9
_ROOT_HOLES = 4  # what is cut out of every span: two ids, two times


class _Hole(NamedTuple):
    """What a stencil cuts out, from where to where, and how `struct` and we read it."""

    start: int
    stop: int
    code: str
    kind: int = 0


@final
class Stencil:
    """Cuts spans of one length up: every second part is the same in all of them.

    `sample`: one of them. `_small`, `_two`, `_long`, `_texts`: which of the values are numbers of
    one, two and more bytes, and texts.
    """

    __slots__ = ("_cut", "_fixed", "_holes", "_known", "_long", "_rooted", "_small", "_texts",
                 "_two", "sample")  # fmt: skip

    def __init__(self, raw: bytes, known: Known, holes: list[_Hole]) -> None:
        parts, last = ["<"], 0
        for hole in holes:
            parts += [f"{hole.start - last}s", hole.code]
            last = hole.stop
        self._cut = Struct("".join([*parts, f"{len(raw) - last}s"])).unpack
        self._fixed = self._cut(raw)[0::2]
        self._known = known
        self._holes = holes
        values = list(enumerate(holes[len(holes) - len(known.keys) :]))
        self._rooted = len(holes) - len(values) == _ROOT_HOLES
        self._small = tuple(n for n, hole in values if hole.code == "B")
        self._two = tuple(n for n, hole in values if hole.code == "H")
        self._long = tuple(
            n for n, hole in values if hole.kind == _NUMBER and hole.code.endswith("s")
        )
        self._texts = tuple(n for n, hole in values if hole.kind == _TEXT)
        self.sample = raw

    def varies(self, at: int) -> bool:
        """Tell whether a byte is one that is cut out."""
        return any(hole.start <= at < hole.stop for hole in self._holes)

    def read(self, raw: bytes, resource: Resource) -> Span | None:
        """Return the span that `raw`, which is of the same length, is; None where it is not."""
        parts = self._cut(raw)
        if parts[0::2] != self._fixed:
            return None
        if self._rooted:
            trace_id, span_id, start, end, *values = parts[1::2]
            parent = b""
        else:
            trace_id, span_id, parent, start, end, *values = parts[1::2]
        for n in self._texts:
            try:
                values[n] = values[n].decode()
            except UnicodeDecodeError:
                return None
        for n in self._two:
            both = values[n]
            if both & 0x8080 != 0x80:
                return None
            values[n] = both & 0x7F | both >> 1 & 0x3F80
        for n in self._small:
            if values[n] > 0x7F:
                return None
        for n in self._long:
            number = values[n]
            if number[-1] > 0x7F:
                return None
            values[n], stop = varint(number, 0)
            if stop != len(number):
                return None
        known = self._known
        own = dict(zip(known.keys, values, strict=True))
        return known.span(trace_id, span_id, parent, start, end, own, resource)


def cut(raw: bytes, known: Known) -> Stencil | None:
    """Return the stencil of a span that a pattern knows, None where it would serve no other."""
    known.cuts += 1
    if known.cuts > _MOST_CUT:
        return None
    holes = list(_holes(raw, frozenset(known.keys)))
    wanted = len(known.keys) + _ROOT_HOLES
    if len(holes) not in (wanted, wanted + 1) or any(not hole.code for hole in holes):
        known.cuts += _IN_VAIN
        return None
    return Stencil(raw, known, holes)


def _holes(raw: bytes, keys: frozenset[str]) -> Iterator[_Hole]:
    """Yield what varies; without a code where that is of a kind that is not cut out."""
    for field in wire_fields(raw):
        if field.number in _IDS:
            yield _Hole(field.value, field.stop, f"{field.stop - field.value}s")
        elif field.number in _TIMES and field.kind == FIXED64:
            yield _Hole(field.value, field.stop, "Q")
        elif field.number == _ATTRIBUTE and field.kind == LENGTH:
            behind = field.value + 2 + raw[field.value + 1]
            if raw[field.value + 2 : behind].decode("utf-8", "replace") in keys:
                yield _value(raw, behind, field.stop)


def _value(raw: bytes, at: int, stop: int) -> _Hole:
    """Return the value of an attribute whose key ends at `at`."""
    nothing = _Hole(at, stop, "")
    if at + 4 > stop or raw[at] != _VALUE:
        return nothing
    size, at = varint(raw, at + 1)
    if at + size != stop or not size:
        return nothing
    kind, at = raw[at], at + 1
    if kind == _DOUBLE and stop - at == 8:
        return _Hole(at, stop, "d", kind)
    if kind == _NUMBER and 1 <= stop - at <= _LONGEST_NUMBER:
        size = stop - at
        return _Hole(at, stop, {1: "B", 2: "H"}.get(size, f"{size}s"), kind)
    if kind == _TEXT and at < stop:
        size, at = varint(raw, at)
        if at + size == stop and 0 < size <= _LONGEST_TEXT:
            return _Hole(at, stop, f"{size}s", kind)
    return nothing
