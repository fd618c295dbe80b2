"""Rules are found by their place, and their settings are read strictly."""

import inspect
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from manager_agent.rules.look import look
from manager_agent.rules.registry import RuleSettingsError, catalog, entries_from, rules_from
from manager_agent.rules.rule import Rule, name_of
from manager_agent.rules.testing import NOW, frames


def test_every_rule_runs_with_its_defaults() -> None:
    assert [name_of(rule) for rule in rules_from({})] == list(catalog())
    assert {"budget", "unpriced_model"} <= catalog().keys()


def test_settings_reach_the_rule_of_their_name() -> None:
    rules = {name_of(rule): rule for rule in rules_from({"unpriced_model": {"min_calls": 7}})}

    assert getattr(rules["unpriced_model"], "min_calls") == 7  # noqa: B009


def test_a_rule_that_is_switched_off_does_not_run() -> None:
    off = {"unpriced_model": {"enabled": False}}

    assert "unpriced_model" not in {name_of(rule) for rule in rules_from(off)}
    assert {one.name: one.enabled for one in entries_from(off)} == {
        name: name != "unpriced_model" for name in catalog()
    }


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        pytest.param(
            {"budgett": {}},
            "rules.budgett: there is no such rule; did you mean budget?",
            id="a misspelt rule",
        ),
        pytest.param(
            {"unpriced_model": {"min_cals": 2}},
            "rules.unpriced_model.min_cals: there is no such setting; did you mean min_calls?",
            id="a misspelt setting",
        ),
        pytest.param(
            {"budget": {"limit": 2}},
            "rules.budget.limit: there is no such setting; there is only enabled",
            id="a setting where there is none",
        ),
        pytest.param(
            {"budget": {"enabeld": False}},
            "rules.budget.enabeld: there is no such setting; did you mean enabled?",
            id="a misspelt switch",
        ),
        pytest.param(
            {"budget": {"enabled": "no"}},
            "rules.budget.enabled: Input should be true or false, found 'no'",
            id="a switch that is neither on nor off",
        ),
        pytest.param(
            {"unpriced_model": {"enabled": False, "min_calls": -1}},
            "rules.unpriced_model.min_calls: Input should be greater than or equal to 1, found -1",
            id="a wrong setting of a rule that is off",
        ),
        pytest.param(
            {"unpriced_model": {"min_calls": 0}},
            "rules.unpriced_model.min_calls: Input should be greater than or equal to 1, found 0",
            id="a value out of range",
        ),
    ],
)
def test_errors_name_the_key_and_the_remedy(
    settings: Mapping[str, Mapping[str, Any]], problem: str
) -> None:
    with pytest.raises(RuleSettingsError) as caught:
        rules_from(settings)

    assert caught.value.problems == (problem,)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(RuleSettingsError) as caught:
        rules_from({"nope": {}, "budget": {"x": 1}, "unpriced_model": {"min_calls": "many"}})

    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("name", catalog())
def test_a_rule_explains_itself(name: str) -> None:
    schema = TypeAdapter(catalog()[name]).json_schema()

    assert inspect.getdoc(catalog()[name])
    for key, setting in schema.get("properties", {}).items():
        assert setting.get("description"), f"rules.{name}.{key} needs a docstring below it"
        assert "default" in setting, f"rules.{name}.{key} needs a default"


@pytest.mark.parametrize("rule", rules_from({}), ids=name_of)
def test_a_rule_is_silent_on_an_empty_world(rule: Rule) -> None:
    assert look([rule], frames(), NOW) == look([], frames(), NOW)


@pytest.mark.parametrize("rule", rules_from({}), ids=name_of)
def test_a_rule_is_frozen(rule: Rule) -> None:
    assert type(rule).__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert all(field.kw_only for field in fields(rule))  # type: ignore[arg-type]


LOUD = '''
from manager_agent.rules.rule import rule

@rule
class TooLoud:
    """Finds nothing."""

    decibels: int = 3
    """How loud is too loud."""

    def find(self, frames, now):
        return []
'''


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("too_loud", "TooLoud(decibels=3)", id="found"),
        pytest.param("quiet", "rules/catalog/quiet.py must hold a class Quiet", id="wrong class"),
    ],
)
def test_a_rule_is_one_file(tmp_path: Path, name: str, says: str) -> None:
    """A file in the catalog is enough; here in a second folder of it."""
    (tmp_path / f"{name}.py").write_text(LOUD)
    code = (
        "from manager_agent.rules import catalog, registry; "
        f"catalog.__path__.append({str(tmp_path)!r}); print(registry.rules_from({{}}))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert says in done.stdout + done.stderr


@pytest.mark.parametrize("module", ["registry", "step", "look", "testing"])
def test_rules_load_no_database_and_no_network(module: str) -> None:
    code = (
        f"import sys, manager_agent.rules.{module} as part; "
        "getattr(part, 'catalog', dict)(); print(*sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"duckdb", "grpc", "sqlite3"}.isdisjoint(done.stdout.split())
