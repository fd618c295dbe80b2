"""What the merge window publishes, asks the store for, and gets back from it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from manager_agent.receiver.call import Call
from manager_agent.receiver.claim import (
    LONGEST_STREAM_NS,
    NEAR_NS,
    NOTHING_ABOVE,
    SAME_ID_NS,
    Claim,
    Key,
)
from manager_agent.receiver.claims import has_parts
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.home import told_by_several
from manager_agent.receiver.span import Span
from manager_agent.receiver.tool import ToolCall


class Due:
    """Versions that were published at one moment and are to be sealed together.

    `left`: how many of `names` are still open in this version.
    """

    __slots__ = ("at_ns", "left", "names")

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns
        self.left = 0
        self.names: list[str] = []


@dataclass(slots=True)
class Published:
    """The version of a call or tool call that the store holds; `due`: when it is to be sealed."""

    row: Call | ToolCall
    revision: int
    sealed: bool
    keys: tuple[Key, ...]
    changed_ns: int
    due: Due | None = None

    @property
    def name(self) -> str:
        """The call id, or the key of a tool call."""
        return name_of(self.row)


@dataclass(frozen=True, slots=True)
class Late:
    """A span that may have relatives which left the window; the store is asked for them."""

    trace_id: str
    start_ns: int
    end_ns: int
    scope: str
    process: str
    response_id: str | None
    call_id: str | None
    """`scope`, `process` and the two ids are empty but for claims and sums of calls."""

    @property
    def parted(self) -> bool:
        """Whether other claims of the same scope may be the same call."""
        return has_parts(self.scope)

    @property
    def slack_ns(self) -> int:
        """How far around its own time a claim of the same call may lie."""
        if told_by_several(self.scope):
            return SAME_ID_NS
        return LONGEST_STREAM_NS if self.parted else NEAR_NS


@dataclass(frozen=True, slots=True)
class Remembered:
    """A span as the store gives it back."""

    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    scope: str
    process: str
    service: str
    environment: str | None
    fact: Fact | None

    @property
    def claim(self) -> Claim | None:
        """The span's claim, None where it claims neither calls nor a tool call."""
        if self.fact is None or not self.fact.claims:
            return None
        return Claim(
            (self.trace_id, self.span_id),
            self.scope,
            self.process,
            self.service,
            self.environment,
            self.start_ns,
            self.end_ns,
            self.fact,
            NOTHING_ABOVE,
            self.parent_id,
        )

    @property
    def late(self) -> Late:
        """The span as one whose relatives are asked for."""
        return _late(self.trace_id, self, self.process, self.fact)


def late_of(span: Span, fact: Fact | None) -> Late:
    """Return what the store is asked about a span that comes late."""
    return _late(span.trace_id, span, span.resource.process, fact)


def torn(versions: Iterable[Published], claims: Mapping[Key, Claim]) -> Iterator[Late]:
    """Yield those of `claims` whose call more emitters told of than are in `claims`.

    A claim of another trace may have come long before, so that it was not recent any more.
    """
    for version in versions:
        here = [claims[key] for key in version.keys if key in claims]
        scopes = {claim.scope for claim in here}
        parted = len(here) == 1 and has_parts(here[0].scope)
        if isinstance(version.row, Call) and (
            parted or not scopes.issuperset(version.row.emitters.split(","))
        ):
            yield from (_late(each.key[0], each, each.process, each.fact) for each in here)


def _late(trace_id: str, of: Span | Remembered | Claim, process: str, fact: Fact | None) -> Late:
    call = fact.call if fact else None
    told = fact is not None and fact.told
    return Late(
        trace_id,
        of.start_ns,
        of.end_ns,
        of.scope if told else "",
        process if told else "",
        call.response_id if call else None,
        call.call_id if call else None,
    )


def name_of(row: Call | ToolCall) -> str:
    """Return the call id, or the key of a tool call."""
    return row.call_id if isinstance(row, Call) else row.key
