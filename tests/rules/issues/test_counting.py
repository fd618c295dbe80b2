"""Errors counted together are counted as they are one by one, however many there are."""

import random
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from manager_agent.rules.issues.counting import with_errors, without_error
from manager_agent.rules.issues.issue import HOUR_US, OTHERS, Counted, Tally


def _error(chance: random.Random, number: int) -> Counted:
    source = chance.choice(("call", "tool"))
    return Counted(
        key=f"{source} {number}",
        template_id="t",
        ts_us=chance.choice((0, 1, 30, 60, 120)) * HOUR_US + chance.randrange(5),
        agent=f"a{chance.randrange(140)}",
        model=chance.choice(("", "m1", "m2")),
        cost=chance.choice((None, 0, 7)),
        source="call" if source == "call" else "tool",
        variant="v",
        print="",
    )


@given(seed=st.integers(0, 2**32), number=st.integers(1, 200))
def test_together_is_as_one_by_one(seed: int, number: int) -> None:
    chance = random.Random(seed)
    errors = [_error(chance, at) for at in range(number)]
    first = Tally(errors[0].ts_us, errors[0].ts_us)

    together = with_errors(first, errors)

    assert together == reduce(lambda tally, one: with_errors(tally, [one]), errors, first)
    assert together.count == sum(together.agents.values()) == number
    assert len(together.agents) <= 101
    assert (OTHERS in together.agents) == (len({one.agent for one in errors}) > 100)


def test_what_is_taken_back_is_counted_no_more() -> None:
    one, other = (_error(random.Random(3), at) for at in range(2))
    tally = with_errors(Tally(one.ts_us, one.ts_us), [one])

    back = without_error(with_errors(tally, [other]), other)

    assert (back.count, back.cost, back.agents, back.hours) == (
        *(tally.count, tally.cost, tally.agents, tally.hours),
    )
