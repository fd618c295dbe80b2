"""The machine finds every planted error, by what was billed or by sums that do not add up."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.control.machine import Machine
from tests.control.memory_keeper import BrokenLaw
from tests.control.mutants import MUTANTS, Plant

SEARCH = settings(
    max_examples=2000,
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.parametrize("plant", MUTANTS, ids=lambda plant: plant.__name__)
def test_a_planted_error_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)

    with pytest.raises((AssertionError, BrokenLaw)):
        run_state_machine_as_test(Machine, settings=SEARCH)
