"""Looks at one run that repeats itself: what, how often, since when, at what cost. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from statistics import median
from typing import Any

from manager_agent.rules import loop_score as score
from manager_agent.rules.loop_cycle import Cycle, cycle
from manager_agent.rules.loop_pace import Pace, idle, pace

_LOOKED_AT = 400
"""Steps of a run, the last ones, in which a cycle is looked for."""

_SAMPLES = 50
"""So many equal calls side by side are no sampling any more."""

_AT_ONCE = 3.0
"""Seconds without anything to do, typically: repeats that only an agent's name ties together are of
one loop where they follow so soon. People who ask the same come when they like."""

_WEAK = frozenset({"asked", "counts", "growth"})
"""Calls that look equal and may yet be of a run whose tools make progress."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What the rule's settings say of cycles and waiting.

    `longest`: different steps in a cycle. `wait_seconds`: a regular wait so long is a poller's.
    `poll_tools`: patterns of names of tools that wait; `cursor_tools`: of those that give something
    else each time by design, so that calling one again says nothing where results are not known.
    """

    longest: int
    wait_seconds: float
    poll_tools: tuple[str, ...]
    cursor_tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """A run that repeats itself.

    `of`: trace, conversation, agents, agent or lane; `run`: its id, "" where there is none.
    `agents`: by what they spent, most first. `what`: the steps of the cycle. `proof`: what is
    equal. `cost`: nano-USD, of the model calls since `since`; `tokens` in and out. `parts`: of the
    score. `marks`: what it shares with other sights of the same loop.
    """

    of: str
    run: str
    agents: tuple[str, ...]
    what: tuple[str, ...]
    proof: str
    cycle: Cycle
    since: datetime
    last: datetime
    calls: int
    cost: int
    tokens: int
    identity: int
    marks: frozenset[tuple[object, ...]] = frozenset()
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """How sure it is; 1 and above is a loop."""
        return sum(self.parts.values())


Step = Mapping[str, Any]


def looked(run: Sequence[Step], by: str, kind: str, last: datetime, habits: Habits) -> Loop | None:
    """Return how a run repeats itself in its steps of a `kind` up to `last`; None: it does not.

    `run`: all steps of it; `by`: `sig` or `near`, what is compared.
    """
    mine = [s for s in run if s["kind"] == kind and s[by] is not None and s["ts"] <= last]
    mine = mine[-_LOOKED_AT:]
    longest = habits.longest if by == "sig" and mine[-1]["proof"] != "counts" else 3
    found = cycle([step[by] for step in mine], longest)
    members = mine[len(mine) - found.length :]
    if found.repeats < 2 or (members[0]["of"] == "agents" and len(_agents(members)) < 2):
        return None
    proof = score.weakest(s["proof" if by == "sig" else "near_proof"] for s in members)
    since = members[0]["ts"]
    around = [s for s in run if since <= s["ts"] and s["ts"] <= last]
    if proof in _WEAK and any(s["novel"] and s["kind"] == "tool" for s in around):
        return None
    if proof == "unanswered" and _named(members, habits.cursor_tools):
        return None
    polled = _named(around, habits.poll_tools)
    if _waits(members, by, around, polled, habits):
        return None
    return _loop(members, around, by, proof, found, polled)


def _waits(
    members: Sequence[Step], by: str, around: Sequence[Step], polled: bool, habits: Habits
) -> bool:
    """Tell whether somebody waits between the repeats, or makes them side by side."""
    common, _ = Counter(s[by] for s in members).most_common(1)[0]
    repeats = [(s["ts"], s["end"]) for s in members if s[by] == common]
    busy = [(s["ts"], s["end"]) for s in around]
    found: Pace = pace(repeats, busy, habits.wait_seconds)
    if found == "parallel":
        return len(repeats) < _SAMPLES
    if found == "at_once":
        most = 1.0 if polled else _AT_ONCE if members[0]["of"] in ("agent", "lane") else None
        return most is not None and median(idle(repeats, busy) or [0.0]) >= most
    return True


def _named(steps: Sequence[Step], patterns: Sequence[str]) -> bool:
    names = {s["name"].lower() for s in steps if s["kind"] == "tool"}
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _loop(
    members: Sequence[Step],
    around: Sequence[Step],
    by: str,
    proof: str,
    found: Cycle,
    polled: bool,
) -> Loop:
    first, of = members[0], members[0]["of"]
    agents = _agents(around if of == "agents" else members)
    calls = [s for s in around if s["kind"] == "call"]
    parts = {proof: score.repeated(proof, found.repeats, of, polled)}
    if _grows(calls):
        parts["growing_input"] = score.GROWING_INPUT
    if of == "agents" and found.distinct > 1:
        parts["handed_over"] = score.HANDED_OVER
    return Loop(
        of=of,
        run=(first["conversation"] if of == "conversation" else first["trace"])
        if of in ("trace", "conversation", "agents")
        else "",
        agents=agents,
        what=tuple(dict.fromkeys(s["name"] or s["kind"] for s in members)),
        proof=proof,
        cycle=found,
        since=first["ts"],
        last=members[-1]["ts"],
        calls=len(calls),
        cost=sum(s["cost"] or 0 for s in calls),
        tokens=sum((s["input"] or 0) + (s["output"] or 0) for s in calls),
        identity=min(s[by] for s in members),
        marks=_marks(members, agents),
        parts=parts,
    )


def _marks(members: Sequence[Step], agents: Sequence[str]) -> frozenset[tuple[object, ...]]:
    last, of = members[-1], members[-1]["of"]
    shared: set[tuple[object, ...]] = {("run", last["run"])}
    for agent in agents:
        shared.add((agent, last["kind"], last["ts"], last["sig"]))
        shared |= {(agent, key, last[key]) for key in ("trace", "conversation") if last[key]}
        if of in ("agent", "lane"):
            shared.add((agent, "lane"))
    return frozenset(shared)


def _agents(steps: Sequence[Step]) -> tuple[str, ...]:
    spent: Counter[str] = Counter()
    for step in steps:
        spent[step["agent"]] += (step["cost"] or 0) + 1
    return tuple(agent for agent, _ in sorted(spent.items(), key=lambda one: (-one[1], one[0])))


def _grows(calls: Sequence[Step]) -> bool:
    inputs = [s["input"] for s in calls if s["input"] is not None]
    return len(inputs) >= 3 and inputs == sorted(inputs) and inputs[0] < inputs[-1]
