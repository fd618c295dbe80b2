"""Layouts: where in a span of a known shape the attributes lie that differ from span to span.

An emitter writes the attributes of one kind of span in one order. So once a span was read, the next
one like it is told by its shared attributes alone, and what is between them is read where it is
expected, its key compared and not looked up. Whatever is not as expected is read anew.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, final

from manager_agent.receiver.simple import NOT_SIMPLE, simple_value
from manager_agent.receiver.span import Attributes

if TYPE_CHECKING:
    from manager_agent.receiver.shape import Shape

_MOST_TAUGHT = 32


class Place(NamedTuple):
    """One attribute that varies: its number in the span, how its bytes begin, and its key."""

    number: int
    head: bytes
    key: str


@final
class Layout:
    """Spans of one shape whose attributes come in one order.

    `taught`, `pupil`: how many patterns were made of such spans, and for whom.
    """

    __slots__ = ("places", "pupil", "shape", "taught")

    def __init__(self, places: tuple[Place, ...], shape: "Shape") -> None:
        self.places = places
        self.shape = shape
        self.pupil: object = None
        self.taught = 0

    def may_teach(self, pupil: object) -> bool:
        """Tell whether another pattern may be made for `pupil`, and count it: of spans that differ
        in their bytes each time it would be in vain."""
        if self.pupil is not pupil:
            self.pupil, self.taught = pupil, 0
        self.taught += 1
        return self.taught <= _MOST_TAUGHT

    def read(
        self, raws: Sequence[bytes], read_pair: Callable[[bytes], tuple[str, Any] | None]
    ) -> Attributes | None:
        """Return what varies of a span's attributes, None where one is not what was expected.

        `read_pair`: reads an attribute that is not simple.
        """
        values: Attributes = {}
        for number, head, key in self.places:
            raw = raws[number]
            if not raw.startswith(head):
                return None
            value = simple_value(raw, len(head), len(raw))
            if value is NOT_SIMPLE:
                read = read_pair(raw)
                if read is None or read[0] != key or read[1] is None:
                    return None
                value = read[1]
            values[key] = value
        return values
