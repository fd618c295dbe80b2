"""Reading canonical fields off a span's attributes, by the rows of `tables/fields.toml`."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from manager_agent.receiver.span import Attributes
from manager_agent.receiver.tables import table
from manager_agent.receiver.values import nested


class _Row(NamedTuple):
    """One row of the table: `only` limits it to scopes that begin so."""

    field: str
    rank: int
    name: str | None
    only: str


class Fields:
    """What a span's attributes say, by canonical field.

    Looks each attribute up once: a span has fewer attributes than the table has rows.
    """

    __slots__ = ("_found",)

    def __init__(self, attributes: Attributes, scope: str) -> None:
        index = _index()
        found: dict[str, list[tuple[int, str | None, Any]]] = {}
        for key, value in attributes.items():
            for field, rank, name, only in index.get(key, ()):
                if value is not None and scope.startswith(only):
                    found.setdefault(field, []).append((rank, name, value))
        for candidates in found.values():
            if len(candidates) > 1:
                candidates.sort(key=_rank)
        self._found = found

    def first(self, field: str, read: Callable[[Any], Any]) -> Any:
        """Return the first value of `field` that `read` makes something of, None without."""
        for _, name, value in self._found.get(field, ()):
            wanted = read(value if name is None else nested(value, name))
            if wanted is not None:
                return wanted
        return None

    def raw(self, field: str) -> list[tuple[str | None, Any]]:
        """Return (name inside the text or None, raw value) of all that may tell `field`."""
        return [(name, value) for _, name, value in self._found.get(field, ())]

    def has(self, field: str) -> bool:
        """Tell whether any attribute of `field` is there, whatever its value."""
        return field in self._found


def _rank(candidate: tuple[int, str | None, Any]) -> int:
    return candidate[0]


@cache
def _index() -> dict[str, tuple[_Row, ...]]:
    index: dict[str, tuple[_Row, ...]] = {}
    for section in table("fields").values():
        if not isinstance(section, dict):
            continue
        for field, rows in section.items():
            for rank, (key, _seen, *only) in enumerate(rows):
                head, _, name = key.partition("#")
                row = _Row(field, rank, name or None, only[0] if only else "")
                index[head] = (*index.get(head, ()), row)
    return index
