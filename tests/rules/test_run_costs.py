"""What runs cost, call by call. Times are minutes from the start; money is in cents."""

from typing import Literal

from manager_agent.rules.run_costs import Run, RunBook, RunKey, RunRow

MINUTE = 60 * 1_000_000
CENT = 10_000_000


def told(
    book: RunBook, name: str, minute: float, cents: int, calls: int = 1, agent: str = "a"
) -> None:
    us = int((1000 + minute) * MINUTE)
    scope: Literal["conversation"] = "conversation"
    book.add(RunKey(agent, scope, name), Run(cents * CENT, calls, us, us + MINUTE // 2))


def rows(book: RunBook, minute: float) -> list[RunRow]:
    return book.rows(int((1000 + minute) * MINUTE))


def test_a_run_is_the_sum_of_its_calls_from_the_first_to_the_last() -> None:
    book = RunBook()
    for minute in (3, 0, 5):
        told(book, "r1", minute, 40)
    told(book, "r1", 5, 10, agent="b")

    first, second = rows(book, 6)
    assert (first.key.agent, first.run.cost, first.run.calls) == ("a", 120 * CENT, 3)
    assert first.run.last_us - first.run.since_us == 5.5 * MINUTE
    assert (second.key.agent, second.run.cost, second.earlier) == ("b", 10 * CENT, 0)


def test_corrections_are_taken_off_and_a_run_without_calls_is_none() -> None:
    book = RunBook()
    told(book, "r1", 0, 40)
    told(book, "r1", 0, -40, -1)
    told(book, "r2", 0, 40)
    told(book, "r2", 0, 40)
    told(book, "r2", 0, -10, -1)

    (row,) = rows(book, 1)
    assert (row.key.name, row.run.cost, row.run.calls) == ("r2", 70 * CENT, 1)


def test_half_an_hour_without_a_call_ends_a_run_and_later_ones_are_held_against_it() -> None:
    book = RunBook()
    for number, cents in enumerate((10, 30, 80)):
        told(book, f"r{number}", 0, cents)
    told(book, "now", 30, 1)
    assert [row.key.name for row in rows(book, 30.4)] == ["r2", "r1", "r0", "now"]

    (row,) = rows(book, 31)
    assert (row.key.name, row.earlier, row.typical, row.dearest) == (
        *("now", 3),
        *(30 * CENT, 80 * CENT),
    )


def test_a_conversation_that_goes_on_the_next_day_is_another_run() -> None:
    book = RunBook()
    told(book, "r1", 0, 90)
    told(book, "r1", 40, 2)

    (row,) = rows(book, 41)
    assert (row.run.cost, row.earlier, row.dearest) == (2 * CENT, 1, 90 * CENT)


def test_a_copy_goes_its_own_way() -> None:
    book = RunBook()
    told(book, "r1", 0, 10)
    copy = book.copy()
    told(copy, "r1", 1, 10)
    rows(copy, 90)

    assert [row.run.cost for row in rows(book, 2)] == [10 * CENT]
    assert book.over == {}


def test_only_the_last_two_hundred_and_what_cost_something_count() -> None:
    book = RunBook()
    for number in range(230):
        told(book, f"r{number}", number / 1000, 100 if number < 30 else number % 2)
    told(book, "now", 60, 1)

    (row,) = rows(book, 61)
    assert (row.earlier, row.dearest) == (130, 100 * CENT)
