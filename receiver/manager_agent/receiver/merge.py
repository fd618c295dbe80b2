"""Pure: claims -> groups, each group being one billable call.

The rules a to e are those of the semconv reference, section 6. The outcome depends on the set of
claims alone, not on the order they arrived in.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

from manager_agent.receiver.attempts import apart, attempts_of
from manager_agent.receiver.claim import Claim, Key, close, follows, nested, told_twice
from manager_agent.receiver.home import told_by_several
from manager_agent.receiver.matching import matched
from manager_agent.receiver.models import undated

_Pair = tuple[Claim, Claim]


def same_answer(one: Claim, other: Claim) -> bool:
    """Rule b: different emitters saw one response id, or our guard gave both one call id."""
    if one.call.call_id is not None and one.call.call_id == other.call.call_id:
        return True
    return (
        one.emitter != other.emitter
        and one.call.response_id is not None
        and one.call.response_id == other.call.response_id
        and close(one, other)
    )


def resemblance(one: Claim, other: Claim) -> str | None:
    """Rules c to e: name the one by which two claims of one process may be the same call.

    "c": equal usage, or the two ends of one stream. "d": same model, and one of them knows nothing
    of the outcome. "e": both failed without usage. None: they may not. The time range of one lies
    inside the other's; of a span and a log record (`told_twice`) to two seconds.
    """
    if one.emitter == other.emitter or one.process != other.process:
        return None
    if one.call.refused or other.call.refused:
        return None  # a likeness must not make a call disappear
    if follows(one, other):
        return None if one.evidence and other.evidence else "c"
    if not nested(one, other) and not told_twice(one, other):
        return None
    left, right = one.call, other.call
    if left.input_tokens and (left.input_tokens, left.output_tokens or 0) == (
        right.input_tokens,
        right.output_tokens or 0,
    ):
        return "c"
    if left.provider != right.provider:
        return None
    if one.evidence != other.evidence and _same_model(one, other):
        return "d"
    if left.error and right.error and not (left.input_tokens or right.input_tokens):
        return "e"
    return None


def grouped(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Return the calls that `claims` make up, each as its claims in order of their start.

    A call that our gate refused never left: it is none, and so are the claims that tell of it.

    Certain rules (a: nested claims, b: one response id) join first; then attempts with call ids
    of their own are told apart. The likely rules (c to e) then join one to one, as many as can be:
    a call never takes two claims of one emitter by resemblance, nor two attempts.
    """
    if len(claims) == 1:
        return [] if claims[0].call.refused else [list(claims)]
    groups = _Groups(claims)
    by_key = {claim.key: claim for claim in claims}
    for claim in claims:
        above = by_key.get(claim.above.claim) if claim.above.claim else None
        if above is not None:
            groups.tie(claim, above)
    for one, other in combinations(claims, 2):
        if same_answer(one, other):
            groups.tie(one, other)
    groups.tell_apart()
    for rule, pairs in _likely(claims):
        _join_by_resemblance(groups, rule, pairs)
    return [group for group in groups.all() if not any(claim.call.refused for claim in group)]


def _likely(claims: Sequence[Claim]) -> Iterator[tuple[str, list[_Pair]]]:
    """Yield the resembling pairs of each rule and two emitters, the best first.

    Pairs that name different models come after all others of their rule: equal usage may be
    chance, and a model may have an alias. Two emitters whose best pair fits well go before others.
    """
    pairs = []
    for one, other in combinations(claims, 2):
        rule = resemblance(one, other)
        if rule is not None:
            pairs.append((rule, one, other))
    if len(pairs) == 1:  # as nearly always: there is nothing to choose
        yield pairs[0][0], [pairs[0][1:]]
        return
    ranked = sorted((_rank(rule, one, other) for rule, one, other in pairs), key=lambda r: r[:5])
    stages: dict[tuple[str, bool, str, str], list[_Pair]] = {}
    for rule, strangers, _, _, _, one, other in ranked:
        stages.setdefault((rule, strangers, one.emitter, other.emitter), []).append((one, other))
    for (rule, *_), stage in stages.items():
        yield rule, stage


def _rank(rule: str, one: Claim, other: Claim) -> tuple[str, bool, int, Key, Key, Claim, Claim]:
    if (other.emitter, other.key) < (one.emitter, one.key):
        one, other = other, one
    return rule, _other_model(one, other), _apart(one, other), one.key, other.key, one, other


