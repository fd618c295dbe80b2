"""What an import does with rows, wherever they go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of rows: `added`, of which `unpriced` have no cost; or `known` from before."""

    added: int = 0
    known: int = 0
    unpriced: int = 0
    cost_nano: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(
            self.added + other.added,
            self.known + other.known,
            self.unpriced + other.unpriced,
            self.cost_nano + other.cost_nano,
        )


class Target(Protocol):
    """Takes rows; the same rows again add nothing."""

    name: str

    def take(self, rows: Rows) -> Taken:
        """Store the rows that are not there yet; durable on return."""
