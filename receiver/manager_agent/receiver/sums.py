"""Data points of metrics in the merge window -> rows for usage that nothing else told of.

A point sums up calls without saying how many. All points of one run and model that end at one
moment make one row, and only if no span and no log record tells of a call of that run and model in
the interval: then all of it was told already, and better. What a row says depends on the set of
points and claims alone, never on their order.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

from manager_agent.receiver.call import Call, call_of
from manager_agent.receiver.claim import Claim, Key
from manager_agent.receiver.fact import CallFact, SumFact
from manager_agent.receiver.models import undated
from manager_agent.receiver.net import Net
from manager_agent.receiver.tables import table
from manager_agent.receiver.usage import Usage, canonical_usage, habits

_At = tuple[str, int]
"""A row: the trace of its points, and when they end."""


class Row(NamedTuple):
    """A row that has to be looked at: `call` is None where others told of it all."""

    name: str
    call: Call | None
    keys: tuple[Key, ...]


class Sums:
    """All data points of the window, by trace (of one run and model) and by run."""

    def __init__(self) -> None:
        self.claims: dict[Key, Claim] = {}
        self._by_end: dict[str, dict[int, set[Key]]] = {}
        self._series: dict[tuple[str, str], list[tuple[int, Key]]] = {}
        self._traces: dict[str, set[str]] = {}

    def put(self, claim: Claim) -> None:
        """Add a point, or replace it."""
        known = claim.key in self.claims
        self.claims[claim.key] = claim
        if known:
            return
        self._by_end.setdefault(claim.key[0], {}).setdefault(claim.end_ns, set()).add(claim.key)
        self._traces.setdefault(claim.process, set()).add(claim.key[0])
        if _said(claim).cumulative:
            at = claim.key[0], _said(claim).series
            insort(self._series.setdefault(at, []), (claim.end_ns, claim.key))

    def forget(self, key: Key) -> None:
        """Drop a point."""
        claim = self.claims.pop(key, None)
        if claim is None:
            return
        ends = self._by_end[claim.key[0]]
        ends[claim.end_ns].discard(key)
        if not ends[claim.end_ns]:
            del ends[claim.end_ns]
        if not ends:
            del self._by_end[claim.key[0]]
            self._traces[claim.process].discard(claim.key[0])
            if not self._traces[claim.process]:
                del self._traces[claim.process]
        at = claim.key[0], _said(claim).series
        if at in self._series:
            self._series[at].remove((claim.end_ns, key))
            if not self._series[at]:
                del self._series[at]

    def told(self, touched: Iterable[Key], net: Net) -> list[Row]:
        """Return the rows that claims, new or changed, have a bearing on, as they are now."""
        if not self.claims:  # as nearly always: few tools send metrics of this kind
            return []
        rows: set[_At] = set()
        for key in touched:
            if key in self.claims:
                rows.update(self._of_point(self.claims[key]))
            elif key in net.claims:
                rows.update(self._around(net.claims[key]))
        return [self._row(at, net) for at in sorted(rows)]

    def _of_point(self, claim: Claim) -> Iterator[_At]:
        """Yield a point's row, and that of the one after it, which counts on from it."""
        yield claim.key[0], claim.end_ns
        entries = self._series.get((claim.key[0], _said(claim).series), [])
        after = bisect_left(entries, (claim.end_ns + 1, ("", "")))
        if after < len(entries):
            yield claim.key[0], entries[after][0]

    def _around(self, call: Claim) -> Iterator[_At]:
        """Yield the rows in whose interval a call ended."""
        for trace_id in self._traces.get(call.process, ()):
            for end_ns, keys in self._by_end[trace_id].items():
                if end_ns + _furthest_ns() < call.end_ns:
                    continue
                claims = [self.claims[key] for key in keys]
                if any(self._covers(call, claim) for claim in claims):
                    yield trace_id, end_ns

    def _row(self, at: _At, net: Net) -> Row:
        trace_id, end_ns = at
        keys = self._by_end[trace_id][end_ns]
        claims = sorted((self.claims[key] for key in keys), key=lambda claim: claim.key)
        name = blake2b(repr(at).encode(), digest_size=16).hexdigest()
        used = self._used(claims)
        if not used or any(self._is_told(claim, net) for claim in claims):
            return Row(name, None, ())
        return Row(name, _call(name, claims, used), tuple(keys))

    def _used(self, claims: Iterable[Claim]) -> dict[str, int]:
        """Return what was used between each point and the one before it, by field."""
        used: dict[str, int] = {}
        for claim in claims:
            said = _said(claim)
            before = self._before(claim)
            grown = said.value if before is None else said.value - _said(before).value
            if grown < 0:  # the tool began to count anew
                grown = said.value
            if grown:
                used[said.field] = used.get(said.field, 0) + grown
        return used

    def _before(self, claim: Claim) -> Claim | None:
        """Return the point that a cumulative one counts on from."""
        entries = self._series.get((claim.key[0], _said(claim).series), [])
        at = bisect_left(entries, (claim.end_ns, ("", "")))
        return self.claims[entries[at - 1][1]] if at else None

    def _since_ns(self, claim: Claim) -> int:
        before = self._before(claim)
        return claim.start_ns if before is None else before.end_ns

    def _is_told(self, claim: Claim, net: Net) -> bool:
        slack_ns = _said(claim).within_ns
        first_ns, last_ns = self._since_ns(claim) - slack_ns, claim.end_ns + slack_ns
        around = net.within(claim.process, first_ns, last_ns)
        return any(self._covers(call, claim) for call in around)

    def _covers(self, call: Claim, claim: Claim) -> bool:
        """Tell whether a point sums up a call: of its model, ended in its interval, counted."""
        said = _said(claim)
        return (
            bool(call.call.input_tokens or call.call.output_tokens)
            and self._since_ns(claim) - said.within_ns <= call.end_ns
            and call.end_ns <= claim.end_ns + said.within_ns
            and _of_model(call, said.model)
        )


