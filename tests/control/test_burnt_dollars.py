"""An agent whose failed calls are dear is stopped, and nobody else."""

import pytest

from manager_agent.control.commands import Tick
from manager_agent.control.keeper import KeeperError
from manager_agent.control.observed import Spent
from manager_agent.rules.breaker import Terms
from tests.control.breaker_fleet import BreakerFleet

DOLLAR = 10**9
TERMS = Terms(burnt_nano=5 * DOLLAR)


@pytest.fixture
def fleet() -> BreakerFleet:
    return BreakerFleet("h1", "h2", terms=TERMS)


def burn(fleet: BreakerFleet, agent: str = "a", dollars: int = 2, model: str = "gpt-4o") -> None:
    """Tell of a failed call, and of a good one that cost half as much."""
    nano = dollars * DOLLAR
    fleet.decide(Spent(agent, "openai", model, nano * 3 // 2, nano, 1))


def burnt(fleet: BreakerFleet, agent: str = "a", model: str = "gpt-4o") -> None:
    for _ in range(3):
        burn(fleet, agent, model=model)


def test_it_opens_the_agents_breaker_with_the_figures_and_closes_again(fleet: BreakerFleet) -> None:
    burn(fleet)
    burn(fleet)
    assert fleet.state("a") == "closed"
    burn(fleet)

    assert (fleet.state("a"), fleet.state()) == ("open", "closed")
    assert fleet.view("a").reason == "3 failed calls cost $6.00 in 10 min, of $9.00 spent"
    assert [event.why for event in fleet.keeper.events] == [fleet.view("a").reason]
    fleet.tick(0)
    assert not fleet.call("h1"), "refused in the agent's process"
    assert fleet.call("h2", agent="b"), "others go on"
    fleet.exchange()
    fleet.tick(300)
    for _ in range(3):
        assert fleet.call("h1")
        fleet.exchange()
    assert fleet.state("a") == "closed"
    burn(fleet)
    assert fleet.state("a") == "closed", "it begins anew"


def test_a_family_that_fails_is_to_blame_whatever_it_costs(fleet: BreakerFleet) -> None:
    burn(fleet)
    burn(fleet)
    for _ in range(5):
        fleet.call("h2", 500, "b")
    fleet.exchange()
    assert fleet.state() == "open"

    burnt(fleet)
    assert fleet.state("a") == "closed", "nothing of it is held against the agent"
    burn(fleet, model="gpt-4o-mini")
    assert fleet.state("a") == "closed", "nor what was told before"
    burnt(fleet, model="gpt-4o-mini")
    assert fleet.state("a") == "open", "another family's is"


def test_one_agent_in_ten_as_for_all_trips(fleet: BreakerFleet) -> None:
    burnt(fleet, "a")
    burnt(fleet, "b")

    assert (fleet.state("a"), fleet.state("b")) == ("open", "closed")
    told = fleet.keeper.events[-1]
    assert told.subject == "b"
    assert str(told.why).endswith("but 1 of 2 agents are stopped already")


def test_what_people_hold_closed_stays_closed_and_counts_anew_after(fleet: BreakerFleet) -> None:
    fleet.people("a", "closed", 60)
    burnt(fleet)
    assert fleet.state("a") == "closed"
    fleet.tick(61)
    burn(fleet)

    assert fleet.state("a") == "closed"


def test_where_nothing_can_be_stored_nothing_is_counted_twice(fleet: BreakerFleet) -> None:
    burn(fleet)
    fleet.keeper.fail = True
    with pytest.raises(KeeperError):
        fleet.decide(Spent("a", "openai", "gpt-4o", 4 * DOLLAR, 4 * DOLLAR, 1))
    fleet.decide(Tick())
    assert fleet.state("a") == "closed"

    fleet.decide(Spent("a", "openai", "gpt-4o", 2 * DOLLAR, 2 * DOLLAR, 1))
    assert fleet.state("a") == "closed"
    burn(fleet)
    assert fleet.state("a") == "open"


def test_without_failures_in_the_window_it_is_forgotten(fleet: BreakerFleet) -> None:
    burn(fleet)
    burn(fleet)
    fleet.tick(601)
    burn(fleet)

    assert fleet.state("a") == "closed"
