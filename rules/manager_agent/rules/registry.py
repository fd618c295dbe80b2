"""Finds the rules by their place: `catalog/cost_spike.py` holds `CostSpike`; no list names it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from manager_agent.rules.plugins import Plugins, plugins
from manager_agent.rules.rule import Rule, name_of

_CATALOG = "manager_agent.rules.catalog"

CUSTOM = "custom"
"""The key beside the rules' names: a list of rules that are SQL."""

ENABLED = "enabled"
"""The setting that every rule has: whether it runs."""


class RuleSettingsError(ValueError):
    """What is written under `rules` cannot be used; `problems` holds a sentence for each cause."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@cache
def catalog() -> Mapping[str, type[Rule]]:
    """Return every rule's class under its name, ordered by name.

    Raises `TypeError` where a file of the catalog does not hold the class its name promises.
    """
    names = sorted(module.name for module in iter_modules(import_module(_CATALOG).__path__))
    return MappingProxyType({name: _class_in(name) for name in names})


def known() -> Mapping[str, type[Rule]]:
    """Return every rule's class under its name: the catalog's, then those of other packages."""
    return MappingProxyType({**catalog(), **_plugins().classes})


def unusable() -> Mapping[str, str]:
    """Return why rules of other packages cannot be used, by the name of their entry point."""
    return _plugins().broken


def _plugins() -> Plugins:
    return plugins(frozenset([*catalog(), CUSTOM]))


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule as it is configured: `enabled` is what `rules.<name>.enabled` says."""

    name: str
    rule: Rule
    enabled: bool


def entries_from(settings: Mapping[str, Any]) -> list[Entry]:
    """Return every rule that is a class with its `settings`, by rule name; defaults for the rest.

    `enabled` is a setting of every rule, read here and not the rule's own affair. Rules that are
    SQL stand under `custom` and are not looked at (`custom.py`). Raises `RuleSettingsError`, with
    all problems at once.
    """
    names = {*known(), *unusable(), CUSTOM}
    problems = [_stranger(name) for name in settings if name not in names]
    entries: list[Entry] = []
    for name, cls in known().items():
        own = settings.get(name)
        if not isinstance(own, Mapping | None):
            problems.append(f"rules.{name}: found {own!r:.100}; must be a mapping of `key: value`")
            continue
        own = dict(own or {})
        enabled = own.pop(ENABLED, True)
        if not isinstance(enabled, bool):
            problems.append(
                f"rules.{name}.{ENABLED}: Input should be true or false, found {enabled!r}"
            )
            enabled = True
        try:
            entries.append(Entry(name, TypeAdapter(cls).validate_python(own), enabled))
        except ValidationError as error:
            problems += _problems(cls, name, error)
    if problems:
        raise RuleSettingsError(problems)
    return entries


def rules_from(settings: Mapping[str, Any]) -> list[Rule]:
    """Return the rules that are not switched off, as `entries_from` has them."""
    return [entry.rule for entry in entries_from(settings) if entry.enabled]


def _class_in(name: str) -> type[Rule]:
    promised = "".join(word.capitalize() for word in name.split("_"))
    found = getattr(import_module(f"{_CATALOG}.{name}"), promised, None)
    if not isinstance(found, type) or not hasattr(found, "find") or name_of(found) != name:
        raise TypeError(
            f"rules/catalog/{name}.py must hold a class {promised}, made by @rule, with a find"
        )
    return found


def _stranger(name: str) -> str:
    return f"rules.{name}: there is no such rule; {_hint(name, known())}"


def _problems(cls: type[Rule], name: str, error: ValidationError) -> list[str]:
    problems = []
    for one in error.errors():
        path = ".".join(map(str, ["rules", name, *one["loc"]]))
        if one["type"] == "unexpected_keyword_argument":
            settings = [ENABLED, *TypeAdapter(cls).json_schema().get("properties", {})]
            problems.append(
                f"{path}: there is no such setting; {_hint(str(one['loc'][-1]), settings)}"
            )
        else:
            problems.append(f"{path}: {one['msg']}, found {one['input']!r}")
    return problems


def _hint(name: str, among: Collection[str]) -> str:
    """Return which of `among` was meant by `name`, or all of them."""
    close = get_close_matches(name, among, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"there are {', '.join(among)}" if len(among) > 1 else f"there is only {ENABLED}"
