"""Which decorated functions a call is made in, so that it is counted once."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Within:
    """One call of a decorated function. `seen`: calls inside it that are known by other means."""

    __slots__ = ("_outer", "seen")

    def __init__(self) -> None:
        self.seen = 0
        self._outer: Within | None = None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be the innermost one inside the block, which may be one of several, one after another."""
        outer = _innermost.get()
        self._outer = outer
        _innermost.set(self)
        try:
            yield
        finally:
            # Not by token: a generator may be closed in another context than it was begun in.
            _innermost.set(outer)

    def _note(self) -> None:
        at: Within | None = self
        while at is not None:
            at.seen += 1
            at = at._outer


_innermost: ContextVar[Within | None] = ContextVar("manager_agent_within", default=None)


def note() -> None:
    """Say that the gate has seen a call here, sent or refused: decorators need not tell of it."""
    innermost = _innermost.get()
    if innermost is not None:
        innermost._note()
