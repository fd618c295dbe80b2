"""What is learned of the sizes of calls."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.instrumentation.learned import Learned, _bucket, _edge

WORST = 10**9


def learned(*sizes: int) -> Learned:
    made = Learned()
    for size in sizes:
        made.add(size)
    return made


@given(st.integers(0, 10**11))
def test_a_size_lies_in_its_bucket_and_buckets_are_narrow(size: int) -> None:
    place = _bucket(size)

    assert _edge(place) <= size < _edge(place + 1)
    assert _edge(place + 1) <= max(_edge(place) + 1, _edge(place) * 9 // 8 + 1)


def test_nothing_is_promised_before_there_were_enough() -> None:
    assert learned(*[100] * 199).at_most(WORST) == WORST


def test_calls_that_are_alike_need_little_more_than_they_use() -> None:
    assert 1000 < learned(*[1000] * 200).at_most(WORST) <= 1125


def test_no_more_than_the_worst_is_ever_reserved() -> None:
    assert learned(*[1000] * 200).at_most(700) == 700


@pytest.mark.parametrize("seed", range(5))
def test_the_share_that_is_asked_for_stays_below(seed: int) -> None:
    random = Random(seed)
    sizes = [int(random.lognormvariate(6, 1)) for _ in range(2000)]

    bound = learned(*sizes).at_most(WORST)

    assert 0.985 <= sum(size < bound for size in sizes) / len(sizes) <= 0.997


def test_one_call_far_larger_than_any_makes_it_careful_again() -> None:
    assert learned(*[1000] * 300, 3001).at_most(WORST) == WORST


def test_old_calls_fade() -> None:
    made = learned(*[2900] * 4000, *[1000] * 40_000)

    assert made.at_most(WORST) <= 1125


def test_sizes_beyond_all_buckets_are_the_worst() -> None:
    assert learned(*[1 << 60] * 300).at_most(1 << 61) == 1 << 61
