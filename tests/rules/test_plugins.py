"""Rules of other packages: used as the catalog's, or named with why they cannot be."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from manager_agent.rules.look import look
from manager_agent.rules.plugins import GROUP, loaded
from manager_agent.rules.testing import NOW, frames
from tests.documented.pages import blocks

[SHOWN] = [block.text for block in blocks("python") if block.page == "docs/rules.md"]
WRONG = '''
from manager_agent.rules.rule import rule
class Plain:
    """No dataclass."""
    def find(self, frames, now): return []
@rule
class Bare:
    """A setting without a default."""
    most: int
    def find(self, frames, now): return []
@rule
class Silent:
    def find(self, frames, now): return []
'''


@pytest.fixture
def point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of rules as other people write them."""
    (tmp_path / "acme_rules.py").write_text(SHOWN, "utf-8")
    (tmp_path / "acme_wrong.py").write_text(WRONG, "utf-8")
    (tmp_path / "acme_broken.py").write_text("1 / 0", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("acme_rules", "acme_wrong", "acme_broken"):
        sys.modules.pop(name, None)


def one(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_the_rule_that_the_page_shows_works(point: None) -> None:
    found = loaded([one("many_models", "acme_rules:ManyModels")])
    assert not found.broken

    hours = [{"ts": NOW, "agent": "a1", "model": f"m{number}"} for number in range(6)]
    seen = look([found.classes["many_models"]()], frames(hours=hours), NOW)

    assert [one.headline for one in seen.findings] == ["a1 called 6 models in two days"]
    assert not seen.failed


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        pytest.param("x", "acme_none:X", "ModuleNotFoundError", id="no such module"),
        pytest.param("x", "acme_broken:X", "ZeroDivisionError", id="it raises"),
        pytest.param("x", "acme_rules:X", "AttributeError", id="no such class"),
        pytest.param("plain", "acme_wrong:Plain", "made by @rule, with a find", id="not @rule"),
        pytest.param("bare", "acme_wrong:Bare", "settings need defaults: most", id="no default"),
        pytest.param("many", "acme_rules:ManyModels", "'many_models'; name it so", id="its name"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_rest_is_used(
    point: None, name: str, value: str, says: str
) -> None:
    found = loaded([one(name, value), one("many_models", "acme_rules:ManyModels")])

    assert says in found.broken[name]
    assert value in found.broken[name]
    assert list(found.classes) == ["many_models"]


def test_a_name_that_is_taken_stays_whose_it_was(point: None) -> None:
    found = loaded([one("many_models", "acme_rules:ManyModels")], frozenset({"many_models"}))

    assert not found.classes
    [(name, why)] = found.broken.items()
    assert name.startswith("many_models (acme_rules:ManyModels of ")
    assert why == "there is a rule of that name already"
