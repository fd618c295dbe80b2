"""Breakers of a fleet: the manager's decisions, and what processes do by them."""

import pytest

from manager_agent.contract.decision import Refuse
from manager_agent.contract.guard import Outcomes
from manager_agent.control.commands import Gone, Tick, To
from manager_agent.control.keeper import KeeperError
from manager_agent.instrumentation.call import Ask
from tests.control.breaker_fleet import BreakerFleet
from tests.harness.metered import ended


@pytest.fixture
def fleet() -> BreakerFleet:
    return BreakerFleet("h1", "h2")


def fail(fleet: BreakerFleet, name: str, times: int, agent: str = "a", status: int = 500) -> int:
    """Fail so often, each told at once; return how many calls left."""
    left = 0
    for _ in range(times):
        left += fleet.call(name, status, agent)
        fleet.exchange()
    return left


def opened(fleet: BreakerFleet) -> None:
    """Open the family's breaker and let its time pass."""
    fail(fleet, "h1", 5)
    assert fleet.state() == "open"
    fleet.call("h1")  # refused: it wants to go on
    fleet.exchange()


def begun(fleet: BreakerFleet, name: str, agent: str = "a") -> Ask:
    found = fleet.begin(name, agent)
    assert isinstance(found, Ask), found
    return found


def test_five_failures_in_a_row_open_it_for_everybody(fleet: BreakerFleet) -> None:
    assert fail(fleet, "h1", 9) == 5

    assert fleet.state() == "open"
    assert not fleet.call("h2", agent="b"), "nobody's calls leave to that family"
    assert fleet.call("h2", agent="b", model="gpt-4o-mini"), "others' do"
    assert fleet.view().reason == "5 failures in a row"


def test_in_a_row_is_over_all_processes(fleet: BreakerFleet) -> None:
    fail(fleet, "h1", 3)
    fail(fleet, "h2", 2, agent="b")

    assert fleet.state() == "open"


def test_a_success_elsewhere_begins_a_new_row(fleet: BreakerFleet) -> None:
    fail(fleet, "h1", 4)
    fleet.call("h2", 200, agent="b")
    fleet.exchange()
    fail(fleet, "h1", 4)

    assert fleet.state() == "closed"
    assert fleet.state("a") == "open", "but all of this agent's failed"


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429])
def test_what_the_caller_did_and_pressure_open_nothing(fleet: BreakerFleet, status: int) -> None:
    assert fail(fleet, "h1", 30, status=status) == 30

    assert {one.state for one in fleet.manager.views} <= {"closed"}


@pytest.mark.parametrize("status", [500, 502, 503, 529, None])
def test_what_counts_as_a_failure(fleet: BreakerFleet, status: int | None) -> None:
    for _ in range(5):
        fleet.call("h1", status)
    fleet.exchange()

    assert fleet.state() == "open"


def test_too_many_requests_are_failures_where_so_configured() -> None:
    fleet = BreakerFleet("h1", count_429=True)

    fail(fleet, "h1", 5, status=429)

    assert fleet.state() == "open"


def test_half_of_twenty_calls_open_it(fleet: BreakerFleet) -> None:
    for number in range(20):
        fleet.call("h1", 500 if number % 2 else 200)
        fleet.exchange()

    assert fleet.view().reason == "10 of 20 calls in 60 s failed"


def test_slow_calls_open_it(fleet: BreakerFleet) -> None:
    for _ in range(30):
        fleet.call("h1", took=0.5)
    fleet.exchange()
    fleet.tick(61)
    for _ in range(20):
        fleet.call("h1", took=5)
        fleet.exchange()

    assert fleet.view().reason.endswith("calls in 60 s were slow")


def test_a_process_does_not_hammer_until_the_manager_has_spoken(fleet: BreakerFleet) -> None:
    left = sum(fleet.call("h1", 500) for _ in range(50))

    assert left == 5
    assert fleet.processes["h1"].woken
    fleet.tick(4.9)
    assert not fleet.call("h1", 500)
    fleet.tick(0.2)
    assert sum(fleet.call("h1", 500) for _ in range(50)) == 5, "without a word it tries again"
    fleet.tick(5.1)
    assert not fleet.call("h1", 500), "and is held longer each time"


