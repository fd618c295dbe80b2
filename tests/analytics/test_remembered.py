"""What is remembered of equal tables: never an answer about other rows, or to another question."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.analytics.remembered import Piece, Remembered, cut, joined, piece

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
asked: list[int] = []


def table(*numbers: int) -> pl.DataFrame:
    times = [START + timedelta(seconds=number) for number in numbers]
    return pl.DataFrame(
        {"ts": times, "n": list(numbers)},
        schema={"ts": pl.Datetime("us", "UTC"), "n": pl.Int64()},
    )


def total(rows: pl.DataFrame, times: int = 1) -> int:
    asked.append(rows.height)
    return int(rows["n"].sum()) * times


def doubled(rows: pl.DataFrame) -> pl.DataFrame:
    asked.append(rows.height)
    return rows.with_columns(pl.col("n") * 2)


@pytest.fixture(autouse=True)
def _nothing_asked() -> None:
    asked.clear()


def looked(known: Remembered, *tables: tuple[pl.DataFrame, Sequence[Piece] | None]) -> None:
    known.begin(tables)


def test_the_same_table_is_asked_about_once() -> None:
    known, rows = Remembered(), table(1, 2, 3)

    for _ in range(3):
        looked(known, (rows, None))
        assert [known.once(total, rows) for _ in range(2)] == [6, 6]

    assert asked == [3]


def test_another_table_value_or_function_is_another_question() -> None:
    known, rows = Remembered(), table(1, 2, 3)
    looked(known, (rows, None))
    assert known.once(total, rows) == 6
    assert known.once(total, rows, 2) == 12
    assert known.once(doubled, rows)["n"].to_list() == [2, 4, 6]

    other = table(4)
    looked(known, (other, None))

    assert known.once(total, other) == 4
    assert known.once(total, other, 2) == 8


def test_a_table_that_nobody_told_of_is_asked_about_each_time() -> None:
    known, rows = Remembered(), table(1)

    assert [known.once(total, rows), known.once(total, known.rows(rows, since=START))] == [1, 1]
    assert len(asked) == 2


def test_what_a_look_does_not_ask_for_is_forgotten() -> None:
    known, rows = Remembered(), table(1)
    looked(known, (rows, None))
    known.once(total, rows)
    looked(known, (rows, None))
    looked(known, (rows, None))

    known.once(total, rows)

    assert len(asked) == 2


def test_an_answer_that_is_a_table_can_be_asked_about_in_turn() -> None:
    known, rows = Remembered(), table(1, 2)
    for _ in range(2):
        looked(known, (rows, None))
        assert known.once(total, known.once(doubled, rows)) == 6

    assert asked == [2, 2]


def test_what_has_no_name_of_its_own_cannot_be_remembered() -> None:
    with pytest.raises(ValueError, match="only functions of modules"):
        Remembered().once(lambda rows: rows, table(1))


def test_stretches_of_unordered_tables_are_those_rows_that_fit() -> None:
    found = Remembered().rows(table(5, 1, 3), after=START + timedelta(seconds=1))

    assert found.frame["n"].to_list() == [5, 3]


@given(
    looks=st.lists(
        st.tuples(
            st.sets(st.integers(0, 5), max_size=3),  # of the six stretches those that change
            st.integers(0, 6),  # where the table begins, in stretches
            st.integers(-3, 20),  # bounds of what is asked for, in seconds
            st.integers(-3, 20),
            st.sampled_from(["since", "after"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_answers_about_stretches_are_as_if_nothing_were_remembered(
    looks: list[tuple[set[int], int, int, int, str]],
) -> None:
    """Stretches of three seconds are read anew where they changed, the table begins anywhere."""
    known = Remembered()
    parts = [table(*range(3 * at, 3 * at + 3)) for at in range(6)]
    pieces = [piece(part) for part in parts]
    for changed, skipped, low, high, side in looks:
        for at in changed:
            parts[at] = parts[at].with_columns(pl.col("n") + 100)
            pieces[at] = piece(parts[at])
        whole = pl.concat(parts)
        rows = whole[skipped:]
        looked(known, (rows, list(cut(pieces, skipped, whole.height))))
        since, before = START + timedelta(seconds=low), START + timedelta(seconds=high)

        bounds = {side: since, "before": before}
        found = known.once(total, known.rows(rows, **bounds))

        assert found == total(Remembered().rows(rows, **bounds).frame)


@pytest.mark.parametrize(
    ("pieces", "together"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(1, 0, 0), (2, 5, 5)], [], id="no rows"),
        pytest.param([(1, 0, 2), (1, 2, 5)], [(1, 0, 5)], id="one after the other"),
        pytest.param([(1, 0, 2), (2, 2, 2), (1, 2, 5)], [(1, 0, 5)], id="nothing between"),
        pytest.param([(1, 0, 2), (1, 3, 5)], [(1, 0, 2), (1, 3, 5)], id="a gap"),
        pytest.param([(1, 0, 2), (2, 2, 5)], [(1, 0, 2), (2, 2, 5)], id="read apart"),
    ],
)
def test_equal_rows_have_one_name(pieces: list[Piece], together: list[Piece]) -> None:
    assert list(joined(pieces)) == together
