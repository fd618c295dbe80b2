"""Pure: attempts are calls of their own, whatever claims lie around several of them.

Our meter gives every attempt on the wire a call id. An SDK that tries again makes two attempts
under one span of its instrumentation, and an automatic function call makes two calls under one:
each was billed by itself.
"""

from collections.abc import Iterator, Mapping, Sequence

from manager_agent.receiver.claim import Claim, Key


def attempts_of(claims: Sequence[Claim]) -> set[str]:
    """Return the call ids that claims carry."""
    return {claim.call.call_id for claim in claims if claim.call.call_id is not None}


def apart(group: Sequence[Claim]) -> list[list[Claim]]:
    """Return a group with each of its attempts apart; the other claims go where they fit best.

    That is the attempt below or above them; of several the one with the same response id, else the
    last that succeeded, else the last. Who knows of an answer tells of no attempt that was refused.
    """
    attempts: dict[str, list[Claim]] = {}
    others = []
    for claim in group:
        if claim.call.call_id is None:
            others.append(claim)
        else:
            attempts.setdefault(claim.call.call_id, []).append(claim)
    if len(attempts) < 2 and not any(claim.call.refused for claim in group):
        return [list(group)]
    by_key = {claim.key: claim for claim in group}
    calls = {call_id: list(claims) for call_id, claims in attempts.items()}
    for claim in others:
        fits = [
            (_fit(claim, attempt, by_key), call_id)
            for call_id, stamped in attempts.items()
            for attempt in stamped
            if not (attempt.call.refused and claim.call.answered)
        ]
        calls.setdefault(max(fits)[1] if fits else "", []).append(claim)
    return list(calls.values())


def _fit(claim: Claim, attempt: Claim, by_key: Mapping[Key, Claim]) -> tuple[object, ...]:
    """Return how well a claim fits an attempt, for comparison."""
    tied = claim.key in _line(attempt, by_key) or attempt.key in _line(claim, by_key)
    answer = claim.call.response_id
    same = answer is not None and answer == attempt.call.response_id
    return tied, same, not attempt.call.error, attempt.end_ns, attempt.start_ns, attempt.key


def _line(claim: Claim, by_key: Mapping[Key, Claim]) -> Iterator[Key]:
    """Yield the claims above a claim, nearest first."""
    seen = {claim.key}
    above = claim.above.claim
    while above is not None and above in by_key and above not in seen:
        yield above
        seen.add(above)
        above = by_key[above].above.claim
