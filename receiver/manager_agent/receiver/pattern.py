"""Patterns: the bytes that spans of one layout have in common, and where in them the rest lies.

An emitter writes spans of one kind alike, byte for byte, but for ids, times and what varies. So
once two such spans were read as protobuf, a third is told by its bytes: what is between two places
that vary is compared as a whole, and nothing of it is read. Every length that protobuf would go by
is checked on the way, so that a span that is taken is read as protobuf reads it; any other is left
to that. Patterns of one scope and span name are kept as a tree, since they begin alike.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from struct import Struct
from typing import Any, final

from manager_agent.receiver.known import Known
from manager_agent.receiver.layout import Place
from manager_agent.receiver.room import Room
from manager_agent.receiver.simple import NOT_SIMPLE, simple_value
from manager_agent.receiver.span import Resource, Span
from manager_agent.receiver.stencil import cut
from manager_agent.receiver.stencils import Stencils
from manager_agent.receiver.wire_walk import wire_fields

_NODE_BYTES = 1024  # what a place in the tree takes besides the bytes it compares
_STENCIL_BYTES = 4096  # what a stencil takes besides the bytes it compares
_MOST_FIELDS = (
    512  # of a span that is learnt: two bytes may be a field, and a stranger send millions
)
_MOST_WAYS = 32  # ways on from one place in the tree that are tried one after the other

_PARENT_TAG, _START_TAG, _END_TAG, _ATTRIBUTE_TAG = 0x22, 0x39, 0x41, 0x4A
_EVENTS, _LINKS = 11, 13
_ids = Struct("<2s16s2s8sB").unpack_from
_times = Struct("<QBQ").unpack_from
_TIMES = 17
_SHORTEST = 64


@final
class _Node:
    """A place in spans that have begun alike.

    `ends`: what may be left of a span, if nothing in it varies. `steps`: the bytes up to the next
    attribute that varies, with the ways to go on: how that attribute begins, its length and what
    comes behind it.
    """

    __slots__ = ("end_sizes", "ends", "sizes", "steps")

    def __init__(self) -> None:
        self.ends: dict[bytes, Known] = {}
        self.end_sizes: set[int] = set()
        self.steps: dict[bytes, list[tuple[bytes, int, _Node]]] = {}
        self.sizes: list[int] = []


@final
class Patterns:
    """All patterns of one scope.

    `keys`: attributes that one of them compares. `taken`: what they took of the room for all.
    """

    __slots__ = ("_names", "_room", "_stencils", "keys", "scope", "taken")

    def __init__(self, scope: str, room: Room) -> None:
        self.scope = scope
        self.keys: set[str] = set()
        self.taken = 0
        self._room = room
        self._take(_NODE_BYTES)
        self._names: dict[bytes, _Node] = {}
        self._stencils = Stencils()

    def read(
        self,
        raw: bytes,
        resource: Resource,
        read_pair: Callable[[bytes], tuple[str, Any] | None],
    ) -> Span | None:
        """Return the span that `raw` is, None where no pattern tells.

        `read_pair`: reads an attribute that is not simple.
        """
        stencil = self._stencils.find(raw)
        if stencil is not None:
            span = stencil.read(raw, resource)
            if span is not None:
                return span
        if len(raw) < _SHORTEST:
            return None
        first, trace_id, second, span_id, tag = _ids(raw)
        if first != b"\n\x10" or second != b"\x12\x08":
            return None
        at, parent = 28, b""
        if tag == _PARENT_TAG:
            if raw[29] != 8:
                return None
            at, parent = 38, raw[30:38]
        times = at + raw[at + 1] + 5
        node = self._names.get(raw[at:times])
        at = times + _TIMES
        if node is None or at > len(raw):
            return None
        start, tag, end = _times(raw, times)
        if tag != _END_TAG:
            return None
        values: list[Any] = []
        known = _follow(raw, at, node, values, read_pair)
        if known is None:
            return None
        self._cut(raw, known)
        own = dict(zip(known.keys, values, strict=True))
        return known.span(trace_id, span_id, parent, start, end, own, resource)

    def _cut(self, raw: bytes, known: Known) -> None:
        """Make a stencil for spans of this one's length, which the pattern knows."""
        stencil = None if self._room.full else cut(raw, known)
        if stencil is not None:
            self._stencils.put(stencil)
            self._take(_STENCIL_BYTES + 2 * len(raw))

    def learn(self, raw: bytes, places: Sequence[Place], span: Span) -> None:
        """Keep the pattern of a span that was read from `raw`; `places`: what varies in it."""
        shape = span.shape
        parts = _parts(raw, places)
        if parts is None or shape is None or self._room.full:
            return
        begins, chunks, tail = parts
        node = self._names.get(begins)
        if node is None:
            node = self._names[begins] = self._node(begins)
        for chunk, place in zip(chunks, places, strict=True):
            ways = node.steps.get(chunk)
            if ways is None:
                if len(chunk) not in node.sizes:
                    if len(node.sizes) >= _MOST_WAYS:
                        return
                    node.sizes = sorted([*node.sizes, len(chunk)], reverse=True)
                ways = node.steps[chunk] = []
            found = next((way for way in ways if way[0] == place.head), None)
            if found is None:
                if len(ways) >= _MOST_WAYS:
                    return
                found = place.head, len(place.head), self._node(chunk)
                ways.append(found)
            node = found[2]
        keys = tuple(place.key for place in places)
        node.ends[tail] = Known(keys, shape, span)
        node.end_sizes.add(len(tail))
        self._take(_NODE_BYTES + len(tail))
        self.keys |= shape.constants.keys()

    def _node(self, raw: bytes) -> _Node:
        self._take(_NODE_BYTES + len(raw))
        return _Node()

    def _take(self, size: int) -> None:
        self.taken += size
        self._room.taken += size


