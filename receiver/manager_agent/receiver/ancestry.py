"""Traces in the merge window: who is whose parent, and what a span's ancestors say."""

from collections import OrderedDict
from collections.abc import Iterator

from manager_agent.receiver.claim import Above, Key
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.remembered import Remembered
from manager_agent.receiver.span import Span

_DEEPEST = 512


class Trace:
    """The spans of one trace that the window remembers.

    `spans`: span id -> parent id, or (parent id, fact) for GenAI spans. `touched_ns`: when the
    last one arrived. `known_from_ns`: spans that started earlier may have relatives in the store
    that are not here. `latest_ns`: the latest end seen, by sending process.
    """

    __slots__ = ("known_from_ns", "latest_ns", "spans", "touched_ns")

    def __init__(self, now_ns: int, known_from_ns: int) -> None:
        self.spans: dict[str, str | tuple[str, Fact]] = {}
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
        self, span: Span | Remembered, fact: Fact | None, now_ns: int, known_ns: int
    ) -> set[Key]:
        """Remember a span; return the spans that waited for it.

        `known_ns`: for a trace that is new here: spans that started earlier may be in the store.
        """
        key = span.trace_id, span.span_id
        trace = self.traces.get(key[0])
        if trace is None:
            trace = self.traces[key[0]] = Trace(now_ns, known_ns)
        trace.touched_ns = max(trace.touched_ns, now_ns)
        self.traces.move_to_end(key[0])
        process = span.resource.process if isinstance(span, Span) else span.process
        trace.latest_ns[process] = max(span.end_ns, trace.latest_ns.get(process, 0))
        trace.spans[key[1]] = span.parent_id if fact is None else (span.parent_id, fact)
        self.size += 1
        return self._waiting.pop(key, set())

    def above(self, key: Key) -> Above:
        """Return what the ancestors of a span say; it is told again when a missing one arrives."""
        claim: Key | None = None
        nearest_seen = False
        found: dict[str, str] = {}
        stamped = False
        missing = None
        for span_id, fact in self._ancestors(key):
            if span_id is not None:
                missing = span_id
                self._waiting.setdefault((key[0], span_id), set()).add(key)
                break
            assert fact is not None
            fact_key, said = fact
            if not nearest_seen:
                nearest_seen = True
                claim = fact_key if said.role == "call" else None
            if said.agent and "agent" not in found:
                stamped = said.stamped
            for name in ("agent", "workflow", "conversation_id", "user_id", "model"):
                value = getattr(said, name)
                if value:
                    found.setdefault(name, value)
        return Above(
            claim=claim,
            agent=found.get("agent"),
            stamped=stamped,
            workflow=found.get("workflow"),
            conversation_id=found.get("conversation_id"),
            user_id=found.get("user_id"),
            model=found.get("model"),
            waits_for=missing,
        )

    def _ancestors(self, key: Key) -> Iterator[tuple[str | None, tuple[Key, Fact] | None]]:
        """Yield (None, GenAI ancestor) upwards, at last (id, None) for one that is missing."""
        trace_id, span_id = key
        spans = self.traces[trace_id].spans
        seen = {span_id}
        parent = _parent(spans[span_id])
        while parent and parent not in seen and len(seen) < _DEEPEST:
            seen.add(parent)
            entry = spans.get(parent)
            if entry is None:
                yield parent, None
                return
            if not isinstance(entry, str):
                yield None, ((trace_id, parent), entry[1])
            parent = _parent(entry)

    def forget(self, trace_id: str) -> Trace:
        """Drop a trace; return it."""
        trace = self.traces.pop(trace_id)
        self.size -= len(trace.spans)
        for span_id, entry in trace.spans.items():
            self._waiting.pop((trace_id, _parent(entry)), None)
            self._waiting.pop((trace_id, span_id), None)
        return trace


def _parent(entry: str | tuple[str, Fact]) -> str:
    return entry if isinstance(entry, str) else entry[0]
