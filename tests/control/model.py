"""The lease protocol as a model small enough to try everything that can happen.

Two holders and a manager share a limit; calls reserve one and cost at most that. At any moment a
holder may crash, be given up while it lives, or come back; a message may be lost, repeated or
overtaken by a newer one; a call of a dead process is billed all the same. There is no clock: what
holds here holds whatever clocks say. `explore` visits every state that can be reached, and returns
the shortest way to one in which more is billed than the limit, if there is one.

`python -m tests.control.model 2 1` explores a limit of 2 with one message each way on its way.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeVar


class Variant(Enum):
    """The protocol, and ways to weaken it that look harmless."""

    PROTOCOL = "the protocol"
    DELTAS = "grants are differences"
    REFUND_AT_EXPIRY = "what a silent holder had left is free at once"
    REFUND_BY_REPORT = "... but for what its last report had reserved"
    CANCELLED_IS_FREE = "a cancelled call is settled at nothing"
    COSTS_MORE = "a call may cost more than it reserved"
    FORGETS_HOLDERS = "a holder that was given up is forgotten, and begins anew when it reports"


class Holder(NamedTuple):
    """What a process knows. `mode`: 2 reserves, 1 only settles (fenced), 0 is dead.

    `orphans`: calls of a dead process that may still be billed; `reserved` stays in its journal.
    """

    mode: int
    granted: int
    returned: int
    settled: int
    reserved: int
    orphans: int = 0


class Row(NamedTuple):
    """What the manager knows of a holder; `booked`: of an earlier row under the same name."""

    closed: bool
    granted: int
    returned: int
    settled: int
    reserved: int
    booked: int


class Side(NamedTuple):
    """One holder, its row, and the last messages each way, which may arrive again and again."""

    holder: Holder
    row: Row
    reports: tuple[tuple[int, int, int], ...]
    grants: tuple[int, ...]


class State(NamedTuple):
    """Everything, and what the provider has billed."""

    sides: tuple[Side, Side]
    billed: int


@dataclass(frozen=True)
class Found:
    """`steps`: the way to a state that breaks the law; None where there is none."""

    states: int
    steps: list[str] | None


class World(NamedTuple):
    """What is explored."""

    variant: Variant
    limit: int
    messages: int


T = TypeVar("T")
START = State((Side(Holder(2, 0, 0, 0, 0), Row(False, 0, 0, 0, 0, 0), (), ()),) * 2, 0)


def explore(variant: Variant, limit: int, messages: int = 2) -> Found:
    """Visit every state that can be reached, nearest first.

    `messages`: how many of the last ones each way may still arrive.
    """
    world = World(variant, limit, messages)
    came: dict[State, tuple[State, str] | None] = {START: None}
    frontier = [START]
    while frontier:
        following = []
        for state in frontier:
            for name, new in _steps(state, world):
                if new in came:
                    continue
                came[new] = (state, name)
                if new.billed > limit:
                    return Found(len(came), _way(came, new))
                following.append(new)
        frontier = following
    return Found(len(came), None)


def _way(came: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    steps: list[str] = []
    while (before := came[state]) is not None:
        state, name = before
        steps.append(name)
    return steps[::-1]


def _steps(state: State, world: World) -> Iterator[tuple[str, State]]:
    used = sum(_used(side.row, world.variant) for side in state.sides)
    for place, side in enumerate(state.sides):
        other = state.sides[1 - place]
        for name, new, billed in _side_steps(side, world, used < world.limit):
            # The two are alike, so one order of them stands for both.
            sides = (new, other) if new <= other else (other, new)
            yield f"{name} {place}", State(sides, state.billed + billed)


def _side_steps(side: Side, world: World, free: bool) -> Iterator[tuple[str, Side, int]]:
    for name, holder, billed in _holder_steps(side.holder, world.variant):
        yield name, side._replace(holder=holder), billed
    yield from _sent(side, world, free)
    yield from _arrived(side, world.variant)
    for name, row in _manager_steps(side):
        yield name, side._replace(row=row), 0


def _holder_steps(holder: Holder, variant: Variant) -> Iterator[tuple[str, Holder, int]]:
    available = holder.granted - holder.returned - holder.settled - holder.reserved
    if holder.mode == 2 and available > 0:
        yield "reserve", holder._replace(reserved=holder.reserved + 1), 0
        yield "give back", holder._replace(returned=holder.returned + available), 0
    if not holder.mode:
        if holder.orphans:
            yield "bill the dead", holder._replace(orphans=holder.orphans - 1), 1
        return
    yield "crash", holder._replace(mode=0, orphans=holder.reserved), 0
    if not holder.reserved:
        return
    ended = holder._replace(reserved=holder.reserved - 1)
    for cost in (0, 1, 2) if variant is Variant.COSTS_MORE else (0, 1):
        yield f"settle {cost}", _settled(ended, cost), cost
    if variant is Variant.CANCELLED_IS_FREE:
        yield "cancel", _settled(ended, 0), 1


def _settled(holder: Holder, cost: int) -> Holder:
    settled = holder._replace(settled=holder.settled + cost)
    if settled.mode == 2:
        return settled
    left = settled.granted - settled.returned - settled.settled - settled.reserved
    return settled._replace(returned=settled.returned + max(0, left))


def _sent(side: Side, world: World, free: bool) -> Iterator[tuple[str, Side, int]]:
    holder, row = side.holder, side.row
    if holder.mode:
        report = (holder.returned, holder.settled, holder.reserved)
        if report not in side.reports:
            yield "send", side._replace(reports=_last((*side.reports, report), world)), 0
    # Totals only grow; a bound on them keeps the states finite.
    if free and not row.closed and row.granted <= world.limit:
        granted = row.granted + 1
        said = 1 if world.variant is Variant.DELTAS else granted
        yield (
            "grant",
            side._replace(
                row=row._replace(granted=granted), grants=_last((*side.grants, said), world)
            ),
            0,
        )


def _last(said: tuple[T, ...], world: World) -> tuple[T, ...]:
    return said[-world.messages :]


def _arrived(side: Side, variant: Variant) -> Iterator[tuple[str, Side, int]]:
    holder, row = side.holder, side.row
    for said in side.grants:
        if holder.mode != 2:
            continue
        if variant is Variant.DELTAS and holder.granted < 4:
            yield "granted", side._replace(holder=holder._replace(granted=holder.granted + said)), 0
        elif said > holder.granted:
            yield "granted", side._replace(holder=holder._replace(granted=said)), 0
    for returned, settled, reserved in side.reports:
        heard = _heard(row, variant)
        new = heard._replace(
            returned=max(heard.returned, returned),
            settled=max(heard.settled, settled),
            reserved=reserved,
        )
        if variant is not Variant.FORGETS_HOLDERS:  # what lacks is granted after the fact
            new = new._replace(granted=max(new.granted, new.returned + new.settled))
        yield "reported", side._replace(row=new), 0
    if row.closed and holder.mode == 2:
        available = holder.granted - holder.returned - holder.settled - holder.reserved
        fenced = holder._replace(mode=1, returned=holder.returned + max(0, available))
        if variant is not Variant.FORGETS_HOLDERS:
            yield "fenced", side._replace(holder=fenced), 0


def _heard(row: Row, variant: Variant) -> Row:
    if row.closed and variant is Variant.FORGETS_HOLDERS:
        return Row(False, 0, 0, 0, 0, row.booked + row.granted - row.returned)
    return row


def _manager_steps(side: Side) -> Iterator[tuple[str, Row]]:
    holder, row = side.holder, side.row
    if not row.closed:
        yield "give up", row._replace(closed=True)
    if not holder.mode:  # the journal that a dead process left
        settled = max(row.settled, holder.settled)
        returned = max(row.returned, row.granted - settled - holder.reserved)
        yield "recover", row._replace(closed=True, settled=settled, returned=returned)


def _used(row: Row, variant: Variant) -> int:
    """Return what the manager counts as used by a holder: settled, in doubt and outstanding."""
    if row.closed and variant is Variant.REFUND_AT_EXPIRY:
        return row.settled
    if row.closed and variant is Variant.REFUND_BY_REPORT:
        return min(row.settled + row.reserved, row.granted - row.returned)
    return row.booked + row.granted - row.returned


def main(limit: int = 1, messages: int = 2) -> None:
    for variant in Variant:
        began = time.perf_counter()
        found = explore(variant, limit, messages)
        took = time.perf_counter() - began
        said = f"broken in {len(found.steps)} steps" if found.steps else "holds"
        print(f"{variant.value}: {said}, {found.states} states, {took:.1f} s", flush=True)
        print(*found.steps or [], sep=", ")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