def _said(claim: Claim) -> SumFact:
    assert claim.fact.sum is not None, "only spans with the role `sum` are sums"
    return claim.fact.sum


def _of_model(call: Claim, model: str | None) -> bool:
    names = (call.call.request_model, call.call.response_model, call.above.model)
    said = {undated(name) for name in names if name}
    return not said or model is None or undated(model) in said


def _call(name: str, claims: list[Claim], used: dict[str, int]) -> Call:
    """Return the row: it stands for one call or many, which cannot be told."""
    claim = claims[0]
    said = _said(claim)
    usage = _usage(claim.scope, said.provider, used)
    fact = CallFact(
        operation="chat",
        provider=said.provider,
        request_model=said.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        estimated=True,
        reported_cost_nano=used.get("cost"),
        call_id=name,
        part="sum",
    )
    whole = claim.fact._replace(role="call", call=fact, sum=None)
    call = call_of([claim._replace(start_ns=claim.end_ns, fact=whole)])
    return call._replace(duration_ms=None)


def _usage(scope: str, provider: str | None, used: dict[str, int]) -> Usage:
    """Return canonical counts: without any point nothing is known, without its own it is 0."""
    counts = {field: n for field, n in used.items() if field != "cost"}
    if not counts:
        return Usage()
    counted = {field: 0 for field in _fields(scope)} | counts
    return canonical_usage(Usage(**counted), habits(scope, provider), "chat")


@cache
def _furthest_ns() -> int:
    """Return how long after the end of a point a call that it sums up may have been told."""
    return 10**9 * max(int(row["told_within_seconds"]) for row in table("metrics")["metric"])


@cache
def _fields(scope: str) -> frozenset[str]:
    """Return the fields that a tool's metrics tell of."""
    rows = (row for row in table("metrics")["metric"] if scope.startswith(row["scope"]))
    return frozenset(field for row in rows for field in row.get("types", {}).values())