def test_a_refusal_says_why_and_until_when(fleet: BreakerFleet) -> None:
    fail(fleet, "h1", 5)

    refuse = fleet.begin("h1")

    assert isinstance(refuse, Refuse)
    assert refuse.reason == "breaker_open"
    assert refuse.message == (
        "The circuit breaker of openai's gpt-4o is open: 5 failures in a row."
    )
    assert "manager-agent breaker close openai/gpt-4o" in refuse.remedy
    assert refuse.resets_at is not None


def test_one_probe_for_all_processes_and_three_successes_close_it(fleet: BreakerFleet) -> None:
    opened(fleet)
    fleet.tick(299)
    assert not fleet.call("h1")
    fleet.tick(1)
    assert fleet.state() == "half_open"

    probe = begun(fleet, "h1")
    assert not fleet.call("h1"), "one at a time"
    assert not fleet.call("h2"), "for all"
    for _ in range(3):
        assert fleet.state() == "half_open"
        fleet.end("h1", probe)
        fleet.exchange()
        if fleet.state() == "half_open":
            probe = begun(fleet, "h1")

    assert fleet.state() == "closed"
    assert fleet.call("h2")
    assert [event.after for event in fleet.keeper.events] == ["open", "half_open", "closed"]


def test_a_failed_probe_opens_it_for_twice_as_long(fleet: BreakerFleet) -> None:
    opened(fleet)
    fleet.tick(300)
    fleet.end("h1", begun(fleet, "h1"), 500)
    fleet.exchange()

    assert fleet.state() == "open"
    fleet.tick(599)
    assert fleet.state() == "open"
    fleet.tick(1)
    assert fleet.state() == "half_open"


def test_a_probe_that_says_nothing_is_followed_by_another(fleet: BreakerFleet) -> None:
    opened(fleet)
    fleet.tick(300)

    fleet.end("h1", begun(fleet, "h1"), 404)
    fleet.exchange()

    assert fleet.view().good == 0
    begun(fleet, "h1")


def test_an_idle_probe_goes_to_another_process_that_wants_it(fleet: BreakerFleet) -> None:
    opened(fleet)
    fleet.tick(300)
    assert not fleet.call("h2"), "h1 has it"
    fleet.exchange()
    fleet.tick(9)
    assert not fleet.call("h2")
    fleet.exchange()
    fleet.tick(1)

    assert not fleet.call("h1"), "taken back"
    begun(fleet, "h2")


def test_the_probe_of_a_process_that_died_goes_to_another(fleet: BreakerFleet) -> None:
    opened(fleet)
    fleet.tick(300)
    begun(fleet, "h1")
    fleet.exchange()
    fleet.decide(Gone("h1"))  # it may come back, and its call may still be on its way
    assert not fleet.call("h2")
    fleet.exchange()
    fleet.tick(119)
    assert not fleet.call("h2")
    fleet.exchange()
    fleet.tick(1)

    begun(fleet, "h2")


def test_a_result_that_was_lost_on_the_way_is_told_again(fleet: BreakerFleet) -> None:
    opened(fleet)
    fleet.tick(300)
    probe = begun(fleet, "h1")
    fleet.exchange()
    fleet.end("h1", probe)
    fleet.processes["h1"].breakers.outcomes("h1")  # sent, and the connection broke
    fleet.reconnect("h1")

    assert fleet.view().good == 1


def test_a_call_that_does_not_leave_after_all_gives_its_probe_back(fleet: BreakerFleet) -> None:
    opened(fleet)
    fleet.tick(300)

    fleet.processes["h1"].breakers.withdrawn(begun(fleet, "h1"))
    fleet.exchange()

    begun(fleet, "h1")


