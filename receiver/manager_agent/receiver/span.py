"""A span as it came in, decoded but not yet understood."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from manager_agent.receiver.shape import Shape

Attributes = dict[str, Any]
"""Values are str, bool, int, float, bytes, lists and dicts of these."""


class Resource(NamedTuple):
    """Who sent a span.

    `process` identifies the sending process: `service.instance.id`, else host and process id,
    else a digest of all the attributes. `agent`: whom our own attribute names.
    """

    service: str
    environment: str | None
    process: str
    attributes: Attributes
    agent: str | None = None


class Event(NamedTuple):
    """Something that happened inside a span; attributes are read of exceptions only."""

    name: str
    attributes: Attributes


class Span(NamedTuple):
    """One span. Ids are lowercase hex, times nanoseconds since 1970 in UTC.

    `parent_id` is empty at a root. `kind` and `status` are OTLP's numbers
    (kind 1 internal .. 5 consumer; status 0 unset, 1 ok, 2 error). `shape`: what the span shares
    with others, None where the decoder found nothing to share. `own`: the attributes that its shape
    does not tell; all of them where there is none.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    status_message: str
    scope: str
    own: Attributes
    events: tuple[Event, ...]
    resource: Resource
    shape: "Shape | None" = None

    @property
    def attributes(self) -> Attributes:
        """All attributes; put together anew each time, for few readers need the shared ones."""
        return self.own if self.shape is None else {**self.shape.constants, **self.own}

    def alone(self) -> "Span":
        """Return the span with all of its attributes and without a shape."""
        return self._replace(own=self.attributes, shape=None)


ERROR = 2
"""OTLP's status code for a failed span."""

LATEST_NS = 2**62
"""The year 2116: far beyond any clock, and still a time every column can hold."""
