"""Which stencil a span may be of: told by its length, and by single bytes where several have it."""

from typing import final

from manager_agent.receiver.stencil import Stencil

_DEEPEST = 8


@final
class Fork:
    """Stencils of one length, told apart by the byte at `at`."""

    __slots__ = ("at", "ways")

    def __init__(self, at: int, ways: "dict[int, Way]") -> None:
        self.at = at
        self.ways = ways


Way = Fork | Stencil


@final
class Stencils:
    """All stencils of one scope."""

    __slots__ = ("_of",)

    def __init__(self) -> None:
        self._of: dict[int, Way] = {}

    def find(self, raw: bytes) -> Stencil | None:
        """Return the one stencil that a span may be of, None where there is none."""
        found = self._of.get(len(raw))
        while type(found) is Fork:
            found = found.ways.get(raw[found.at])
        return found

    def put(self, new: Stencil) -> None:
        """Keep a stencil; it takes the place of one that no byte tells it from."""
        size = len(new.sample)
        self._of[size] = _with(self._of.get(size), new, _DEEPEST)


def _with(found: Way | None, new: Stencil, deeper: int) -> Way:
    """Return the way to `new` and to all that were `found` before, if they can be told apart."""
    if found is None:
        return new
    if isinstance(found, Fork):
        if not new.varies(found.at) and deeper:
            byte = new.sample[found.at]
            found.ways[byte] = _with(found.ways.get(byte), new, deeper - 1)
        return found
    at = _difference(found, new)
    return new if at is None else Fork(at, {found.sample[at]: found, new.sample[at]: new})


def _difference(one: Stencil, other: Stencil) -> int | None:
    """Return where two stencils differ for certain."""
    for at, (left, right) in enumerate(zip(one.sample, other.sample, strict=True)):
        if left != right and not one.varies(at) and not other.varies(at):
            return at
    return None
