"""For tests, here and elsewhere: spans in a line, and a store that keeps facts in memory."""

from collections.abc import Sequence
from typing import Any

from manager_agent.contract.attributes import AGENT
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import Arrived, Changes, UsageDelta, UsageKey
from manager_agent.receiver.claim import SAME_ID_NS
from manager_agent.receiver.remembered import Late, Published, Remembered
from manager_agent.receiver.span import Event, Resource, Span

NOW_NS = 1_800_000_000_000_000_000


def span(
    trace: str,
    number: int,
    attributes: dict[str, Any] | None = None,
    *,
    parent: int = 0,
    start_ns: int = NOW_NS,
    lasts_ns: int = 10**9,
    name: str = "span",
    scope: str = "test.scope",
    process: str = "process-1",
    service: str = "service-1",
    status: int = 0,
    message: str = "",
    events: Sequence[Event] = (),
    resource: dict[str, Any] | None = None,
) -> Span:
    """Return a span; `trace` is repeated to 32 hex digits, numbers become span ids (0: a root)."""
    return Span(
        trace_id=(trace * 32)[:32],
        span_id=f"{number:016x}",
        parent_id=f"{parent:016x}" if parent else "",
        name=name,
        kind=3,
        start_ns=start_ns,
        end_ns=start_ns + lasts_ns,
        status=status,
        status_message=message,
        scope=scope,
        own=attributes or {},
        events=tuple(events),
        resource=Resource(service, None, process, resource or {}, (resource or {}).get(AGENT)),
    )


class MemoryStore:
    """A `FactSink` that keeps everything in memory, and the views users would see."""

    def __init__(self) -> None:
        self.spans: dict[tuple[str, str], Remembered] = {}
        self.received_ns: dict[str, int] = {}
        self.versions: dict[str, list[Published | None]] = {}
        self.sealed: dict[tuple[str, int], Published] = {}
        self.retracted: set[tuple[str, int]] = set()
        self.usage: dict[UsageKey, UsageDelta] = {}
        self.failing: Exception | None = None

    def calls(self) -> dict[str, Call]:
        """Return what `llm_calls` shows, by call id."""
        return {p.name: p.row for p in self._standing() if isinstance(p.row, Call)}

    def append(self, changes: Changes) -> None:
        """Keep a step whole; raise `failing` instead where that is set."""
        if self.failing:
            raise self.failing
        for arrived in changes.spans:
            key = arrived.span.trace_id, arrived.span.span_id
            assert key not in self.spans, "stored twice"
            self.spans[key] = _remembered(arrived)
            self.received_ns[key[0]] = changes.now_ns
        for call in changes.calls:
            version = Published(call.call, call.revision, False, (), call.revision * 1000)
            self._open(call.call.call_id, None if call.retracted else version)
        for tool in changes.tools:
            version = Published(tool.tool, tool.revision, False, (), tool.revision * 1000)
            self._open(tool.tool.key, version)
        for gone in (*changes.retracted_calls, *changes.retracted_tools):
            assert (gone.key, gone.revision) in self.sealed, "retracted what was not sealed"
            self.retracted.add((gone.key, gone.revision))
        for bucket, delta in changes.minutes.items():
            total = self.usage.setdefault(bucket, UsageDelta())
            for name in UsageDelta.__slots__:
                setattr(total, name, getattr(total, name) + getattr(delta, name))
        for name in (*changes.sealed_calls, *changes.sealed_tools, *changes.dropped_calls):
            last = self.versions.pop(name, [None])[-1]
            if last is not None:
                self.sealed[name, last.revision] = last

    def relatives(self, late: Sequence[Late]) -> tuple[list[Remembered], list[Published]]:
        """Return what is stored of late spans' traces and of claims that resemble them."""
        traces = {each.trace_id for each in late}
        asked = list(late)
        while True:
            traces |= {s.trace_id for s in self.spans.values() for each in asked if _kin(s, each)}
            known = [s for s in self.spans.values() if s.trace_id in traces]
            claims = [s.late for s in known if s.fact and s.fact.told]
            if len(claims) <= len(asked) - len(late):
                break
            asked = [*late, *claims]
        return known, [p for p in self._standing() if p.row.trace_id in traces]

    def recent(
        self, since_ns: int, most_spans: int
    ) -> tuple[list[Remembered], list[Published], bool]:
        """Return everything that has an open version or arrived since then."""
        traces = {p.row.trace_id for p in self._standing() if not p.sealed}
        traces |= {trace for trace, at in self.received_ns.items() if at >= since_ns}
        known = [s for s in self.spans.values() if s.trace_id in traces]
        return known, [p for p in self._standing() if p.row.trace_id in traces], True

    def seal_overdue(self, before_micros: int) -> int:
        """Leave it to the window."""
        return 0

    def recover(self, error: Exception) -> bool:
        """Be well again as soon as `failing` is taken away; the disk's errors are no data's."""
        return not isinstance(error, OSError)

    def maintain(self) -> None:
        """Need nothing."""

    def refresh(self) -> None:
        """Keep everything: it is all there is."""

    def _open(self, name: str, version: Published | None) -> None:
        self.versions.setdefault(name, []).append(version)

    def _standing(self) -> list[Published]:
        sealed = [p for key, p in self.sealed.items() if key not in self.retracted]
        latest = [versions[-1] for versions in self.versions.values()]
        found = [
            *(Published(p.row, p.revision, True, (), p.changed_ns) for p in sealed),
            *(Published(p.row, p.revision, False, (), p.changed_ns) for p in latest if p),
        ]
        return sorted(found, key=lambda version: version.revision)


def _remembered(arrived: Arrived) -> Remembered:
    one, fact = arrived
    return Remembered(
        one.trace_id,
        one.span_id,
        one.parent_id,
        one.start_ns,
        one.end_ns,
        one.scope,
        one.resource.process,
        one.resource.service,
        one.resource.environment,
        fact._replace(decision=None) if fact else None,  # as stores keep facts
    )


def _kin(one: Remembered, late: Late) -> bool:
    if one.fact is None or not one.fact.told or not late.scope:
        return False
    call = one.fact.call
    if late.call_id is not None and call is not None and call.call_id == late.call_id:
        return True
    if one.scope == late.scope and not late.parted:
        return False
    answer = call.response_id if call else None
    return (one.process == late.process and _overlap(one, late, late.slack_ns)) or (
        answer is not None and answer == late.response_id and _overlap(one, late, SAME_ID_NS)
    )


def _overlap(one: Remembered, late: Late, slack_ns: int) -> bool:
    return one.start_ns <= late.end_ns + slack_ns and one.end_ns >= late.start_ns - slack_ns
