"""What a sequence ends in: the same few steps, in whatever order, however often."""

import pytest

from manager_agent.rules.loop_cycle import cycle


@pytest.mark.parametrize(
    ("sequence", "distinct", "times"),
    [
        pytest.param("xyzaaaa", 1, 4, id="one step"),
        pytest.param("xyzabababab", 2, 4, id="a round of two"),
        pytest.param("xyzabcabcabcabc", 3, 4, id="a round of three"),
        pytest.param("xyzabbaabba", 2, 4, id="a round the other way"),
        pytest.param("abcdefg", 1, 1, id="nothing repeats"),
        pytest.param("aaaab", 2, 2, id="something new came last"),
        pytest.param("aaaa", 1, 4, id="nothing else ever was"),
    ],
)
def test_cycle(sequence: str, distinct: int, times: int) -> None:
    found = cycle(sequence, 12)

    assert (found.distinct, found.times) == (distinct, times)


def test_more_steps_than_a_round_may_have_are_none() -> None:
    assert cycle("abcdef" * 5, 5).times == 1
    assert cycle("abcdef" * 5, 6).times == 5


def test_nothing_has_no_cycle() -> None:
    assert cycle("", 12).length == 0