def test_open_breakers_survive_a_restart(fleet: BreakerFleet) -> None:
    opened(fleet)
    fleet.people("b", "open", 3600)
    fleet.restart()
    for name in ("h1", "h2"):
        fleet.reconnect(name)

    assert (fleet.state(), fleet.state("b")) == ("open", "open")
    assert not fleet.call("h1")
    fleet.exchange()
    fleet.tick(300)
    begun(fleet, "h1")
    assert fleet.state("b") == "open"
    fleet.tick(3300)
    assert fleet.state("b") == "closed"


def test_a_restarted_manager_does_not_judge_by_old_failures(fleet: BreakerFleet) -> None:
    for _ in range(40):
        fleet.call("h1", 500)
        fleet.call("h1", 200)
    fleet.exchange()
    fleet.people("openai/gpt-4o", "reset")
    fleet.people("a", "reset")
    fleet.restart()
    fleet.reconnect("h1")

    assert fleet.state() == "closed"


def test_a_familys_outage_stops_no_agent(fleet: BreakerFleet) -> None:
    for agent in ("a", "b", "c"):
        for _ in range(5):
            fleet.call("h1", 500, agent)
    fleet.exchange()

    states = {one.key.text: one.state for one in fleet.manager.views}
    assert states.pop("openai/gpt-4o") == "open"
    assert set(states.values()) <= {"closed"}


def test_one_agent_in_ten_is_stopped_without_people(fleet: BreakerFleet) -> None:
    agents = [f"agent{number}" for number in range(25)]
    for agent in agents:
        fleet.call("h2", 200, agent, model="gpt-4o-mini")
    fleet.exchange()
    for agent in agents[:4]:
        fleet.tick(1)
        for number in range(5):  # each on families of its own, one failure a family
            fleet.call("h1", 500, agent, model=f"{agent}-{number}x")
            fleet.exchange()

    stopped = [
        one.key.agent for one in fleet.manager.views if one.key.agent and one.state == "open"
    ]
    assert stopped == ["agent0", "agent1"]
    told = [event for event in fleet.keeper.events if event.before == event.after]
    assert [event.subject for event in told] == ["agent2", "agent3"]
    assert str(told[0].why).endswith("but 2 of 25 agents are stopped already")


def test_an_agent_that_people_hold_open_is_still_one_that_was_stopped(fleet: BreakerFleet) -> None:
    """Else two of few are stopped at once when people let go of the first."""
    for agent in ("a", "b"):
        for _ in range(5):
            for _ in range(3):  # the family does not fail
                fleet.call("h2", 200, "c")
                fleet.exchange()
            fleet.call("h1", 500, agent)
            fleet.exchange()
        if agent == "a":
            assert fleet.state("a") == "open"
            fleet.people("a", "open", 5)

    assert fleet.state("b") == "closed"
    fleet.tick(6)
    assert (fleet.state("a"), fleet.state("b")) == ("open", "closed")


def test_an_agent_that_fails_alone_is_stopped_alone(fleet: BreakerFleet) -> None:
    for _ in range(5):
        fleet.call("h2", 200, "b")
        fleet.exchange()
        fleet.call("h1", 500, "a")
        fleet.exchange()

    assert (fleet.state("a"), fleet.state("b"), fleet.state()) == ("open", "closed", "closed")
    assert not fleet.call("h2", 200, "a")
    assert fleet.call("h2", 200, "b")
    assert fleet.manager.state_of("a") == "open"
    assert fleet.manager.state_of("b") == "closed"


def test_people_open_close_and_reset(fleet: BreakerFleet) -> None:
    fleet.people("a", "open", 600)
    assert not fleet.call("h1")
    assert fleet.call("h1", agent="b")
    refuse = fleet.begin("h1")
    assert isinstance(refuse, Refuse)
    assert "held by ann: a test" in refuse.message

    fleet.people("a", "closed")
    assert sum(fleet.call("h1", 500) for _ in range(8)) == 5, "the family is another matter"
    fleet.people("openai/gpt-4o", "closed", 60)
    assert sum(fleet.call("h1", 500) for _ in range(20)) == 20
    fleet.exchange()
    assert fleet.state() == "closed"

    fleet.people("openai/gpt-4o", "reset")
    fleet.people("a", "reset")
    assert fail(fleet, "h1", 9) == 5
    kinds = [(event.subject, event.before, event.after, event.by) for event in fleet.keeper.events]
    assert kinds[:2] == [
        ("a", "closed", "held open", "ann"),
        ("a", "held open", "held closed", "ann"),
    ]


