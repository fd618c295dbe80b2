"""Likely pairs, one to one: as many as can be, the likeliest first."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from manager_agent.receiver.matching import matched

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abcde")), max_size=9, unique=True)


def side_by_side(pairs: tuple[tuple[int, str], ...]) -> bool:
    lefts, rights = [left for left, _ in pairs], [right for _, right in pairs]
    return len({*lefts}) == len(lefts) and len({*rights}) == len(rights)


@given(pairs=PAIRS)
def test_no_choice_is_larger(pairs: list[tuple[int, str]]) -> None:
    """Compared with all choices there are."""
    chosen = matched(pairs)
    largest = max(
        size
        for size in range(len(pairs) + 1)
        if any(side_by_side(some) for some in combinations(pairs, size)) or size == 0
    )

    assert side_by_side(tuple(chosen))
    assert set(chosen) <= set(pairs)
    assert len(chosen) == largest


def test_the_likeliest_pairs_are_kept_where_nobody_is_left_alone() -> None:
    assert set(matched([(1, "b"), (1, "a"), (2, "b"), (2, "a")])) == {(1, "b"), (2, "a")}


def test_a_pair_makes_room_for_two() -> None:
    assert set(matched([(1, "b"), (1, "a"), (2, "b")])) == {(1, "a"), (2, "b")}
