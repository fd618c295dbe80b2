"""Dollars burnt on failures, one telling at a time. Times are seconds from the start."""

import pytest

from manager_agent.rules.breaker import Terms
from manager_agent.rules.burn import Burn, Burnt

SECOND = 1_000_000
CENT = 10_000_000
TERMS = Terms(burnt_nano=100 * CENT, burnt_percent=50, burnt_us=600 * SECOND)


def failed(cents: int, calls: int = 1) -> Burnt:
    return Burnt(cents * CENT, cents * CENT, calls)


def well(cents: int) -> Burnt:
    return Burnt(cents * CENT)


def trips(*told: tuple[float, Burnt], terms: Terms = TERMS) -> str | None:
    burn = Burn()
    for at, one in told:
        burn = burn.add(one, int((6000 + at) * SECOND), terms)
    return burn.trips(terms)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param([(0, failed(100))], None, id="the limit itself is not above it"),
        pytest.param(
            [(0, failed(60, 2)), (300, failed(41))],
            "3 failed calls cost $1.01 in 10 min, of $1.01 spent",
            id="summed over the window",
        ),
        pytest.param(
            [(0, failed(100)), (1, well(60))], None, id="what is spent well does not count"
        ),
        pytest.param([(0, failed(60)), (601, failed(60))], None, id="what is old is forgotten"),
        pytest.param(
            [(0, failed(60)), (569, failed(60))],
            "2 failed calls cost $1.20 in 10 min, of $1.20 spent",
            id="to nearly its end it counts",
        ),
        pytest.param(
            [(0, failed(110)), (1, well(110))],
            "1 failed call cost $1.10 in 10 min, of $2.20 spent",
            id="half of all",
        ),
        pytest.param([(0, failed(110)), (1, well(111))], None, id="most is spent well"),
        pytest.param(
            [(0, failed(110)), (2, Burnt(-110 * CENT, -110 * CENT, -1)), (2, failed(20))],
            None,
            id="what was corrected does not count",
        ),
    ],
)
def test_when_it_trips(told: list[tuple[float, Burnt]], said: str | None) -> None:
    assert trips(*told) == said


def test_share_and_trip_can_be_switched_off() -> None:
    told = ((0.0, failed(110)), (1.0, well(9_000)))

    assert trips(*told, terms=Terms(burnt_nano=100 * CENT, burnt_percent=0)) is not None
    assert trips((0, failed(10**6)), terms=Terms(burnt_nano=0, burnt_percent=0)) is None


def test_by_default_five_dollars_in_ten_minutes_that_are_half_of_all() -> None:
    assert trips((0, failed(501)), (1, well(501)), terms=Terms()) is not None
    assert trips((0, failed(500)), terms=Terms()) is None
    assert trips((0, failed(501)), (1, well(502)), terms=Terms()) is None
