"""Traces in the merge window: who is whose parent, and what a span's ancestors say."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from manager_agent.receiver.changes import Arrived
from manager_agent.receiver.claim import NOTHING_ABOVE, Above, Claim, Key
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.remembered import Remembered
from manager_agent.receiver.span import Resource

_DEEPEST = 512


class Trace:
    """The spans of one trace that the window remembers.

    `trace_id`: the one text that all keys of it share. `spans`: span id -> parent id, or
    (parent id, fact) for GenAI spans. `above`: span id -> what
    it and its ancestors say to its children, once all of them are known. `touched_ns`: when the
    last one arrived. `known_from_ns`: spans that started earlier may have relatives in the store
    that are not here. `latest_ns`: the latest end seen, by sending process.
    """

    __slots__ = ("above", "known_from_ns", "latest_ns", "spans", "touched_ns", "trace_id")

    def __init__(self, trace_id: str, now_ns: int, known_from_ns: int) -> None:
        self.trace_id = trace_id
        self.spans: dict[str, str | tuple[str, Fact]] = {}
        self.above: dict[str, Above] = {}
        self.touched_ns = now_ns
        self.known_from_ns = known_from_ns
        self.latest_ns: dict[str, int] = {}


class Taken(NamedTuple):
    """Spans that arrived and were not here yet, in their order.

    `touched`: what claims have to be looked at: those of new spans, with the span; None for those
    that waited for one.
    """

    fresh: list[Arrived]
    touched: dict[Key, Arrived | None]

    def are_new(self, claims: Iterable[Claim]) -> bool:
        """Tell whether all claims are those of spans that arrived now."""
        for claim in claims:  # noqa: SIM110 - asked for each claim, and a generator costs more
            if self.touched.get(claim.key) is None:
                return False
        return True


class Ancestry:
    """All traces of the window, least recently touched first."""

    def __init__(self) -> None:
        self.traces: OrderedDict[str, Trace] = OrderedDict()
        self.size = 0
        self._waiting: dict[Key, set[Key]] = {}

    def known(self, trace_id: str, span_id: str) -> bool:
        """Tell whether the span is here already."""
        trace = self.traces.get(trace_id)
        return trace is not None and span_id in trace.spans

    def take(
        self, arrived: Iterable[Arrived], now_ns: int, known_ns: Callable[[str, str], int]
    ) -> Taken:
        """Remember those of the spans that are new.

        `known_ns`: for a trace and process that are new here: spans that started earlier may be in
        the store.
        """
        fresh: list[Arrived] = []
        touched: dict[Key, Arrived | None] = {}
        waiting = self._waiting
        last: str | None = None
        resource: Resource | None = None
        trace: Trace | None = None
        for each in arrived:  # spans of a trace come together, and those of a process
            span, fact = each
            trace_id, span_id = span.trace_id, span.span_id
            if trace_id != last:
                last, trace, moved = trace_id, self.traces.get(trace_id), False
            if trace is not None and span_id in trace.spans:
                continue
            if span.resource is not resource:
                resource = span.resource
                process = resource.process
            if trace is None or not moved:
                trace, moved = self._touch(trace_id, trace, now_ns, known_ns, process), True
            fresh.append(each)
            parent, end_ns = span.parent_id, span.end_ns
            if end_ns > trace.latest_ns.get(process, 0):
                trace.latest_ns[process] = end_ns
            trace.spans[span_id] = parent if fact is None else (parent, fact)
            if waiting:
                touched.update(dict.fromkeys(waiting.pop((trace_id, span_id), ())))
            if fact is not None and (fact.call is not None or fact.claims):
                touched[trace.trace_id, span_id] = each
        self.size += len(fresh)
        return Taken(fresh, touched)

    def _touch(
        self,
        trace_id: str,
        trace: Trace | None,
        now_ns: int,
        known_ns: Callable[[str, str], int],
        process: str,
    ) -> Trace:
        """Return a trace, made where there is none, as the one that was touched last."""
        if trace is None:
            trace = self.traces[trace_id] = Trace(trace_id, now_ns, known_ns(trace_id, process))
            return trace
        trace.touched_ns = max(trace.touched_ns, now_ns)
        self.traces.move_to_end(trace_id)
        return trace

    def take_back(self, span: Remembered, now_ns: int) -> None:
        """Remember a span that the store gives back and that is not here."""
        trace = self.traces.get(span.trace_id)
        trace = self._touch(span.trace_id, trace, now_ns, lambda *_: 0, span.process)
        if span.end_ns > trace.latest_ns.get(span.process, 0):
            trace.latest_ns[span.process] = span.end_ns
        parent, fact = span.parent_id, span.fact
        trace.spans[span.span_id] = parent if fact is None else (parent, fact)
        self.size += 1
        self._waiting.pop((span.trace_id, span.span_id), ())

    def above(self, key: Key) -> Above:
        """Return what the ancestors of a span say; it is told again when a missing one arrives."""
        trace_id, span_id = key
        trace = self.traces[trace_id]
        entry = trace.spans[span_id]
        parent = entry if isinstance(entry, str) else entry[0]
        if not parent:
            return NOTHING_ABOVE
        return trace.above.get(parent) or self._ask(trace, key, parent)

    def _ask(self, trace: Trace, key: Key, parent: str) -> Above:
        """Ask every ancestor; what they say is kept for the siblings where none is missing."""
        ancestors, end = _ancestors(trace.spans, key[1])
        told = _together(key[0], ancestors)
        if end in trace.spans:  # a circle: each of its spans sees another part of it
            return told
        if end:
            self._waiting.setdefault((key[0], end), set()).add(key)
            return told._replace(waits_for=end)
        trace.above[parent] = told
        return told

    def forget(self, trace_id: str) -> Trace:
        """Drop a trace; return it."""
        trace = self.traces.pop(trace_id)
        self.size -= len(trace.spans)
        for span_id, entry in trace.spans.items() if self._waiting else ():
            self._waiting.pop((trace_id, _parent(entry)), None)
            self._waiting.pop((trace_id, span_id), None)
        return trace


def _parent(entry: str | tuple[str, Fact]) -> str:
    return entry if isinstance(entry, str) else entry[0]


def _ancestors(
    spans: dict[str, str | tuple[str, Fact]], span_id: str
) -> tuple[list[tuple[str, Fact]], str]:
    """Return the GenAI ancestors, nearest first, and where they end.

    The end is empty at a root, the id of a span that is missing, or of one met before.
    """
    found = []
    seen = {span_id}
    parent = _parent(spans[span_id])
    while parent and parent not in seen and len(seen) < _DEEPEST:
        seen.add(parent)
        entry = spans.get(parent)
        if entry is None:
            break
        if not isinstance(entry, str):
            found.append((parent, entry[1]))
        parent = _parent(entry)
    return found, parent


def _together(trace_id: str, ancestors: Sequence[tuple[str, Fact]]) -> Above:
    """Return what ancestors say, the nearest first."""
    if not ancestors:
        return NOTHING_ABOVE
    nearest, fact = ancestors[0]
    facts = [said for _, said in ancestors]
    named = next((f for f in facts if f.agent), None)
    return Above(
        claim=(trace_id, nearest) if fact.role == "call" else None,
        agent=named.agent if named else None,
        stamped=named is not None and named.stamped,
        workflow=next((f.workflow for f in facts if f.workflow), None),
        conversation_id=next((f.conversation_id for f in facts if f.conversation_id), None),
        user_id=next((f.user_id for f in facts if f.user_id), None),
        model=next((f.model for f in facts if f.model), None),
    )
