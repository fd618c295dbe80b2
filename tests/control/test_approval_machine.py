"""Approvals and allowances hold in any order, and the machine that says so catches who does not."""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from manager_agent.control import approvals, changing, extending
from tests.control.approval_machine import Approving

QUICK = settings(
    max_examples=50,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
THOROUGH = settings(QUICK, max_examples=4000, phases=[Phase.generate])


def test_whatever_comes_in_whatever_order() -> None:
    run_state_machine_as_test(Approving, settings=QUICK)


def broken(module: ModuleType, old: str, new: str) -> Any:
    """Return a module of which one line is wrong."""
    assert module.__file__ is not None
    with open(module.__file__, encoding="utf-8") as file:
        source = file.read()
    assert source.count(old) == 1, f"{old!r} is there {source.count(old)} times"
    made = ModuleType(module.__name__)
    exec(compile(source.replace(old, new), module.__file__, "exec"), made.__dict__)
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "new = replace(row, used_us=now_us, used_by=question.id)",
            "new = row",
            id="a yes is not marked as used",
        ),
        pytest.param(
            '        if row.state != "pending":\n            raise',
            "        if not row:\n            raise",
            id="a second answer changes the first",
        ),
        pytest.param(
            ' or (row.state == "pending" and now_us >= row.expires_us)',
            "",
            id="what has expired is still decided",
        ),
        pytest.param(
            "drawn_nano=allowance.drawn_nano + bound",
            "drawn_nano=allowance.drawn_nano",
            id="what calls draw is not counted",
        ),
        pytest.param(
            "drawn_nano=now.drawn_nano + row.bound_nano",
            "drawn_nano=now.drawn_nano",
            id="what waited already is not counted",
        ),
    ],
)
def test_broken_approvals_are_caught(old: str, new: str) -> None:
    class Broken(Approving):
        made = broken(approvals, old, new)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Broken, settings=THOROUGH)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("command.id in book.additions or ", "", id="told again, it is added again"),
    ],
)
def test_a_broken_ledger_is_caught(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = broken(extending, old, new)
    monkeypatch.setattr(changing, "extending", made)
    monkeypatch.setattr("manager_agent.control.ledger.extending", made)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Approving, settings=THOROUGH)
