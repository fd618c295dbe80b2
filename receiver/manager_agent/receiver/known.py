"""What spans of one pattern are, and how one of them is put together."""

from typing import TYPE_CHECKING, final

from manager_agent.receiver.span import LATEST_NS, Attributes, Resource, Span

if TYPE_CHECKING:
    from manager_agent.receiver.shape import Shape

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_new = tuple.__new__  # a NamedTuple's own constructor takes twice as long


@final
class Known:
    """What a span of a pattern is, besides ids, times and the values of `keys`.

    `cuts`: how many stencils were made of such spans.
    """

    __slots__ = ("_kind", "_name", "_shape", "_status", "cuts", "keys")

    def __init__(self, keys: tuple[str, ...], shape: "Shape", span: Span) -> None:
        self.keys = keys
        self.cuts = 0
        self._shape = shape
        self._name = span.name
        self._kind = span.kind
        self._status = span.status, span.status_message, span.scope

    def span(
        self,
        trace_id: bytes,
        span_id: bytes,
        parent: bytes,
        start: int,
        end: int,
        own: Attributes,
        resource: Resource,
    ) -> Span | None:
        """Return the span, None where its ids or times are to be refused; times in nanoseconds.

        `own`: the values of `keys`.
        """
        if trace_id == _NO_TRACE or span_id == _NO_SPAN or not 0 < start < LATEST_NS:
            return None
        began = start - start % 1000
        status, message, scope = self._status
        return _new(
            Span,
            (
                trace_id.hex(),
                span_id.hex(),
                "" if parent == _NO_SPAN else parent.hex(),
                self._name,
                self._kind,
                began,
                end - end % 1000 if start <= end < LATEST_NS else began,
                status,
                message,
                scope,
                own,
                (),
                resource,
                self._shape,
            ),
        )
