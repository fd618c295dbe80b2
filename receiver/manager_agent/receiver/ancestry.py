"""Traces in the merge window: who is whose parent, and what a span's ancestors say."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from manager_agent.receiver.claim import NOTHING_ABOVE, Above, Key
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.remembered import Remembered
from manager_agent.receiver.span import Span

_DEEPEST = 512


class Trace:
    """The spans of one trace that the window remembers.

    `spans`: span id -> parent id, or (parent id, fact) for GenAI spans. `above`: span id -> what
    it and its ancestors say to its children, once all of them are known. `touched_ns`: when the
    last one arrived. `known_from_ns`: spans that started earlier may have relatives in the store
    that are not here. `latest_ns`: the latest end seen, by sending process.
    """

    __slots__ = ("above", "known_from_ns", "latest_ns", "spans", "touched_ns")

    def __init__(self, now_ns: int, known_from_ns: int) -> None:
        self.spans: dict[str, str | tuple[str, Fact]] = {}
        self.above: dict[str, Above] = {}
        self.touched_ns = now_ns
        self.known_from_ns = known_from_ns
        self.latest_ns: dict[str, int] = {}


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

    def add(
        self, key: Key, span: Span | Remembered, fact: Fact | None, now_ns: int, known_ns: int
    ) -> Iterable[Key]:
        """Remember the span `key`, which is new; return the spans that waited for it.

        `known_ns`: for a trace that is new here: spans that started earlier may be in the store.
        """
        trace = self.traces.get(key[0])
        if trace is None:
            trace = self.traces[key[0]] = Trace(now_ns, known_ns)
        else:
            trace.touched_ns = max(trace.touched_ns, now_ns)
            self.traces.move_to_end(key[0])
        process = span.resource.process if isinstance(span, Span) else span.process
        if span.end_ns > trace.latest_ns.get(process, 0):
            trace.latest_ns[process] = span.end_ns
        trace.spans[key[1]] = span.parent_id if fact is None else (span.parent_id, fact)
        self.size += 1
        return self._waiting.pop(key, ()) if self._waiting else ()

    def above(self, key: Key) -> Above:
        """Return what the ancestors of a span say; it is told again when a missing one arrives."""
        trace = self.traces[key[0]]
        parent = _parent(trace.spans[key[1]])
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
