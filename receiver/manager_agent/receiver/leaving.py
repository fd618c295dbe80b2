"""How a trace leaves the merge window: with all of its claims, and their versions sealed.

This runs for all that is ever taken in. What is looked up here lies where nobody has looked for
minutes, and each such look costs as much as ten steps elsewhere: so a trace is walked along what
it holds itself.
"""

from manager_agent.receiver.ancestry import Ancestry, Trace
from manager_agent.receiver.changes import Changes
from manager_agent.receiver.claim import Claim, Key
from manager_agent.receiver.net import Net
from manager_agent.receiver.standing import Standing
from manager_agent.receiver.sums import Sums


def linked_traces(trace_id: str, standing: Standing, ancestry: Ancestry) -> set[str]:
    """Return the trace and all that share a call with it, directly or through others."""
    linked, queue = {trace_id}, [trace_id]
    while queue:
        for other in standing.shares(queue.pop()):
            if other not in linked and other in ancestry.traces:
                linked.add(other)
                queue.append(other)
    return linked


def drop_claims(trace: Trace, net: Net, sums: Sums, tools: dict[Key, Claim]) -> list[Claim]:
    """Drop the claims of a trace; return them in the order that their spans came."""
    claims = [each for each in trace.spans.values() if isinstance(each, Claim)]
    for claim in claims:
        if claim.fact.call is not None:
            net.remove(claim)
        elif claim.fact.role == "sum":
            sums.forget(claim.key)
        else:
            del tools[claim.key]
    return claims


def drop_versions(trace_id: str, claims: list[Claim], standing: Standing, changes: Changes) -> None:
    """Drop what is published of a trace with these claims; what was open is sealed."""
    if standing.linked(trace_id):
        for claim in claims:
            if not standing.drop_lone(claim, changes):
                standing.drop_claim(claim.key, changes)
    standing.drop_trace(trace_id, changes)
