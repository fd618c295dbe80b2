"""Claims in the merge window, found by what could tie them into one call."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterator
from typing import Any

from manager_agent.receiver.claim import NEXT_NS, Claim, Key, near_ns
from manager_agent.receiver.merge import outermost_first, resemblance, same_answer

_LARGEST_NET = 64


class _Timeline:
    """Claims of one emitter in one process, by start, apart by how long they lasted.

    A bucket holds durations up to a power of two, so that one endless span does not make every
    search begin at the beginning. Claims are put into buckets when somebody searches, and nobody
    does where the emitter is the only one of its process, as nearly always.
    """

    __slots__ = ("_arrived", "_buckets", "_claims", "_furthest_ns", "left")

    def __init__(self, claims: dict[Key, Claim]) -> None:
        self._claims = claims
        self._arrived: deque[Claim] = deque()
        self.left = 0
        self._buckets: dict[int, list[tuple[int, Key]]] = {}
        self._furthest_ns = 0

    def add(self, claim: Claim) -> None:
        """Take a claim in."""
        self.left += 1
        self._arrived.append(claim)

    def remove(self, claim: Claim) -> None:
        """Drop a claim, which the net does not hold any more."""
        self.left -= 1
        arrived = self._arrived
        if arrived and arrived[0] is claim:  # they leave as they came, mostly
            arrived.popleft()
            return
        if self._buckets and self._taken_out(claim):
            return
        while arrived and arrived[0][0] not in self._claims:
            arrived.popleft()
        if len(arrived) > 2 * self.left:
            self._arrived = deque(each for each in arrived if each.key in self._claims)

    def around(self, claim: Claim) -> Iterator[Key]:
        """Yield every claim whose range may lie inside or around that of `claim`."""
        self._sort()
        slack_ns = near_ns(claim.scope)
        first_ns = claim.start_ns - slack_ns - _before_ns(claim)
        yield from self.within(first_ns, claim.end_ns + slack_ns + self._furthest_ns)

    def within(self, first_ns: int, last_ns: int) -> Iterator[Key]:
        """Yield every claim whose range reaches into this one, and maybe some that do not."""
        self._sort()
        for bucket, entries in self._buckets.items():
            low = bisect_left(entries, (first_ns - (1 << bucket), ("", "")))
            high = bisect_right(entries, (last_ns, ("~", "~")))
            for _, key in entries[low:high]:
                yield key

    def _sort(self) -> None:
        """Put into buckets what arrived since the last search."""
        if not self._arrived:
            return
        touched: dict[int, list[tuple[int, Key]]] = {}
        # One that was forgotten and came back from the store may be among them twice.
        for key, claim in {each.key: each for each in self._arrived}.items():
            if key in self._claims:
                bucket = _bucket(claim)
                entries = touched[bucket] = self._buckets.setdefault(bucket, [])
                entries.append((claim.start_ns, key))
                self._furthest_ns = max(self._furthest_ns, _before_ns(claim))
        for entries in touched.values():
            entries.sort()  # what was sorted already is one run, which costs a comparison each
        self._arrived.clear()

    def _taken_out(self, claim: Claim) -> bool:
        """Drop a claim from its bucket; tell whether it was there."""
        entries = self._buckets.get(_bucket(claim), [])
        at = bisect_left(entries, (claim.start_ns, claim.key))
        if at == len(entries) or entries[at][1] != claim.key:
            return False
        del entries[at]
        if not entries:
            del self._buckets[_bucket(claim)]
        return True


def _bucket(claim: Claim) -> int:
    return (claim.end_ns - claim.start_ns).bit_length()


def _before_ns(claim: Claim) -> int:
    """Return how long before its own start the stream began whose end a claim reports."""
    seconds = claim.call.continues_seconds
    return 0 if seconds is None else round(seconds * 1e9) + NEXT_NS


class _Names:
    """Claims by a name that their call was given.

    Nearly every name belongs to one claim, which stands for itself; only several are kept apart by
    emitter, so that an emitter that repeats one name for ever makes nobody search long. `several`:
    how many names are kept so.
    """

    __slots__ = ("_claims", "_named", "several")

    def __init__(self, claims: dict[Key, Claim]) -> None:
        self._claims = claims
        self._named: dict[str, Key | dict[str, set[Key]]] = {}
        self.several = 0

    def add(self, name: str, claim: Claim) -> None:
        """Take a claim in."""
        key = claim.key
        known = self._named.setdefault(name, key)
        if known is key:
            return
        if isinstance(known, tuple):
            known = self._named[name] = {self._claims[known].emitter: {known}}
            self.several += 1
        known.setdefault(claim.emitter, set()).add(key)

    def remove(self, name: str, claim: Claim) -> None:
        """Drop a claim."""
        known = self._named.pop(name, None)
        if known is claim.key or known is None:  # as nearly always
            return
        if isinstance(known, dict):
            _discard(known, claim.emitter, claim.key)
            if known:
                self._named[name] = known
            else:
                self.several -= 1
        elif known != claim.key:
            self._named[name] = known

    def unique(self, name: str) -> bool:
        """Tell whether at most one claim has a name."""
        return not isinstance(self._named.get(name), dict)

    def only(self, name: str, keys: Collection[Key]) -> bool:
        """Tell whether no other claims than these have a name."""
        known = self._named.get(name)
        if not isinstance(known, dict):
            return known is None or known in keys
        for some in known.values():
            for key in some:
                if key not in keys:
                    return False
        return True

    def others(self, name: str, claim: Claim, *, same_emitter: bool) -> Iterator[Key]:
        """Yield the other claims with a name; those of the same emitter only if asked for."""
        known = self._named.get(name)
        if isinstance(known, dict):
            for emitter, keys in known.items():
                if same_emitter or emitter != claim.emitter:
                    yield from keys
        elif known is not None and known != claim.key:
            yield known


class Net:
    """All claims of the window, and which of them could be one call."""

    def __init__(self) -> None:
        self.claims: dict[Key, Claim] = {}
        self._below: dict[Key, set[Key]] = {}
        self._by_answer = _Names(self.claims)
        self._by_call = _Names(self.claims)
        self._by_process: dict[str, dict[str, _Timeline]] = {}

    def put(self, claim: Claim) -> None:
        """Add a claim, or replace it when its ancestors say something new."""
        if claim.key not in self.claims:
            self.add(claim)
            return
        self.claims[claim.key] = claim
        above = claim.above.claim
        if above is not None:
            self._below.setdefault(above, set()).add(claim.key)

    def add(self, claim: Claim) -> None:
        """Add a claim that is not here."""
        key, scope, process, _, _, _, _, fact, above, _ = claim
        call = fact.call
        assert call is not None, "the net holds claims of calls alone"
        self.claims[key] = claim
        if above.claim is not None:
            self._below.setdefault(above.claim, set()).add(key)
        if call.response_id:
            self._by_answer.add(call.response_id, claim)
        if call.call_id:
            self._by_call.add(call.call_id, claim)
        emitters = self._by_process.get(process)
        emitter = scope if call.part is None else claim.emitter
        if emitters is None:
            emitters = self._by_process[process] = {}
        timeline = emitters.get(emitter)
        if timeline is None:
            timeline = emitters[emitter] = _Timeline(self.claims)
        timeline.add(claim)

    def remove(self, claim: Claim) -> None:
        """Drop a claim that is here."""
        key, scope, process, _, _, _, _, fact, above, _ = claim
        call = fact.call
        assert call is not None, "the net holds claims of calls alone"
        del self.claims[key]
        if self._below:
            self._below.pop(key, None)
            if above.claim:
                _discard(self._below, above.claim, key)
        if call.response_id:
            self._by_answer.remove(call.response_id, claim)
        if call.call_id:
            self._by_call.remove(call.call_id, claim)
        emitters = self._by_process[process]
        emitter = scope if call.part is None else claim.emitter
        timeline = emitters[emitter]
        timeline.remove(claim)
        if not timeline.left:
            del emitters[emitter]
            if not emitters:
                del self._by_process[process]

    def around(self, start: Key) -> list[Claim]:
        """Return all claims that could be one call with `start`, directly or through others.

        At most about 64: a storm of short failing calls must not tie up the receiver.
        """
        claim = self.claims[start]
        if self.alone(claim):
            return [claim]
        found = {start: claim}
        queue = [start]
        while queue and len(found) < _LARGEST_NET:
            for other in self._neighbours(self.claims[queue.pop(0)]):
                if other.key not in found:
                    found[other.key] = other
                    queue.append(other.key)
        return list(found.values())

    def paired(self, claim: Claim) -> list[Claim] | None:
        """Return the two that are one call, `claim` being one, outermost first, if soon known.

        It is where one is below the other, and nothing else could have a part in them, as with two
        instrumentations. None where that takes a closer look.
        """
        above = claim.above.claim
        if above is not None and above in self.claims:
            return self._pair(self.claims[above], claim)
        below = self._below.get(claim.key, ())
        inner = self.claims.get(next(iter(below))) if len(below) == 1 else None
        return None if inner is None else self._pair(claim, inner)

    def _pair(self, outer: Claim, inner: Claim) -> list[Claim] | None:
        """Return two claims where one is below the other and nothing else has a part in them."""
        above, ours = outer.above.claim, (outer.key, inner.key)
        below = self._below.get(outer.key)
        if (
            inner.above.claim != outer.key
            or below is None
            or len(below) != 1
            or inner.key not in below
            or inner.key in self._below
            or (above is not None and above in self.claims)
            or outer.process != inner.process
            or outer.emitter == inner.emitter
            or len(self._by_process[outer.process]) != 2
        ):
            return None
        for call in (outer.fact.call, inner.fact.call):
            if call is None or call.refused or call.call_id:
                return None
            if call.response_id and not self._by_answer.only(call.response_id, ours):
                return None
        if outermost_first(inner) < outermost_first(outer):
            return [inner, outer]
        return [outer, inner]

    def alone(self, claim: Claim) -> bool:
        """Tell whether nothing is here that `claim` could be one call with, as nearly always.

        False where that takes a closer look.
        """
        above, call = claim.above.claim, claim.fact.call
        assert call is not None, "the net holds claims of calls alone"
        answers, calls = self._by_answer, self._by_call
        return (
            len(self._by_process[claim.process]) == 1
            and claim.key not in self._below
            and (above is None or above not in self.claims)
            and (not answers.several or not call.response_id or answers.unique(call.response_id))
            and (not calls.several or not call.call_id or calls.unique(call.call_id))
        )

    def within(self, process: str, first_ns: int, last_ns: int) -> Iterator[Claim]:
        """Yield the claims of a process in a range of time, and maybe some beside it."""
        for timeline in self._by_process.get(process, {}).values():
            for key in timeline.within(first_ns, last_ns):
                yield self.claims[key]

    def _neighbours(self, claim: Claim) -> Iterator[Claim]:
        certain = list(self._certain(claim))
        yield from certain
        emitters = self._by_process[claim.process]
        if len(emitters) == 1:  # the claim's own, as nearly always
            return
        settled = {other.emitter for other in certain} | {claim.emitter}
        for emitter, timeline in emitters.items():
            if emitter in settled:
                continue
            for key in timeline.around(claim):
                other = self.claims[key]
                if resemblance(claim, other) and not self._is_settled(other, claim.emitter):
                    yield other

    def _certain(self, claim: Claim) -> Iterator[Claim]:
        """Yield the claims tied to `claim` by nesting, by one response id or by one call id."""
        above = claim.above.claim
        if above is not None and above in self.claims:
            yield self.claims[above]
        for key in self._below.get(claim.key, ()):
            other = self.claims.get(key)
            if other is not None and key != above:
                yield other
        call = claim.call
        if call.response_id:
            for key in self._by_answer.others(call.response_id, claim, same_emitter=False):
                if same_answer(claim, self.claims[key]):
                    yield self.claims[key]
        if call.call_id:
            for key in self._by_call.others(call.call_id, claim, same_emitter=True):
                if key != claim.key:
                    yield self.claims[key]

    def _is_settled(self, claim: Claim, emitter: str) -> bool:
        return any(other.emitter == emitter for other in self._certain(claim))


def _discard(index: dict[Any, set[Key]], at: Any, key: Key) -> None:
    keys = index.get(at)
    if keys is not None:
        keys.discard(key)
        if not keys:
            del index[at]