def _follow(
    raw: bytes,
    at: int,
    node: _Node,
    values: list[Any],
    read_pair: Callable[[bytes], tuple[str, Any] | None],
) -> Known | None:
    """Return what the span in `raw` is whose attributes begin at `at`, and put what varies into
    `values`; None where it is of no pattern below `node`."""
    size = len(raw)
    while True:
        if size - at in node.end_sizes:
            known = node.ends.get(raw[at:])
            if known is not None:
                return known
        for length in node.sizes:
            ways = node.steps.get(raw[at : at + length])
            if ways is not None:
                break
        else:
            return None
        at += length
        if at >= size:
            return None
        stop = raw[at]
        at += 1
        if stop > 127:
            stop, at = _length(raw, stop, at)
        stop += at
        if stop > size:
            return None
        for way in ways:
            if raw.startswith(way[0], at):
                break
        else:
            return None
        head, length, node = way
        value = simple_value(raw, at + length, stop)
        if value is NOT_SIMPLE:
            read = read_pair(raw[at:stop])
            if read is None or read[1] is None or read[0] != head[2:].decode():
                return None
            value = read[1]
        values.append(value)
        at = stop


def _length(raw: bytes, first: int, at: int) -> tuple[int, int]:
    """Return a length of two to four bytes and where it ends; more than there is where it is none.

    `first`: its first byte; the others are at `at`.
    """
    length, shift = first & 0x7F, 7
    for byte in raw[at : at + 3]:
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return length, at
        shift += 7
    return len(raw), at


_Parts = tuple[bytes, list[bytes], bytes]
"""From name to the times, up to each attribute that varies, and what comes behind the last."""


def _parts(raw: bytes, places: Sequence[Place]) -> _Parts | None:
    """Return what of a span does not vary, None where it is not in the usual order or holds what
    is not read by patterns."""
    fields = list(islice(wire_fields(raw), _MOST_FIELDS))
    if len(fields) == _MOST_FIELDS:
        return None
    numbers = [field.number for field in fields]
    before = 2 + (numbers[2:3] == [4])
    kinded = before + 2
    if numbers[:before] != [1, 2, 4][:before] or numbers[before : kinded + 2] != [5, 6, 7, 8]:
        return None
    begins, times, end = fields[before].start, fields[kinded].start, fields[kinded + 1]
    if times - begins != raw[begins + 1] + 4 or raw[times] != _START_TAG:
        return None
    if end.start != times + 9 or end.stop != times + 18:
        return None
    rest = fields[kinded + 2 :]
    if any(field.number < 9 or field.number in (_EVENTS, _LINKS) for field in rest):
        return None
    attributes = [field for field in rest if field.number == 9]
    if any(raw[field.start] != _ATTRIBUTE_TAG for field in attributes):
        return None
    chunks, last = [], end.stop
    for place in places:
        field = attributes[place.number]
        if not raw.startswith(place.head, field.value):
            return None
        chunks.append(raw[last : field.start + 1])
        last = field.stop
    return raw[begins : times + 1], chunks, raw[last:]
