"""Traces in the merge window: who is whose parent, and what a span's ancestors say."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from manager_agent.receiver.changes import Arrived
from manager_agent.receiver.claim import NOTHING_ABOVE, Above, Claim, Key, claim_of
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.remembered import Remembered
from manager_agent.receiver.span import Resource, Span

_DEEPEST = 512

Entry = str | tuple[str, Fact] | Claim
"""What a trace keeps of a span: its parent id; with what it says, where that is of GenAI; a claim,
which says both."""


class Trace:
    """The spans of one trace that the window remembers.

    `trace_id`: the one text that all keys of it share. `spans`: by span id. `above`: span id ->
    what it and its ancestors say to its children, once all of them are known. `waiting`: a span
    that is missing -> the claims below it. `touched_ns`: when the last one arrived.
    `known_from_ns`: spans that started earlier may have relatives in the store that are not here.
    `process`, `end_ns`: who sent the first one, and the latest end of what it sent; `others`: the
    same of other processes.
    """

    __slots__ = (
        "above",
        "end_ns",
        "known_from_ns",
        "others",
        "process",
        "spans",
        "touched_ns",
        "trace_id",
        "waiting",
    )

    def __init__(self, trace_id: str, now_ns: int, known_from_ns: int, process: str) -> None:
        self.trace_id = trace_id
        self.spans: dict[str, Entry] = {}
        self.above: dict[str, Above] | None = None
        self.waiting: dict[str, set[Key]] | None = None
        self.touched_ns = now_ns
        self.known_from_ns = known_from_ns
        self.process = process
        self.end_ns = 0
        self.others: dict[str, int] | None = None

    def ended(self, process: str, end_ns: int) -> None:
        """Note that a process sent a span that ended then."""
        if process == self.process:
            self.end_ns = max(self.end_ns, end_ns)
            return
        if self.others is None:
            self.others = {}
        self.others[process] = max(self.others.get(process, 0), end_ns)

    def latest_ns(self) -> dict[str, int]:
        """Return the latest end seen, by sending process."""
        return {self.process: self.end_ns, **(self.others or {})}


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

    def known(self, trace_id: str, span_id: str) -> bool:
        """Tell whether the span is here already."""
        trace = self.traces.get(trace_id)
        return trace is not None and span_id in trace.spans

    def orphaned(self, span: Span, cut_off: bool) -> bool:
        """Tell whether a span's relatives may have been forgotten early, though the span is new.

        `cut_off`: its trace was. A child's may have been at any time, where nobody is sure: it may
        start long after its parent has ended.
        """
        child = span.parent_id != ""
        here = child and self.known(span.trace_id, span.parent_id)
        return not here and (cut_off or child)

    def take(
        self, arrived: Iterable[Arrived], now_ns: int, known_ns: Callable[[str, str], int]
    ) -> Taken:
        """Remember those of the spans that are new.

        `known_ns`: for a trace and process that are new here: spans that started earlier may be in
        the store.
        """
        fresh: list[Arrived] = []
        touched: dict[Key, Arrived | None] = {}
        last: str | None = None
        above = ""
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
            if parent == above:  # one text for all siblings
                parent = above
            above = parent
            if process is not trace.process:
                trace.ended(process, end_ns)
            elif end_ns > trace.end_ns:
                trace.end_ns = end_ns
            trace.spans[span_id] = parent if fact is None else (parent, fact)
            if trace.waiting:
                touched.update(dict.fromkeys(trace.waiting.pop(span_id, ())))
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
            known_from_ns = known_ns(trace_id, process)
            trace = self.traces[trace_id] = Trace(trace_id, now_ns, known_from_ns, process)
            return trace
        trace.touched_ns = max(trace.touched_ns, now_ns)
        self.traces.move_to_end(trace_id)
        return trace

    def take_back(self, span: Remembered, now_ns: int) -> Claim | None:
        """Remember a span that the store gives back and that is not here; return its claim."""
        trace = self.traces.get(span.trace_id)
        trace = self._touch(span.trace_id, trace, now_ns, lambda *_: 0, span.process)
        trace.ended(span.process, span.end_ns)
        parent, fact, claim = span.parent_id, span.fact, span.claim
        trace.spans[span.span_id] = claim or (parent if fact is None else (parent, fact))
        self.size += 1
        if trace.waiting:
            trace.waiting.pop(span.span_id, None)
        return claim

    def claimed(self, key: Key, arrived: Arrived) -> Claim:
        """Return the claim of a span that was taken in; it is kept instead of the span."""
        trace_id, span_id = key
        trace = self.traces[trace_id]
        span, fact = arrived
        assert fact is not None, "only spans with a fact make claims"
        parent = _parent(trace.spans[span_id])  # the text that its siblings share
        above = self._above(trace, key, parent) if parent else NOTHING_ABOVE
        claim = trace.spans[span_id] = claim_of(key, span, fact, above, parent)
        return claim

    def asked_again(self, claim: Claim) -> Claim:
        """Return a claim with what its ancestors say by now; it is kept instead."""
        trace_id, span_id = key = claim.key
        trace = self.traces[trace_id]
        parent = claim.parent
        above = self._above(trace, key, parent) if parent else NOTHING_ABOVE
        again = trace.spans[span_id] = claim._replace(above=above)
        return again

    def _above(self, trace: Trace, key: Key, parent: str) -> Above:
        """Return what the ancestors say; it is told again when a missing one arrives.

        What they say is kept for the siblings where none is missing.
        """
        told = trace.above.get(parent) if trace.above else None
        if told is not None:
            return told
        ancestors, end = _ancestors(trace.spans, key[1])
        told = _together(key[0], ancestors)
        if end in trace.spans:  # a circle: each of its spans sees another part of it
            return told
        if end:
            if trace.waiting is None:
                trace.waiting = {}
            trace.waiting.setdefault(end, set()).add(key)
            return told._replace(waits_for=end)
        if trace.above is None:
            trace.above = {}
        trace.above[parent] = told
        return told

    def forget(self, trace_id: str) -> Trace:
        """Drop a trace; return it."""
        trace = self.traces.pop(trace_id)
        self.size -= len(trace.spans)
        return trace


def _parent(entry: Entry) -> str:
    if isinstance(entry, Claim):
        return entry.parent
    return entry if isinstance(entry, str) else entry[0]


def _ancestors(spans: dict[str, Entry], span_id: str) -> tuple[list[tuple[str, Fact]], str]:
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
        if isinstance(entry, Claim):
            found.append((parent, entry.fact))
        elif not isinstance(entry, str):
            found.append((parent, entry[1]))
        parent = _parent(entry)
    return found, parent


def _together(trace_id: str, ancestors: Sequence[tuple[str, Fact]]) -> Above:
    """Return what ancestors say, the nearest first."""
    if not ancestors:
        return NOTHING_ABOVE
    nearest, fact = ancestors[0]
    agent = workflow = conversation_id = user_id = model = None
    stamped = False
    for _, said in ancestors:
        if not agent and said.agent:
            agent, stamped = said.agent, said.stamped
        workflow = workflow or said.workflow
        conversation_id = conversation_id or said.conversation_id
        user_id = user_id or said.user_id
        model = model or said.model
    values = (
        (trace_id, nearest) if fact.role == "call" else None,
        agent,
        stamped,
        workflow or None,
        conversation_id or None,
        user_id or None,
        model or None,
        None,
    )
    return tuple.__new__(Above, values)  # in half of the time that its own way takes
