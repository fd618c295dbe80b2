"""The merge window: claims that arrive in any order, in any request -> versions of calls.

Deterministic: what is published depends on the set of spans, not on their order. What it publishes
is stored in one transaction with the spans behind it, so that it can be rebuilt (`restore`).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial

from manager_agent.receiver.ancestry import Ancestry
from manager_agent.receiver.call import Call, call_of, charged_for, spare_id
from manager_agent.receiver.changes import Arrived, CallVersion, Changes, Retraction, ToolVersion
from manager_agent.receiver.claim import Claim, Key, claim_of
from manager_agent.receiver.forgotten import Forgotten
from manager_agent.receiver.merge import grouped
from manager_agent.receiver.net import Net
from manager_agent.receiver.remembered import Late, Published, Remembered, late_of, name_of, torn
from manager_agent.receiver.span import Span
from manager_agent.receiver.sums import Sums
from manager_agent.receiver.tool import ToolCall, tool_call_of

_MOST_AT_ONCE = 256
"""Claims regrouped together at most: a storm of equal calls must not tie up the receiver."""


class MergeWindow:
    """Claims of the last `window_ns` nanoseconds; at most `most_spans` spans are remembered.

    `cost`: prices a call. Not safe for use by several threads.
    """

    def __init__(
        self, cost: Callable[[Call], Call], *, window_ns: int, most_spans: int = 400_000
    ) -> None:
        self._cost = cost
        self._window_ns = window_ns
        self._most_spans = most_spans
        self._ancestry = Ancestry()
        self._net = Net()
        self._sums = Sums()
        self._tools: dict[Key, Claim] = {}
        self._published: dict[str, Published] = {}
        self._id_of: dict[Key, str] = {}
        self._open: OrderedDict[str, None] = OrderedDict()
        self._gone: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._looked_up: set[str] = set()
        self._forgotten = Forgotten(window_ns)
        self._revision = 0

    @property
    def size(self) -> int:
        """Spans remembered."""
        return self._ancestry.size

    def late(self, arrived: Iterable[Arrived], now_ns: int) -> list[Late]:
        """Return those spans whose relatives may have left the window."""
        found = []
        known_from = self._forgotten.known_from(now_ns)
        torn = self._forgotten.torn(now_ns)
        tore = cache(partial(self._forgotten.tore, now_ns=now_ns))  # spans of a trace come together
        for span, fact in arrived:
            orphaned = torn and self._orphaned(span, tore)
            recent = span.start_ns >= known_from(span.resource.process)
            if (recent and not orphaned) or self._ancestry.known(span.trace_id, span.span_id):
                continue
            trace = self._ancestry.traces.get(span.trace_id)
            whole = trace is not None and span.start_ns >= trace.known_from_ns
            if not (fact and fact.told) and whole and not orphaned:
                continue
            found.append(late_of(span, fact))
        return found

    def restore(
        self,
        spans: Iterable[Remembered],
        published: Iterable[Published],
        now_ns: int,
        looked_up: Iterable[str] = (),
        complete: bool = True,
    ) -> None:
        """Take back spans and versions from the store; what is here already stays as it is.

        `looked_up`: traces of which the store was asked for everything. `complete`: nothing that
        belongs into the window was left behind.
        """
        if not complete:
            self._forgotten.left_behind(now_ns)
        restored: list[Key] = []
        for span in spans:
            key = span.trace_id, span.span_id
            if self._ancestry.known(*key):
                continue
            self._ancestry.add(key, span, span.fact, now_ns, 0)
            claim = span.claim
            if claim:
                restored.append(key)
                self._put(claim)
        for key in restored:
            self._look_up(key)
        self._take_back(published)
        self._assign(restored)
        for trace_id in looked_up:
            trace = self._ancestry.traces.get(trace_id)
            if trace is None:
                self._looked_up.add(trace_id)
            else:
                trace.known_from_ns = 0

    def torn(self) -> list[Late]:
        """Return claims of calls that more emitters told of than are here, after a `restore`."""
        return list(torn(self._published.values(), self._net.claims))

    def _take_back(self, published: Iterable[Published]) -> None:
        for version in published:
            name = version.name
            key = version.row.trace_id, version.row.span_id
            if name in self._published or not self._ancestry.known(*key):
                continue
            version.keys = (key,)
            self._id_of[key] = name
            self._publish(name, version)
            self._revision = max(self._revision, version.revision)

    def add(self, arrived: Iterable[Arrived], now_ns: int) -> Changes:
        """Return what new spans change. Spans that are here already count as duplicates."""
        changes = Changes(now_ns)
        touched: dict[Key, Arrived | None] = {}
        ancestry, known_from = self._ancestry, self._forgotten.known_from(now_ns)
        for each in arrived:
            span, fact = each
            key = span.trace_id, span.span_id
            if ancestry.known(*key):
                changes.duplicates += 1
                continue
            changes.spans.append(each)
            at_hand = span.trace_id in ancestry.traces or span.trace_id in self._looked_up
            known_ns = 0 if at_hand else known_from(span.resource.process)
            for other in ancestry.add(key, span, fact, now_ns, known_ns):
                touched.setdefault(other, None)
            if fact and fact.claims:
                touched[key] = each
        self._looked_up.clear()
        for key, fresh in touched.items():
            if fresh is None:
                self._look_up(key)
            else:
                span, fact = fresh
                assert fact is not None, "only spans with a fact are touched when they arrive"
                self._put(claim_of(key, span, fact, ancestry.above(key)))
        self._recompute([key for key in touched if key in self._net.claims], changes)
        self._recompute_tools([key for key in touched if key in self._tools], changes)
        self._recompute_sums(touched, changes)
        return changes

    def sweep(self, now_ns: int) -> Changes:
        """Return the calls whose window has closed, sealed, and forget what is too old."""
        changes = Changes(now_ns, newest_sealed=0)
        sealed: list[Call | ToolCall] = []
        before = now_ns - self._window_ns
        while self._open:
            name = next(iter(self._open))
            if self._published[name].changed_ns > before:
                break
            self._seal(name, sealed, changes)
        self._forget(before, sealed, changes)
        self._forgotten.prune(now_ns)
        gone = [name for name, (at, _) in self._gone.items() if at <= before]
        for name in gone:
            changes.newest_sealed = max(changes.newest_sealed, self._gone.pop(name)[1])
        changes.sealed_calls = [name_of(row) for row in sealed if isinstance(row, Call)]
        changes.sealed_tools = [name_of(row) for row in sealed if isinstance(row, ToolCall)]
        changes.dropped_calls = gone
        return changes

    def _orphaned(self, span: Span, tore: Callable[..., bool]) -> bool:
        """Tell whether a span's relatives may have been forgotten early, though the span is new."""
        child = span.parent_id != ""
        here = child and self._ancestry.known(span.trace_id, span.parent_id)
        return not here and tore(span.trace_id, child=child)

    def _put(self, claim: Claim) -> None:
        if claim.fact.call is not None:
            self._net.put(claim)
        elif claim.fact.role == "sum":
            self._sums.put(claim)
        else:
            self._tools[claim.key] = claim

    def _look_up(self, key: Key) -> None:
        """Ask the ancestors of a claim again, and take in what they say."""
        claim = self._net.claims.get(key) or self._tools.get(key)
        if claim is not None:
            self._put(claim._replace(above=self._ancestry.above(key)))

    def _recompute(self, touched: Sequence[Key], changes: Changes) -> None:
        done: set[Key] = set()
        for key in touched:
            if key in done:
                continue
            claims = self._net.around(key)
            if len(claims) == 1 and key not in self._id_of and not claims[0].call.refused:
                self._first_of_its_call(claims[0], changes)
                continue
            claims = self._with_their_calls(claims)
            done.update(claim.key for claim in claims)
            self._regroup(claims, changes)

    def _first_of_its_call(self, claim: Claim, changes: Changes) -> None:
        """Publish a new claim that nothing else could be one call with, as nearly all are."""
        call = call_of((claim,))
        if call.call_id in self._published:
            call = call._replace(call_id=spare_id(call))
        self._id_of[claim.key] = call.call_id
        self._put_out(self._cost(call), (claim.key,), changes)

    def _with_their_calls(self, claims: Sequence[Claim]) -> list[Claim]:
        """Return `claims`, the others of the calls they were part of, and whom those could join.

        A claim that leaves a call may find another partner, which was no neighbour of `claims`.
        """
        found: dict[Key, Claim] = {}
        queue = list(claims)
        while queue and len(found) < _MOST_AT_ONCE:
            claim = queue.pop()
            if claim.key in found:
                continue
            found[claim.key] = claim
            name = self._id_of.get(claim.key)
            for key in self._published[name].keys if name else ():
                if key not in found and key in self._net.claims:
                    queue.extend(self._net.around(key))
        for claim in list(found.values()):  # whole calls, however crowded it is
            name = self._id_of.get(claim.key)
            for key in self._published[name].keys if name else ():
                if key in self._net.claims:
                    found[key] = self._net.claims[key]
        return list(found.values())

    def _regroup(self, claims: Sequence[Claim], changes: Changes) -> None:
        before = {self._id_of[c.key] for c in claims if c.key in self._id_of}
        ours = {claim.key for claim in claims}
        after: dict[str, tuple[Call, tuple[Key, ...]]] = {}
        for group in grouped(claims):
            call = call_of(group)
            known = self._published.get(call.call_id)
            if call.call_id in after or (known and not ours.issuperset(known.keys)):
                call = call._replace(call_id=spare_id(call))
            after[call.call_id] = call, tuple(claim.key for claim in group)
        for name in before - after.keys():
            self._retract(name, changes)
        for name, (call, keys) in after.items():
            self._update(name, call, keys, changes)

    def _update(self, name: str, call: Call, keys: tuple[Key, ...], changes: Changes) -> None:
        known = self._published.get(name)
        row = self._priced(call, known.row if known else None)
        for key in keys:
            self._id_of[key] = name
        if known and known.row == row:
            known.keys = keys
            return
        if known:
            assert isinstance(known.row, Call)
            changes.count(known.row, -1)
            if known.sealed:
                changes.retracted_calls.append(Retraction(name, known.revision, known.row.start_ns))
        self._put_out(row, keys, changes)

    def _put_out(self, row: Call, keys: tuple[Key, ...], changes: Changes) -> None:
        """Make `row` the version of its call, which `keys` tell of."""
        changes.count(row, +1)
        revision = self._next(changes.now_ns)
        changes.calls.append(CallVersion(row, revision, False))
        self._gone.pop(row.call_id, None)
        self._publish(row.call_id, Published(row, revision, False, keys, changes.now_ns))

    def _priced(self, call: Call, known: Call | ToolCall | None) -> Call:
        """Price a call; one whose usage is unchanged keeps its price: history is not re-priced."""
        if isinstance(known, Call) and charged_for(known) == charged_for(call):
            return call.costing(known.cost_nano, known.cost_source)
        return self._cost(call)

    def _retract(self, name: str, changes: Changes) -> None:
        known = self._published.pop(name)
        self._open.pop(name, None)
        for key in known.keys:
            self._id_of.pop(key, None)
        assert isinstance(known.row, Call)
        changes.count(known.row, -1)
        if known.sealed:
            changes.retracted_calls.append(Retraction(name, known.revision, known.row.start_ns))
        else:
            revision = self._next(changes.now_ns)
            changes.calls.append(CallVersion(known.row, revision, True))
            self._gone[name] = changes.now_ns, revision

    def _recompute_tools(self, touched: Sequence[Key], changes: Changes) -> None:
        for key in touched:
            row = tool_call_of(self._tools[key])
            known = self._published.get(row.key)
            if known and known.row == row:
                continue
            if known and known.sealed:
                changes.retracted_tools.append(Retraction(row.key, known.revision, row.start_ns))
            revision = self._next(changes.now_ns)
            changes.tools.append(ToolVersion(row, revision))
            self._id_of[key] = row.key
            self._publish(row.key, Published(row, revision, False, (key,), changes.now_ns))

    def _recompute_sums(self, touched: Iterable[Key], changes: Changes) -> None:
        for name, call, keys in self._sums.told(touched, self._net):
            if call is not None:
                self._update(name, call, keys, changes)
            elif name in self._published:
                self._retract(name, changes)

    def _publish(self, name: str, version: Published) -> None:
        self._published[name] = version
        self._open.pop(name, None)
        if not version.sealed:
            self._open[name] = None

    def _seal(self, name: str, sealed: list[Call | ToolCall], changes: Changes) -> None:
        if self._open.pop(name, name) is None:
            version = self._published[name]
            version.sealed = True
            sealed.append(version.row)
            changes.newest_sealed = max(changes.newest_sealed, version.revision)

    def _assign(self, restored: Sequence[Key]) -> None:
        """Tell restored claims which published call they are part of."""
        done: set[Key] = set()
        for key in restored:
            if key in done or key not in self._net.claims:
                continue
            for group in grouped(self._net.around(key)):
                keys = {claim.key for claim in group}
                done |= keys
                name = next((self._id_of[each] for each in keys if each in self._id_of), None)
                # Not `keys - self._id_of.keys()`: that reads all ids of the window each time.
                for each in [key for key in keys if key not in self._id_of] if name else ():
                    self._id_of[each] = str(name)
                    self._published[str(name)].keys += (each,)

    def _forget(self, before: int, sealed: list[Call | ToolCall], changes: Changes) -> None:
        """Drop traces nobody touched since `before`, and the oldest where there are too many."""
        while self._ancestry.traces:
            trace_id, trace = next(iter(self._ancestry.traces.items()))
            crowded = self._ancestry.size > self._most_spans
            if trace.touched_ns > before and not crowded:
                break
            linked = self._linked(trace_id)
            freshest = max(self._ancestry.traces[each].touched_ns for each in linked)
            if freshest > before and not crowded:
                trace.touched_ns = freshest
                self._ancestry.traces.move_to_end(trace_id)
                continue
            early = len(sealed)
            for each in linked:
                self._drop(each, sealed, changes)
            if crowded:
                self._forgotten.cut_off(linked, trace.latest_ns, changes.now_ns)
                changes.sealed_early += len(sealed) - early

    def _linked(self, trace_id: str) -> set[str]:
        """Return the trace and all that share a call with it, directly or through others."""
        linked, queue = {trace_id}, [trace_id]
        while queue:
            each = queue.pop()
            for span_id in self._ancestry.traces[each].spans:
                name = self._id_of.get((each, span_id))
                for other, _ in self._published[name].keys if name else ():
                    if other not in linked and other in self._ancestry.traces:
                        linked.add(other)
                        queue.append(other)
        return linked

    def _drop(self, trace_id: str, sealed: list[Call | ToolCall], changes: Changes) -> None:
        trace = self._ancestry.forget(trace_id)
        self._forgotten.add(trace.latest_ns)
        for span_id in trace.spans:
            key = trace_id, span_id
            self._net.remove(key)
            self._tools.pop(key, None)
            self._sums.forget(key)
            name = self._id_of.pop(key, None)
            if name is None:
                continue
            version = self._published[name]
            keys = version.keys
            version.keys = () if keys == (key,) else tuple(each for each in keys if each != key)
            if not version.keys:
                self._seal(name, sealed, changes)
                del self._published[name]

    def _next(self, now_ns: int) -> int:
        """Return a revision above all before: the time in microseconds where that is so."""
        self._revision = max(self._revision + 1, now_ns // 1000)
        return self._revision