def _apart(one: Claim, other: Claim) -> int:
    """Return how ill two claims fit in time, in nanoseconds."""
    for end, request in ((one, other), (other, one)):
        if end.call.continues_seconds is not None and end.scope == request.scope:
            return abs(end.start_ns - round(end.call.continues_seconds * 1e9) - request.end_ns)
    ends = abs(one.end_ns - other.end_ns)
    if _moment(one) or _moment(other):
        return 2 * ends
    return abs(one.start_ns - other.start_ns) + ends


def _moment(claim: Claim) -> bool:
    """Tell whether a claim is a record that knows when its call ended, but not when it began."""
    return claim.call.part == "log" and claim.start_ns == claim.end_ns


def _join_by_resemblance(groups: "_Groups", rule: str, pairs: Sequence[_Pair]) -> None:
    """Join groups by the likely pairs of two emitters, one to one."""
    fitting: dict[tuple[int, int], _Pair] = {}
    for one, other in pairs:
        if _may_join(groups, rule, one, other):
            at = id(groups.of(one.key)), id(groups.of(other.key))
            fitting.setdefault(at, (one, other))
    for at in matched(fitting):
        one, other = fitting[at]
        groups.join(one.key, other.key)


def _may_join(groups: "_Groups", rule: str, one: Claim, other: Claim) -> bool:
    left, right = groups.of(one.key), groups.of(other.key)
    if left is right or {claim.emitter for claim in left} & {claim.emitter for claim in right}:
        return False
    if len(attempts_of([*left, *right])) > 1 or groups.tied(one, other):
        return False
    if rule != "d":
        return True
    return any(claim.evidence for claim in left) != any(claim.evidence for claim in right)


def _same_model(one: Claim, other: Claim) -> bool:
    bare = undated if told_by_several(one.scope) else _bare
    names = [
        {bare(name) for name in (claim.call.request_model, claim.call.response_model) if name}
        for claim in (one, other)
    ]
    return bool(names[0] & names[1])


def _other_model(one: Claim, other: Claim) -> bool:
    """Tell whether two claims name models, or are below one that does, and these differ."""
    left, right = _models(one), _models(other)
    return bool(left and right) and left.isdisjoint(right)


def _models(claim: Claim) -> set[str]:
    call = claim.call
    said = call.request_model, call.response_model, claim.above.model
    return {undated(name) for name in said if name}


def _bare(model: str) -> str:
    return model.rsplit("/", 1)[-1].lower()


class _Groups:
    """Disjoint sets of claims."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._of: dict[Key, list[Claim]] = {claim.key: [claim] for claim in claims}
        self._ties: dict[Key, set[str]] = {}

    def of(self, key: Key) -> list[Claim]:
        return self._of[key]

    def tie(self, one: Claim, other: Claim) -> None:
        """Join two claims for certain; neither is then like another claim of that emitter."""
        self._ties.setdefault(one.key, set()).add(other.emitter)
        self._ties.setdefault(other.key, set()).add(one.emitter)
        self.join(one.key, other.key)

    def tied(self, one: Claim, other: Claim) -> bool:
        """Tell whether one of them has its claim of the other's emitter for certain.

        It need not be in one group with that: attempts are told apart. `Net` looks no further
        then, either.
        """
        return other.emitter in self._ties.get(one.key, ()) or one.emitter in self._ties.get(
            other.key, ()
        )

    def join(self, one: Key, other: Key) -> None:
        left, right = self._of[one], self._of[other]
        if left is right:
            return
        left.extend(right)
        for claim in right:
            self._of[claim.key] = left

    def tell_apart(self) -> None:
        for group in self._distinct():
            for attempt in apart(group):
                for claim in attempt:
                    self._of[claim.key] = attempt

    def all(self) -> list[list[Claim]]:
        return [sorted(group, key=outermost_first) for group in self._distinct()]

    def _distinct(self) -> list[list[Claim]]:
        return list({id(group): group for group in self._of.values()}.values())


def outermost_first(claim: Claim) -> tuple[int, int, Key]:
    """Return what to sort the claims of a call by: earliest start, then longest."""
    return claim.start_ns, -claim.end_ns, claim.key
