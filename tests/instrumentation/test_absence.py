"""What becomes of calls without the manager: before its first word, and when it is lost."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.decision import Allow, Refuse
from manager_agent.contract.guard import Policy
from manager_agent.instrumentation import mishap, state_dir
from manager_agent.instrumentation.absence import Absence, Setting, setting
from tests.control.desk import policy, tokens
from tests.harness.office import DEADLINE, RESERVED, SECOND, Office, office, until

LIMIT = policy(a=tokens(hour=100_000))
NANO = 1_000_000_000
HOUR = 3_600 * SECOND


def alone(**how: Any) -> Allow | Refuse:
    """Return what becomes of the first call of a process whose manager refuses connections."""
    with office(LIMIT, **how) as here:
        here.manager.away = True
        return here.call()


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        pytest.param({}, "refused", id="MANAGER_ENDPOINT is set"),
        pytest.param({"explicit": False}, "passes", id="nobody said that there is one"),
        pytest.param({"mode": "open"}, "passes", id="told to go on"),
        pytest.param({"mode": "closed", "explicit": False}, "refused", id="told to stop"),
        pytest.param(
            {"explicit": False, "remembered": {"a": "static"}}, "refused", id="it was governed"
        ),
        pytest.param({"remembered": {"a": "open"}}, "passes", id="the manager said to go on"),
        pytest.param(
            {"mode": "closed", "remembered": {"a": "open"}}, "refused", id="people come first"
        ),
        pytest.param({"remembered": {"b": "open"}}, "refused", id="that was of another agent"),
    ],
)
def test_the_first_call_of_all(how: dict[str, Any], reason: str) -> None:
    decision = alone(**how)

    assert decision.reason == "manager_unreachable"
    assert isinstance(decision, Allow) == (reason == "passes")


def test_a_refusal_says_where_the_manager_was_looked_for_and_what_to_do() -> None:
    refuse = alone()

    assert isinstance(refuse, Refuse)
    assert "cannot be reached: http://boss:4317: connection refused" in refuse.message
    assert "MANAGER_ENDPOINT" in refuse.remedy
    assert "MANAGER_UNREACHABLE=open" in refuse.remedy


def test_what_passes_without_the_manager_is_charged_by_its_span() -> None:
    with office(LIMIT, mode="open") as here:
        here.manager.away = True
        ask = here.ask()
        here.decided(ask)

        assert here.settle(ask) is None


def test_each_hour_has_its_cap_where_calls_pass() -> None:
    absence = Absence(Setting("open", 3 * NANO, True, "u"), lambda agent: None)

    def spend(now_ns: int) -> bool:
        passes = absence.refusal("a", "open", None, "", now_ns) is None
        if passes:
            absence.settle(NANO, 0, now_ns)
        return passes

    assert [spend(HOUR) for _ in range(4)] == [True, True, True, False]
    assert spend(2 * HOUR)


def test_calls_in_flight_count_against_the_cap() -> None:
    absence = Absence(Setting("open", 3 * NANO, True, "u"), lambda agent: None)
    assert absence.refusal("a", "open", None, "", HOUR) is None
    absence.settle(NANO, 0, HOUR)

    passed = [absence.refusal("a", "open", None, "", HOUR) is None for _ in range(4)]

    assert passed == [True, True, False, False]


def test_the_cap_is_at_most_the_limit_that_was_last_heard() -> None:
    absence = Absence(Setting("open", None, True, "u"), lambda agent: None)
    assert absence.refusal("a", "open", NANO // 2, "", HOUR) is None
    absence.settle(NANO // 2, 0, HOUR)

    refuse = absence.refusal("a", "open", NANO // 2, "", HOUR)

    assert refuse is not None
    assert "$0.50" in refuse.message


@pytest.mark.parametrize(
    ("env", "found"),
    [
        pytest.param({}, (None, None, False), id="nothing"),
        pytest.param(
            {
                "MANAGER_UNREACHABLE": "Open",
                "MANAGER_OPEN_CAP_USD": "2.5",
                "MANAGER_ENDPOINT": "http://boss",
            },
            ("open", 2_500_000_000, True),
            id="all",
        ),
        pytest.param(
            {"MANAGER_UNREACHABLE": "maybe", "MANAGER_OPEN_CAP_USD": "much"},
            (None, None, False),
            id="nonsense is not heeded",
        ),
    ],
)
def test_what_the_environment_says(
    env: dict[str, str], found: tuple[str | None, int | None, bool]
) -> None:
    mishap.forget()
    said = setting(env, "u")

    assert (said.mode, said.cap_nano, said.explicit) == found
    assert bool(mishap.counts()) == ("maybe" in env.values())


def lost(here: Office) -> None:
    """Let the manager go away once a call was made, and the lease of it be over."""
    assert here.call().reason == "within_budget"
    here.manager.away = True
    here.manager.end_streams()
    until(lambda: not here.word.link.up)


def test_a_lease_is_used_up_and_then_its_allowance_and_then_nothing() -> None:
    told = Policy(enforcement="hard", unreachable="static", max_wait_ms=100)
    with office(LIMIT, told) as here:
        for _ in range(5):
            here.call()
        until(lambda: here.word.wallet("a")._tokens.allowance)
        lost(here)
        held = sum(lease.available for lease in here.word.wallet("a").leases())
        within_ttl = here.call().reason
        here.offset_ns += 20 * SECOND  # the lease is not believed any more

        reasons = [here.call().reason for _ in range(20)]

        passed = reasons.count("within_budget")
        assert within_ttl == "within_budget"
        assert 0 < passed * RESERVED <= held
        assert set(reasons[passed:]) == {"manager_unreachable"}


def test_closed_stops_when_the_lease_is_over() -> None:
    closed = Policy(enforcement="hard", unreachable="closed", max_wait_ms=100)
    with office(BudgetPolicy(agents=LIMIT.agents, unreachable="closed"), closed) as here:
        lost(here)
        here.offset_ns += 20 * SECOND

        assert {here.call().reason for _ in range(3)} == {"manager_unreachable"}


def test_open_goes_on_when_the_lease_is_over() -> None:
    told = Policy(enforcement="hard", unreachable="open", max_wait_ms=100)
    with office(BudgetPolicy(agents=LIMIT.agents, unreachable="open"), told) as here:
        lost(here)
        here.offset_ns += 20 * SECOND

        decision = here.call()

        assert decision == Allow("manager_unreachable")


def test_an_agent_without_limits_goes_on() -> None:
    with office(LIMIT) as here:
        assert here.call("free").reason == "within_budget"
        lost(here)
        here.offset_ns += 60 * SECOND

        assert here.call("free").reason == "within_budget"


def test_the_manager_is_found_again_when_it_is_back() -> None:
    told = Policy(enforcement="hard", unreachable="static", max_wait_ms=100)
    with office(LIMIT, told) as here:
        lost(here)
        here.offset_ns += 20 * SECOND
        here.manager.away = False

        until(lambda: here.call().reason == "within_budget" and here.word.link.up)


def test_a_manager_that_is_silent_counts_as_lost() -> None:
    with office(LIMIT) as here:
        assert here.call().reason == "within_budget"
        here.manager.frozen = True
        before = len(here.manager.heard)
        here.speaker.wake("a")
        until(lambda: len(here.manager.heard) > before)
        here.offset_ns += 6 * SECOND
        here.speaker.wake("a")

        until(lambda: not here.word.link.up)
        assert "silent" in here.word.link.why


def test_who_waits_when_the_manager_goes_is_served_by_the_allowance() -> None:
    with office(LIMIT) as here, ThreadPoolExecutor() as pool:
        here.call()
        until(lambda: here.word.wallet("a")._tokens.allowance)
        here.manager.frozen = True
        used_up = (not isinstance(here.guard.decide(here.ask()), Allow) for _ in range(1000))
        assert any(used_up)
        waiting = pool.submit(here.decided, here.ask())
        until(lambda: here.word.wallet("a")._waiting)
        here.manager.away = True
        here.manager.end_streams()

        assert waiting.result(DEADLINE).reason == "within_budget"


def test_what_the_manager_said_is_remembered_on_this_host(tmp_path: Path) -> None:
    told = Policy(enforcement="hard", unreachable="closed", max_wait_ms=20_000)
    with office(LIMIT, told, state=tmp_path) as here:
        here.call()

    assert state_dir.remembered(tmp_path, "a") == "closed"
    assert state_dir.remembered(tmp_path, "b") is None


def test_state_of_one_manager_is_not_that_of_another(tmp_path: Path) -> None:
    env = {"MANAGER_STATE_DIR": str(tmp_path)}
    one, other = state_dir.folder(env, "a:4317"), state_dir.folder(env, "b:4317")

    assert one != other
    assert one.stat().st_mode & 0o777 == 0o700


def test_where_state_lies(tmp_path: Path) -> None:
    xdg, home = tmp_path / "xdg", tmp_path / "home"

    by_xdg = state_dir.folder({"XDG_STATE_HOME": str(xdg), "HOME": str(home)}, "a")
    by_home = state_dir.folder({"HOME": str(home)}, "a")

    assert by_xdg.parent == xdg / "manager-agent"
    assert by_home.parent == home / ".local" / "state" / "manager-agent"
