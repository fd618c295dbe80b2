"""Score: how sure it is that a run repeats itself without progress, part by part. Pure.

A score of 1 is a loop. What each repeat adds depends on what is known to be equal:

    proven      1/3   the same was done and the same came of it: three repeats are a loop
                      (a tool's arguments and result, or the last answer and result in a request)
    asked       1/4   the same whole request went out again; what was answered is not known
    failed      1/4   the same was done and failed the same way
    unanswered  1/6   the same tool with the same arguments; its results are not known
    counts      1/7   no digests, but exactly as many tokens in and out
    growth      1/7   no digests, but inputs that grow by exactly as many tokens, equal outputs
    error       1/10  one tool failed in the same way, whatever it was given
    result      1/40  one tool answered the same, whatever it was given; alone it never suffices

The weakest step of a cycle counts for all of it. Steps that only an agent's name ties together
count for less, since they may be of several runs. Input that grows while nothing new comes, and a
cycle that hands over between agents, add a little to what there is.
"""

from collections.abc import Iterable, Mapping

WEIGHTS: Mapping[str, float] = {
    "proven": 1 / 3,
    "asked": 1 / 4,
    "failed": 1 / 4,
    "unanswered": 1 / 6,
    "counts": 1 / 7,
    "growth": 1 / 7,
    "error": 1 / 10,
    "result": 1 / 40,
}
TIES: Mapping[str, float] = {
    "agents": 1.0,
    "trace": 1.0,
    "conversation": 1.0,
    "agent": 0.6,
    "lane": 0.3,
}
"""How much a repeat counts by what ties the steps of a run together."""

MOST: Mapping[str, float] = {"result": 0.6}
GROWING_INPUT, HANDED_OVER = 0.1, 0.15
POLL = 0.15
"""What is left of a repeat of a tool that waits by its name, but was called without waiting."""

LOOP = 1.0
"""The score of a loop."""

NEARLY = 0.8
"""A cycle of several agents that has come so far is not told as a loop of one of them."""


def weakest(proofs: Iterable[str]) -> str:
    """Return the proof that is worth least."""
    return min(proofs, key=lambda proof: (WEIGHTS[proof], proof))


def repeated(proof: str, repeats: int, of: str, polled: bool) -> float:
    """Return what repeats add; `of`: what ties the run together, `polled`: a tool meant to wait."""
    worth = WEIGHTS[proof] * TIES[of] * (POLL if polled else 1.0)
    return min(worth * repeats + 1e-9, MOST.get(proof, 100.0))
