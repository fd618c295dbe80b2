"""Rules of other packages: the entry points of group `manager_agent.rules`, named as the rule."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, is_dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import getdoc
from types import MappingProxyType
from typing import cast

from pydantic import TypeAdapter

from manager_agent.rules.rule import Rule, name_of

GROUP = "manager_agent.rules"


@dataclass(frozen=True, slots=True)
class Plugins:
    """What other packages bring: `classes` of rules by name, and why others are `broken`."""

    classes: Mapping[str, type[Rule]] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)


@cache
def plugins(taken: frozenset[str]) -> Plugins:
    """Return the rules of the packages that are installed, none of a name that is `taken`."""
    return loaded(entry_points(group=GROUP), taken)


def loaded(points: Iterable[EntryPoint], taken: frozenset[str] = frozenset()) -> Plugins:
    """Return the rules that `points` name; what cannot be used is named with the reason."""
    classes: dict[str, type[Rule]] = {}
    broken: dict[str, str] = {}
    for point in sorted(points, key=lambda one: (one.name, one.value)):
        whose = f"{point.value} of {point.dist.name if point.dist else 'an unknown package'}"
        if point.name in taken or point.name in classes:
            broken[f"{point.name} ({whose})"] = "there is a rule of that name already"
            continue
        try:
            found = point.load()
            fault = _fault(point.name, found)
        except Exception as error:  # noqa: BLE001 - other people's code; named and counted
            fault = f"{type(error).__name__}: {error}"
        if fault is None:
            classes[point.name] = found
        else:
            broken[point.name] = f"{whose}: {fault}"
    return Plugins(MappingProxyType(classes), MappingProxyType(broken))


def _fault(name: str, found: object) -> str | None:
    """Return what keeps `found` from being the rule `name`, None where nothing does."""
    if not isinstance(found, type) or not is_dataclass(found) or not hasattr(found, "find"):
        return "it must be a class made by @rule, with a find"
    promised = name_of(cast(type[Rule], found))
    if promised != name:
        return f"the class {found.__name__} is the rule {promised!r}; name it so"
    if not getdoc(found):
        return "it needs a docstring, which is its manual"
    settings = TypeAdapter(found).json_schema().get("properties", {})
    bare = [key for key, about in settings.items() if "default" not in about]
    if bare:
        return f"settings need defaults: {', '.join(bare)}"
    TypeAdapter(found).validate_python({})
    return None
