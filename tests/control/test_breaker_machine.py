"""Breakers keep their promises whatever happens, and the machine finds planted errors."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.control.breaker_book import BreakerBook
from manager_agent.control.breakers import FleetBreakers
from manager_agent.instrumentation.probes import Probes
from manager_agent.rules import breaker as machine
from manager_agent.rules.breaker import Breaker, Terms
from tests.control.breaker_fleet import FAMILY
from tests.control.breaker_machine import BreakerMachine

Plant = Callable[[pytest.MonkeyPatch], None]

BreakerMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestBreakerMachine = BreakerMachine.TestCase


def test_a_row_that_began_in_the_step_in_which_a_breaker_closed() -> None:
    """These steps once looked like an opening for nothing: the model forgot the first failure.

    The family closes at the first success of `fail_in_a_row`, then b fails once more after the
    last success, then a: two in a row. The model looked only after the whole step, took its
    failures for older than the closing, and counted one.
    """
    model = BreakerMachine()
    model.tick(1)
    for place in (1, 1, 0):
        model.reconnect(place)
    model.tell_twice(1, "a")
    model.tell_twice(1, "a")
    model.fail_in_a_row(1, "a", alone=False)
    model.tell_twice(0, "b")
    model.try_again(0, "a", 200)
    assert model._state(FAMILY) == "half_open"
    model.fail_in_a_row(0, "b", alone=True)
    window = model.fleet.manager._book.windows[FAMILY]
    assert (model._state(FAMILY), window.streak, model.failures[FAMILY]) == ("closed", 1, 2)

    model.fail_in_a_row(1, "a", alone=False)

    model.it_opens_for_a_reason_and_for_its_time()
    assert model.fleet.view().reason == "2 failures in a row"
    model.teardown()


SEARCH = settings(
    max_examples=300,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def a_probe_for_everybody(patch: pytest.MonkeyPatch) -> None:
    """Whoever wants to try gets a probe, whether somebody tries or not."""

    def wants(breaker: Breaker, holder: str, now_us: int, terms: Terms) -> bool:
        return breaker.shown == "half_open"

    patch.setattr(machine, "wants_probe", wants)


def a_probe_told_again_is_used_again(patch: pytest.MonkeyPatch) -> None:
    """A process takes the same probe for a new one."""
    patch.setattr(Probes, "begun", lambda self, probe: False)


def a_lost_probe_stays_lost(patch: pytest.MonkeyPatch) -> None:
    """The probe of a process that died is never taken back."""
    real = machine.at

    def at(breaker: Breaker, now_us: int, terms: Terms) -> Breaker:
        return real(breaker, now_us, replace(terms, probe_us=1 << 60))

    patch.setattr(machine, "at", at)


def totals_as_differences(patch: pytest.MonkeyPatch) -> None:
    """What a process tells twice counts twice."""
    real = BreakerBook.difference

    def difference(self: BreakerBook, *args: Any) -> Any:
        self.heard.clear()
        return real(self, *args)

    patch.setattr(BreakerBook, "difference", difference)


def agents_without_a_cap(patch: pytest.MonkeyPatch) -> None:
    """All agents may be stopped at once."""
    patch.setattr(FleetBreakers, "_capped", lambda *args: False)


def what_people_hold_is_not_stored(patch: pytest.MonkeyPatch) -> None:
    """A restart forgets what people did."""
    real = BreakerBook.put

    def put(self: BreakerBook, key: BreakerKey, new: Breaker) -> None:
        real(self, key, new)
        if new.held is not None:
            self.changed.pop(key, None)

    patch.setattr(BreakerBook, "put", put)


def open_for_ever_longer(patch: pytest.MonkeyPatch) -> None:
    """The maximum is not kept."""
    real = machine.opened

    def opened(breaker: Breaker, *args: Any) -> Breaker:
        found = real(breaker, *args)
        return replace(found, until_us=found.until_us + (breaker.openings << 24))

    patch.setattr(machine, "opened", opened)


@pytest.mark.slow
@pytest.mark.parametrize(
    "plant",
    [
        a_probe_for_everybody,
        a_probe_told_again_is_used_again,
        a_lost_probe_stays_lost,
        totals_as_differences,
        agents_without_a_cap,
        what_people_hold_is_not_stored,
        open_for_ever_longer,
    ],
    ids=lambda plant: plant.__name__,
)
def test_a_planted_error_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(BreakerMachine, settings=SEARCH)
