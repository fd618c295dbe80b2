"""Reading canonical fields off a span's attributes, by the rows of `tables/fields.toml`."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

from manager_agent.receiver.span import Attributes
from manager_agent.receiver.tables import table
from manager_agent.receiver.values import nested

_MOST_KEPT = 256
"""Attributes of a span up to which it is worked out once; larger sets are kept by nobody."""


class Row(NamedTuple):
    """One row of the table: `only` limits it to scopes that begin so."""

    field: str
    rank: int
    name: str | None
    only: str


Entries = tuple[tuple[str, str | None], ...]
"""Attributes that may tell a field, best first, each with the name inside its text or None."""


def first_of(attributes: Attributes, entries: Entries, read: Callable[[Any], Any]) -> Any:
    """Return the first value at `entries` that `read` makes something of, None without."""
    for key, name in entries:
        value = attributes[key]
        wanted = read(value if name is None else nested(value, name))
        if wanted is not None:
            return wanted
    return None


class Fields:
    """What a span's attributes say, by canonical field.

    Which attributes tell which field is worked out once for each set of attribute names.
    """

    __slots__ = ("_plan", "attributes")

    def __init__(self, attributes: Attributes, scope: str) -> None:
        self.attributes = attributes
        plan = _plan if len(attributes) <= _MOST_KEPT else _plan.__wrapped__
        self._plan = plan(scope, tuple(attributes))

    def first(self, field: str, read: Callable[[Any], Any]) -> Any:
        """Return the first value of `field` that `read` makes something of, None without."""
        entries = self._plan.get(field)
        return first_of(self.attributes, entries, read) if entries else None

    def entries(self, field: str) -> Entries:
        """Return the attributes that may tell `field`."""
        return self._plan.get(field, ())

    def has(self, field: str) -> bool:
        """Tell whether any attribute of `field` is there, whatever its value."""
        return any(self.attributes[key] is not None for key, _ in self._plan.get(field, ()))


_Plan = dict[str, Entries]
"""Field -> what may tell it."""


@lru_cache(4096)
def _plan(scope: str, keys: tuple[str, ...]) -> _Plan:
    index = field_index()
    found: dict[str, list[tuple[int, str, str | None]]] = {}
    for key in keys:
        for field, rank, name, only in index.get(key, ()):
            if scope.startswith(only):
                found.setdefault(field, []).append((rank, key, name))
    return {
        field: tuple((key, name) for _, key, name in sorted(rows, key=_rank))
        for field, rows in found.items()
    }


def _rank(row: tuple[int, str, str | None]) -> int:
    return row[0]


@cache
def field_index() -> dict[str, tuple[Row, ...]]:
    """Return the rows of the table by attribute."""
    index: dict[str, tuple[Row, ...]] = {}
    for section in table("fields").values():
        if not isinstance(section, dict):
            continue
        for field, rows in section.items():
            for rank, (key, _seen, *only) in enumerate(rows):
                head, _, name = key.partition("#")
                row = Row(field, rank, name or None, only[0] if only else "")
                index[head] = (*index.get(head, ()), row)
    return index
