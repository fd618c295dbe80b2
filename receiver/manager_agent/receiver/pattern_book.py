"""All patterns of one decoder, by scope, bounded: what comes in is a stranger's."""

from typing import final

from manager_agent.receiver.layout import Layout
from manager_agent.receiver.pattern import Patterns
from manager_agent.receiver.room import Room
from manager_agent.receiver.span import Span

_MOST_SCOPES = 1_000
_MOST_BYTES = 32 * 1024 * 1024


@final
class PatternBook:
    """The patterns of each scope; all are forgotten when they have taken up their `room`."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self.room = Room(most_bytes)
        self._of: dict[str, Patterns] = {}

    def of(self, scope: str) -> Patterns:
        """Return the patterns of a scope."""
        found = self._of.get(scope)
        if found is None or self.room.full:
            if len(self._of) >= _MOST_SCOPES or self.room.full:
                self.clear()
            found = self._of[scope] = Patterns(scope, self.room)
        return found

    def teach(self, raw: bytes, span: Span, layout: Layout) -> None:
        """Let the patterns of a span's scope learn how such a span looks; it was read from `raw`
        by `layout`."""
        patterns = self.of(span.scope)
        if layout.may_teach(patterns):
            patterns.learn(raw, layout.places, span)

    def forget(self, key: str) -> None:
        """Forget the scopes in which the value of an attribute called `key` is compared."""
        for scope in [scope for scope, patterns in self._of.items() if key in patterns.keys]:
            self.room.taken -= self._of.pop(scope).taken

    def clear(self) -> None:
        """Forget all."""
        self._of.clear()
        self.room.taken = 0
