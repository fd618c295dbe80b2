"""A circuit breaker, one step at a time. Times are seconds from the start of each test."""

from dataclasses import replace

import pytest

from manager_agent.rules import breaker as machine
from manager_agent.rules.breaker import Breaker, Held, Probe, Seen, Terms, Window

SECOND = 1_000_000
TERMS = Terms()
HOUR = 3600


def seen(*told: tuple[float, Seen], terms: Terms = TERMS) -> str | None:
    """Return why a window trips after what was told at some times."""
    window = Window()
    for at, one in told:
        window = window.add(one, int((1000 + at) * SECOND), terms)
    return window.trips(terms)


def failures(number: int) -> Seen:
    return Seen(failed=number, streak=number)


def half_open(now: float = 0) -> Breaker:
    return Breaker("half_open", "5 failures in a row", int(now * SECOND), openings=1)


def probe(breaker: Breaker, result: machine.Result, now: float = 1) -> Breaker:
    with_one = machine.given(breaker, Probe("p", "h", int(now * SECOND)))
    return machine.probed(with_one, "p", result, int(now * SECOND), 0.0, TERMS)


@pytest.mark.parametrize(
    ("told", "trips"),
    [
        ([(0, failures(5))], "5 failures in a row"),
        ([(0, failures(4))], None),
        ([(0, failures(3)), (1, failures(2))], "5 failures in a row"),
        ([(0, failures(3)), (1, Seen(ok=1)), (2, failures(4))], None),
        ([(0, failures(3)), (1, Seen(ok=9, failed=3, streak=1)), (2, failures(4))], "5 failures"),
        ([(0, failures(4)), (3600, failures(1))], "5 failures in a row"),
        ([(0, Seen(ok=10, failed=10, streak=1))], "10 of 20 calls in 60 s failed"),
        ([(0, Seen(ok=11, failed=10, streak=1))], None),
        ([(0, Seen(ok=9, failed=10, streak=1))], None),
        ([(0, Seen(ok=5, failed=9)), (30, Seen(ok=5, failed=1))], "10 of 20 calls"),
        ([(0, Seen(ok=5, failed=9)), (66, Seen(ok=5, failed=1))], None),
        ([(0, Seen(ok=20, slow=16))], "16 of 20 calls in 60 s were slow"),
        ([(0, Seen(ok=20, slow=15))], None),
        ([(0, Seen(ok=10, slow=8)), (59, Seen(ok=10, slow=8))], "16 of 20"),
    ],
)
def test_when_it_trips(told: list[tuple[float, Seen]], trips: str | None) -> None:
    found = seen(*told)

    assert (found is None) if trips is None else (found or "").startswith(trips)


def test_it_is_open_twice_as_long_each_time_up_to_the_maximum() -> None:
    breaker, now = Breaker(), 10 * HOUR * SECOND
    lengths = []
    for _ in range(6):
        breaker = machine.opened(breaker, "x", now, 0.0, TERMS)
        lengths.append((breaker.until_us - now) // SECOND)
        now = breaker.until_us
        breaker = machine.at(breaker, now, TERMS)
        assert breaker.phase == "half_open"

    assert lengths == [300, 600, 1200, 2400, 3600, 3600]


def test_jitter_lengthens_it_by_at_most_a_tenth_and_never_beyond_the_maximum() -> None:
    first = machine.opened(Breaker(), "x", HOUR * SECOND, 0.999, TERMS)
    last = machine.opened(Breaker("half_open", openings=9), "x", HOUR * SECOND, 0.999, TERMS)

    assert 329 * SECOND < first.until_us - first.since_us < 330 * SECOND
    assert last.until_us - last.since_us == 3600 * SECOND


def test_three_successes_in_a_row_close_it_and_a_failure_reopens() -> None:
    twice = probe(probe(half_open(), "ok"), "ok")
    neither = probe(twice, "neither")

    assert (twice.phase, twice.good) == ("half_open", 2)
    assert (neither.phase, neither.good) == ("half_open", 2)
    assert probe(neither, "ok").phase == "closed"
    again = probe(twice, "failed")
    assert (again.phase, again.openings, again.good) == ("open", 2, 0)
    assert again.until_us - again.since_us == 600 * SECOND
    assert again.reason == "5 failures in a row; a probe failed"
    assert probe(replace(again, phase="half_open"), "failed").reason == again.reason


def test_one_that_fails_right_after_it_closed_is_open_longer() -> None:
    closed = machine.closed(half_open(), 0)

    soon = machine.opened(closed, "x", 299 * SECOND, 0.0, TERMS)
    later = machine.opened(closed, "x", 300 * SECOND, 0.0, TERMS)

    assert (soon.until_us - soon.since_us, soon.openings) == (600 * SECOND, 2)
    assert (later.until_us - later.since_us, later.openings) == (300 * SECOND, 1)


def test_there_is_one_probe_and_an_idle_one_goes_to_who_wants_it() -> None:
    lent = machine.given(half_open(), Probe("p", "h1", 0))

    assert machine.wants_probe(half_open(), "h1", 0, TERMS)
    assert not machine.wants_probe(lent, "h2", 9 * SECOND, TERMS)
    assert machine.wants_probe(lent, "h2", 10 * SECOND, TERMS)
    assert not machine.wants_probe(lent, "h1", 10 * SECOND, TERMS), "it has it already"
    assert not machine.wants_probe(machine.begun(lent, "p"), "h2", 60 * SECOND, TERMS)
    assert not machine.wants_probe(Breaker(), "h2", 60 * SECOND, TERMS)


def test_a_probe_that_nobody_tells_of_is_taken_back() -> None:
    under_way = machine.begun(machine.given(half_open(), Probe("p", "h1", 0)), "p")

    assert machine.at(under_way, 119 * SECOND, TERMS).probe is not None
    after = machine.at(under_way, 120 * SECOND, TERMS)
    assert after.probe is None
    assert machine.probed(after, "p", "failed", 121 * SECOND, 0.0, TERMS) == after, "too late"


def test_the_word_of_another_probe_changes_nothing() -> None:
    lent = machine.given(half_open(), Probe("p", "h1", 0))

    assert machine.probed(lent, "older", "failed", SECOND, 0.0, TERMS) == lent
    assert machine.begun(lent, "older") == lent


def test_people_hold_it_until_their_time_is_over() -> None:
    held = machine.hold(half_open(), Held("open", 60 * SECOND, "ann", "deploy"), SECOND)

    assert (held.shown, held.phase) == ("open", "half_open")
    assert machine.at(held, 59 * SECOND, TERMS).shown == "open"
    assert machine.at(held, 60 * SECOND, TERMS).shown == "half_open", "what it was goes on"


def test_held_closed_is_closed_for_good_and_needs_no_end() -> None:
    held = machine.hold(half_open(), Held("closed", None, "ann", ""), SECOND)

    assert machine.at(held, 10 * HOUR * SECOND, TERMS).shown == "closed"
    assert held.phase == "closed"
