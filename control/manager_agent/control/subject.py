"""What the clerk decides about: the ledger, breakers, approvals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from manager_agent.control.commands import To


class Subject(Protocol):
    """Decides commands of its kinds, one batch at a time, in one thread."""

    def decide(self, commands: Sequence[Any], now_us: int) -> list[To]:
        """Apply commands in order, and return the answers, whose ground is stored by then.

        Raises `KeeperError` where nothing can be stored at present, something else where a
        command is bad; in both cases nothing happened.
        """


@dataclass(frozen=True, slots=True)
class Seat:
    """A subject and the kinds of commands that are put to it."""

    subject: Subject
    takes: frozenset[type[Any]]
