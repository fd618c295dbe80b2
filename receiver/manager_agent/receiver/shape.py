"""Shapes: spans of one emitter that differ in numbers, ids and free text only.

A fleet sends the same few kinds of span over and over. Whatever follows from what they share is
worked out once and kept with the shape; what varies is read off each span.
"""

from collections.abc import Collection
from typing import Any

from manager_agent.receiver.layout import Layout
from manager_agent.receiver.pattern_book import PatternBook
from manager_agent.receiver.simple import head_of, is_head
from manager_agent.receiver.span import Attributes

_MOST_SHAPES = 20_000
_MOST_ATTRIBUTES = 50_000
_LONGEST_KEPT = 160
_MOST_SHAPE_BYTES = 16 * 1024 * 1024  # names and keys of shapes, which are a stranger's, too
_MANY_VALUES = 64
"""A key with more values than this is taken to differ from span to span."""
_MANY_DECIDING = 1024
"""The same of a key that decides what a span is."""


class Pair:
    """One attribute that is shared by many spans. Equal only to itself, so that sets of them are
    compared and hashed by identity."""

    __slots__ = ("key", "value")

    def __init__(self, key: str, value: Any) -> None:
        self.key = key
        self.value = value


Found = tuple[Pair | None, ...]
"""The attributes of a span in their order, None for those that are not shared."""


class Shape:
    """What a family of spans has in common, and what was worked out from it.

    `constants`: the shared attributes; `varying`: keys whose values differ. `recipe` and `kept`
    belong to recognition (`recognise`) and to the door (`content`): their notes of what follows
    from the rest; None until they took some. `seen`: whether there was a second such span.
    """

    __slots__ = ("constants", "kept", "recipe", "seen", "varying")

    def __init__(self, constants: Attributes, varying: tuple[str, ...]) -> None:
        self.constants = constants
        self.varying = varying
        self.seen = False
        self.recipe: Any = None
        self.kept: Any = None


class Shapes:
    """All shapes and shared attributes of one decoder, bounded: what comes in is a stranger's.

    `deciding`: keys by whose values spans are told apart, even if there are many.
    """

    def __init__(self, deciding: Collection[str] = ()) -> None:
        self._deciding = deciding
        self.pairs: dict[bytes, Pair] = {}
        self.varying: dict[bytes, str] = {}
        """Keys whose values vary, by how an attribute of theirs begins: `0A`, length, key."""
        self._raws: dict[str, list[bytes]] = {}
        """What is shared of each key; nothing any more where there was too much."""
        self._shapes: dict[tuple[str, str, tuple[Pair, ...], tuple[str, ...]], Shape] = {}
        self._shape_bytes = 0
        self._layouts: dict[tuple[str, str, Found], Layout] = {}
        self._layout_bytes = 0
        self.book = PatternBook()

    def layout(self, scope: str, name: str, found: Found) -> Layout | None:
        """Return the layout of the last span with these shared attributes in this order."""
        return self._layouts.get((scope, name, found))

    def lay_out(self, scope: str, name: str, found: Found, layout: Layout) -> None:
        """Keep a layout; it takes the place of another one with the same shared attributes."""
        self._layout_bytes += len(scope) + len(name)
        if len(self._layouts) >= _MOST_SHAPES or self._layout_bytes > _MOST_SHAPE_BYTES:
            self._layouts.clear()
            self._layout_bytes = 0
        self._layouts[scope, name, found] = layout

    def of(self, scope: str, name: str, pairs: tuple[Pair, ...], varying: tuple[str, ...]) -> Shape:
        """Return the shape of a span."""
        key = scope, name, pairs, varying
        shape = self._shapes.get(key)
        if shape is None:
            self._shape_bytes += len(scope) + len(name) + sum(map(len, varying))
            if len(self._shapes) >= _MOST_SHAPES or self._shape_bytes > _MOST_SHAPE_BYTES:
                self._forget_shapes()
            constants = {pair.key: pair.value for pair in pairs}
            shape = self._shapes[key] = Shape(constants, varying)
        return shape

    def share(self, raw: bytes, key: str, value: Any) -> Pair | None:
        """Keep an attribute for other spans; None where its values vary too much for that."""
        if len(raw) > _LONGEST_KEPT or value is None:
            return None
        raws = self._raws.get(key)
        if raws is not None and len(raws) >= self._most(key):
            head = head_of(raw)
            if head not in self.varying and is_head(head, key):  # the fields may be the other way
                self.varying[head] = key
                self._vary(key, raws)
            return None
        if len(self.pairs) >= _MOST_ATTRIBUTES or len(self._raws) >= _MOST_ATTRIBUTES:
            self._forget()
            raws = None
        if raws is None:
            raws = self._raws[key] = []
        raws.append(raw)
        pair = self.pairs[raw] = Pair(key, value)
        return pair

    def _most(self, key: str) -> int:
        return _MANY_DECIDING if key in self._deciding else _MANY_VALUES

    def _vary(self, key: str, raws: list[bytes]) -> None:
        """Take back what was shared of a key that turns out to vary.

        Its first values come again now and then, and each made a shape of its own of the others.
        """
        if key in self._deciding:
            return
        for raw in raws:
            self.pairs.pop(raw, None)
        self.book.forget(key)

    def _forget(self) -> None:
        self.pairs.clear()
        self._raws.clear()
        self.varying.clear()
        self._forget_shapes()

    def _forget_shapes(self) -> None:
        """Forget all shapes, and what holds shapes."""
        self._shapes.clear()
        self._layouts.clear()
        self.book.clear()
        self._shape_bytes = self._layout_bytes = 0
