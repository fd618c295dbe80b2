"""Finds kinds of messages by their place: `kinds/cost_spike.py` holds the words of that kind."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from manager_agent.delivery import kinds
from manager_agent.delivery.kind import Kind


@cache
def catalog() -> Mapping[str, Kind]:
    """Return the words of each kind that has its own, ordered by name.

    Raises `TypeError` where a file of `kinds/` holds no `KIND`.
    """
    names = sorted(module.name for module in iter_modules(kinds.__path__))
    return MappingProxyType({name: _kind_in(name) for name in names})


def _kind_in(name: str) -> Kind:
    found = getattr(import_module(f"{kinds.__name__}.{name}"), "KIND", None)
    if not isinstance(found, Kind):
        raise TypeError(f"delivery/kinds/{name}.py must hold KIND, a Kind with the words of {name}")
    return found