def test_a_hold_ends_at_its_time_and_the_audit_says_so(fleet: BreakerFleet) -> None:
    fleet.people("a", "open", 600)
    fleet.tick(599)
    assert not fleet.call("h1")
    fleet.tick(1)

    assert fleet.call("h1")
    last = fleet.keeper.events[-1]
    assert (last.before, last.after, last.by) == ("held open", "closed", "manager")


def test_where_nothing_can_be_stored_nothing_opens_and_nothing_is_lost(fleet: BreakerFleet) -> None:
    for _ in range(5):
        fleet.call("h1", 500)
    said = fleet.processes["h1"].breakers.outcomes("h1")
    fleet.keeper.fail = True
    with pytest.raises(KeeperError):
        fleet.decide(*said)
    fleet.decide(Tick())
    assert fleet.state() == "closed"

    fleet.decide(*said)

    assert fleet.state() == "open"


def test_what_is_told_twice_counts_once(fleet: BreakerFleet) -> None:
    said = Outcomes("h1", "a", "openai", "gpt-4o", {"failed": 2, "streak": 2})
    for _ in range(5):
        fleet.decide(said)

    assert fleet.view().failures == 2


def test_without_a_manager_a_process_finds_out_for_itself(fleet: BreakerFleet) -> None:
    opened(fleet)
    fleet.now_us += 299_000_000
    assert not fleet.call("h1")
    fleet.now_us += 31_000_000

    probe = begun(fleet, "h1")
    assert not fleet.call("h1"), "one at a time"
    fleet.end("h1", probe, 500)
    assert not fleet.call("h1")
    fleet.now_us += 30_000_000
    for _ in range(3):
        assert fleet.call("h1")
    assert fleet.processes["h1"].breakers.quiet


def test_what_people_hold_open_stays_so_without_a_manager(fleet: BreakerFleet) -> None:
    fleet.people("a", "open")
    fleet.now_us += 3600_000_000

    assert not fleet.call("h1")


def test_all_is_told_again_while_something_is_open(fleet: BreakerFleet) -> None:
    opened(fleet)

    assert [one.holder for _ in range(21) for one in _ticked(fleet, 0.5)] == ["h1", "h2"]


def _ticked(fleet: BreakerFleet, seconds: float) -> list[To]:
    fleet.now_us += int(seconds * 1_000_000)
    return fleet.decide(Tick())


def test_a_probe_that_waited_for_money_is_still_one(fleet: BreakerFleet) -> None:
    opened(fleet)
    fleet.tick(300)
    probe = begun(fleet, "h1")
    breakers = fleet.processes["h1"].breakers
    fleet.exchange()

    assert breakers.refusal(probe) is None, "asked again after it waited"
    fleet.people("openai/gpt-4o", "open")

    assert breakers.refusal(probe) is not None, "but not over what people hold"


def test_a_provider_that_says_when_to_come_again_is_waited_for(fleet: BreakerFleet) -> None:
    breakers = fleet.processes["h1"].breakers
    ask = begun(fleet, "h1")
    assert breakers.quiet

    pressed = ended(ask, status=429)
    pressed.retry_after_seconds = 3.0
    breakers.ended(pressed)

    assert not breakers.quiet
    assert breakers.refusal(begun(fleet, "h1")) is None, "it is no failure"
    assert breakers.delay(begun(fleet, "h1")) == 3.0
    fleet.now_us += 2_000_000
    assert breakers.delay(ask) == 1.0
    fleet.now_us += 1_000_000
    assert breakers.delay(ask) == 0
    assert fleet.call("h1")
    assert breakers.quiet
