"""Calls of one kind go their way: it reserves what a closer look does, and ends with a new word."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.decision import Allow
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bounds import Bounds
from tests.harness.alone import AGENT, MODEL, Alone, call, rates
from tests.harness.metered import CHAT, asked

KNOWN = rates()
DAY_NS = 86_400 * 10**9


def counts(most: int) -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(0, most)


@given(
    size=counts(10**7),
    written=counts(10**6),
    choices=st.sampled_from([1, 1, 1, 2]),
    media=st.sampled_from([0, 0, 0, 1]),
    held=st.sampled_from([False, False, True]),
)
def test_it_reserves_what_a_closer_look_does(
    size: int | None, written: int | None, choices: int, media: int, held: bool
) -> None:
    here = Alone(KNOWN, calls=10**6)
    body = Asked(
        MODEL,
        body_bytes=size,
        max_output_tokens=written,
        choices=choices,
        media=media,
        held_context=held,
    )
    ask = asked(CHAT, body, call().identity, started_ns=call().started_ns)
    (way,) = here.guard._ways.values()

    found = way.hold(ask, here.now)

    if found is None:
        assert size is None or choices > 1 or media or held
    else:
        wallet, reservation, fields = found
        bound = Bounds(KNOWN).of(ask, way.policy)
        assert bound is not None
        assert fields == bound
        assert wallet is here.wallet
        assert reservation == (here.lease(), bound.nano, None, bound.tokens)


def a_day_later(here: Alone) -> int:
    return DAY_NS


def other_rates(here: Alone) -> int:
    here.guard._bounds.models = {}
    return 0


def a_policy(here: Alone) -> int:
    here.word.policies[AGENT] = replace(here.word.policies[AGENT], enforcement="firm")
    return 0


def time_to_ask_anew(here: Alone) -> int:
    here.now += 301 * 10**9
    return 0


@pytest.mark.parametrize("word", [a_day_later, other_rates, a_policy, time_to_ask_anew])
def test_a_new_word_ends_it(word: Callable[[Alone], int]) -> None:
    here, ask = Alone(KNOWN), call()
    assert here.guard._on_its_way(call()) is not None

    ask.started_ns += word(here)

    assert here.guard._on_its_way(ask) is None


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({"approve_models": (MODEL,)}, id="about its model"),
        pytest.param({"approve_above_nano": 1}, id="about its cost"),
        pytest.param({"approve_tools": ("shell",)}, id="about tools"),
    ],
)
def test_where_people_are_asked_each_call_is_looked_at(wish: Any) -> None:
    here = Alone(KNOWN)
    here.word.policies[AGENT] = replace(here.word.policies[AGENT], **wish)

    assert here.guard._on_its_way(call()) is None
    here.guard.decide(call())
    assert here.guard._on_its_way(call()) is None


def test_a_child_of_a_fork_begins_without_its_parents_money() -> None:
    here = Alone(KNOWN)

    here.guard.after_fork()

    assert here.guard._on_its_way(call()) is None
    assert not isinstance(here.guard.decide(call()), Allow)
