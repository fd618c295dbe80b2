"""The merge window: claims that arrive in any order, in any request -> versions of calls.

Deterministic: what is published depends on the set of spans, not on their order. What it publishes
is stored in one transaction with the spans behind it, so that it can be rebuilt (`restore`).
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence

from manager_agent.receiver.ancestry import Ancestry, Taken
from manager_agent.receiver.call import Call, call_of, call_of_one, charged_for, spare_id
from manager_agent.receiver.changes import Arrived, CallVersion, Changes, Retraction, ToolVersion
from manager_agent.receiver.claim import Claim, Key
from manager_agent.receiver.forgotten import Forgotten
from manager_agent.receiver.leaving import drop_claims, drop_versions, linked_traces
from manager_agent.receiver.merge import grouped
from manager_agent.receiver.net import Net
from manager_agent.receiver.remembered import Late, Published, Remembered, late_of, torn
from manager_agent.receiver.standing import Standing
from manager_agent.receiver.sums import Sums
from manager_agent.receiver.tool import ToolCall, tool_call_of

_MOST_AT_ONCE = 256
"""Claims regrouped together at most: a storm of equal calls must not tie up the receiver."""


class MergeWindow:
    """Claims of the last `window_ns` nanoseconds; at most `most_spans` spans are remembered.

    `cost`: prices a call. Not safe for use by several threads.
    """

    def __init__(
        self, cost: Callable[[Call], Call], *, window_ns: int, most_spans: int = 200_000
    ) -> None:
        self._cost = cost
        self._window_ns = window_ns
        self._most_spans = most_spans
        self._ancestry = Ancestry()
        self._net = Net()
        self._sums = Sums()
        self._tools: dict[Key, Claim] = {}
        self._standing = Standing()
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
        unsure, last, cut = self._forgotten.unsure(now_ns), None, False
        for span, fact in arrived:
            if span.trace_id != last:  # spans of a trace come together
                last = span.trace_id
                cut = self._forgotten.was_cut_off(last)
            orphaned = (cut or unsure) and self._ancestry.orphaned(span, cut)
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
            claim = self._ancestry.take_back(span, now_ns)
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
        return list(torn(self._standing.versions(), self._net.claims))

    def _take_back(self, published: Iterable[Published]) -> None:
        for version in published:
            name = version.name
            key = version.row.trace_id, version.row.span_id
            if name in self._standing or not self._ancestry.known(*key):
                continue
            version.keys = (key,)
            self._standing.assign(key, name)
            self._standing.put(name, version)
            self._revision = max(self._revision, version.revision)

    def add(self, arrived: Collection[Arrived], now_ns: int) -> Changes:
        """Return what new spans change. Spans that are here already count as duplicates."""
        known_from = self._forgotten.known_from(now_ns)

        def known_ns(trace_id: str, process: str) -> int:
            return 0 if trace_id in self._looked_up else known_from(process)

        taken = self._ancestry.take(arrived, now_ns, known_ns)
        changes = Changes(now_ns, taken.fresh, duplicates=len(arrived) - len(taken.fresh))
        self._looked_up.clear()
        claims = [
            self._look_up(key) if each is None else self._claimed(key, each)
            for key, each in taken.touched.items()
        ]
        self._recompute([each for each in claims if each and each.fact.call], taken, changes)
        if self._tools:
            self._recompute_tools(claims, changes)
        self._recompute_sums(taken.touched, changes)
        return changes

    def sweep(self, now_ns: int) -> Changes:
        """Return the calls whose window has closed, sealed, and forget what is too old."""
        changes = Changes(now_ns, newest_sealed=0)
        before = now_ns - self._window_ns
        self._standing.seal_until(before, changes)
        self._forget(before, changes)
        self._forgotten.prune(now_ns)
        gone = [name for name, (at, _) in self._gone.items() if at <= before]
        for name in gone:
            changes.newest_sealed = max(changes.newest_sealed, self._gone.pop(name)[1])
        changes.dropped_calls = gone
        return changes

    def _put(self, claim: Claim) -> None:
        if claim.fact.call is not None:
            self._net.put(claim)
        elif claim.fact.role == "sum":
            self._sums.put(claim)
        else:
            self._tools[claim.key] = claim

    def _claimed(self, key: Key, arrived: Arrived) -> Claim:
        """Take in the claim of a span that is new."""
        claim = self._ancestry.claimed(key, arrived)
        if claim.fact.call is not None:
            self._net.add(claim)
        else:
            self._put(claim)
        return claim

    def _look_up(self, key: Key) -> Claim | None:
        """Ask the ancestors of a claim again, and take in what they say."""
        claim = self._net.claims.get(key) or self._tools.get(key)
        if claim is not None:
            claim = self._ancestry.asked_again(claim)
            self._put(claim)
        return claim

    def _recompute(self, claims: Sequence[Claim], taken: Taken, changes: Changes) -> None:
        done: set[Key] = set()
        net, touched = self._net, taken.touched
        for claim in claims:
            key = claim.key
            if key in done:
                continue
            if net.alone(claim):
                if touched[key] is not None and not claim.call.refused:
                    self._first_alone(claim, changes)
                    continue
                some = [claim]
            else:
                pair = net.paired(claim)
                if pair is not None and taken.are_new(pair):
                    done.update(each.key for each in pair)
                    self._first_of_pair(pair, changes)
                    continue
                some = pair or net.around(key)
            some = self._with_their_calls(some)
            done.update(each.key for each in some)
            self._regroup(some, changes)

    def _first_alone(self, claim: Claim, changes: Changes) -> None:
        """Publish a call that is new and that nothing else has a part in, as with nearly all."""
        call = call_of_one(claim)
        if call.call_id in self._standing:
            self._put_out(self._cost(_spared(call)), (claim.key,), changes)
            return
        row = self._cost(call)
        revision = self._tell(row, changes)
        due = self._standing.due(changes.now_ns)
        self._standing.put_lone(row.call_id, claim, revision, due, row)

    def _first_of_pair(self, pair: Sequence[Claim], changes: Changes) -> None:
        """Publish a call that is new and that two emitters tell of."""
        call = call_of(pair)
        call = _spared(call) if call.call_id in self._standing else call
        self._put_out(self._cost(call), tuple(claim.key for claim in pair), changes)

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
            for key in self._with(claim):
                if key not in found and key in self._net.claims:
                    queue.extend(self._net.around(key))
        for claim in list(found.values()):  # whole calls, however crowded it is
            for key in self._with(claim):
                if key in self._net.claims:
                    found[key] = self._net.claims[key]
        return list(found.values())

    def _with(self, claim: Claim) -> tuple[Key, ...]:
        """Return the claims of the call that `claim` is part of."""
        version = self._standing.get(self._standing.name_of(claim))
        return version.keys if version else ()

    def _regroup(self, claims: Sequence[Claim], changes: Changes) -> None:
        before = {name for name in map(self._standing.name_of, claims) if name is not None}
        ours = {claim.key for claim in claims}
        after: dict[str, tuple[Call, tuple[Key, ...]]] = {}
        for group in grouped(claims):
            call = call_of(group)
            known = self._standing.get(call.call_id)
            if call.call_id in after or (known and not ours.issuperset(known.keys)):
                call = _spared(call)
            after[call.call_id] = call, tuple(claim.key for claim in group)
        for name in before - after.keys():
            self._retract(name, changes)
        for name, (call, keys) in after.items():
            self._update(name, call, keys, changes)

    def _update(self, name: str, call: Call, keys: tuple[Key, ...], changes: Changes) -> None:
        known = self._standing.get(name)
        row = self._priced(call, known.row if known else None)
        for key in keys:
            self._standing.assign(key, name)
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
        revision = self._tell(row, changes)
        for key in keys:
            self._standing.assign(key, row.call_id)
        self._standing.put(row.call_id, Published(row, revision, False, keys, changes.now_ns))

    def _tell(self, row: Call, changes: Changes) -> int:
        """Note that `row` is a new version of its call; return its revision."""
        changes.count(row, +1)
        revision = self._next(changes.now_ns)
        changes.calls.append(_new(CallVersion, (row, revision, False)))
        if self._gone:
            self._gone.pop(row.call_id, None)
        return revision

    def _priced(self, call: Call, known: Call | ToolCall | None) -> Call:
        """Price a call; one whose usage is unchanged keeps its price: history is not re-priced."""
        if isinstance(known, Call) and charged_for(known) == charged_for(call):
            return call.costing(known.cost_nano, known.cost_source)
        return self._cost(call)

    def _retract(self, name: str, changes: Changes) -> None:
        known = self._standing.retract(name)
        assert isinstance(known.row, Call)
        changes.count(known.row, -1)
        if known.sealed:
            changes.retracted_calls.append(Retraction(name, known.revision, known.row.start_ns))
        else:
            revision = self._next(changes.now_ns)
            changes.calls.append(CallVersion(known.row, revision, True))
            self._gone[name] = changes.now_ns, revision

    def _recompute_tools(self, claims: Iterable[Claim | None], changes: Changes) -> None:
        for claim in claims:
            if claim is None or claim.fact.call is not None or claim.key not in self._tools:
                continue
            row = tool_call_of(claim)
            known = self._standing.get(row.key)
            if known and known.row == row:
                continue
            if known and known.sealed:
                changes.retracted_tools.append(Retraction(row.key, known.revision, row.start_ns))
            revision = self._next(changes.now_ns)
            changes.tools.append(_new(ToolVersion, (row, revision)))
            if known is None:
                due = self._standing.due(changes.now_ns)
                self._standing.put_lone(row.key, claim, revision, due, None)
                continue
            self._standing.assign(claim.key, row.key)
            version = Published(row, revision, False, (claim.key,), changes.now_ns)
            self._standing.put(row.key, version)

    def _recompute_sums(self, touched: Iterable[Key], changes: Changes) -> None:
        for name, call, keys in self._sums.told(touched, self._net):
            if call is not None:
                self._update(name, call, keys, changes)
            elif name in self._standing:
                self._retract(name, changes)

    def _assign(self, restored: Sequence[Key]) -> None:
        """Tell restored claims which published call they are part of."""
        done: set[Key] = set()
        for key in restored:
            if key in done or key not in self._net.claims:
                continue
            for group in grouped(self._net.around(key)):
                done.update(claim.key for claim in group)
                names = [self._standing.name_of(claim) for claim in group]
                version = self._standing.get(next(filter(None, names), None))
                for claim, name in zip(group, names, strict=True):
                    if name is None and version is not None:
                        self._standing.assign(claim.key, version.name)
                        version.keys += (claim.key,)

    def _forget(self, before: int, changes: Changes) -> None:
        """Drop traces nobody touched since `before`, and the oldest where there are too many."""
        ancestry, most = self._ancestry, self._most_spans
        while ancestry.traces:
            trace_id, trace = next(iter(ancestry.traces.items()))
            crowded = ancestry.size > most
            if trace.touched_ns > before and not crowded:
                break
            if not self._standing.linked(trace_id):
                linked: Collection[str] = (trace_id,)
            else:
                linked = linked_traces(trace_id, self._standing, ancestry)
                freshest = max(ancestry.traces[each].touched_ns for each in linked)
                if freshest > before and not crowded:
                    trace.touched_ns = freshest
                    ancestry.traces.move_to_end(trace_id)
                    continue
            sealed = len(changes.sealed_calls) + len(changes.sealed_tools)
            for each in linked:
                self._drop(each, changes)
            if crowded:
                self._forgotten.cut_off(linked, trace.latest_ns(), changes.now_ns)
                now_sealed = len(changes.sealed_calls) + len(changes.sealed_tools)
                changes.sealed_early += now_sealed - sealed

    def _drop(self, trace_id: str, changes: Changes) -> None:
        trace = self._ancestry.forget(trace_id)
        self._forgotten.add(trace.latest_ns())
        claims = drop_claims(trace, self._net, self._sums, self._tools)
        drop_versions(trace_id, claims, self._standing, changes)

    def _next(self, now_ns: int) -> int:
        """Return a revision above all before: the time in microseconds where that is so."""
        self._revision = max(self._revision + 1, now_ns // 1000)
        return self._revision


def _spared(call: Call) -> Call:
    return call._replace(call_id=spare_id(call))


_new = tuple.__new__  # a record of all its values in order, in half of the usual time
