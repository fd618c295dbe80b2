"""What the way in needs of a store and of a journal, and the limits it works within."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from manager_agent.receiver.changes import Changes
from manager_agent.receiver.remembered import Late, Published, Remembered
from manager_agent.receiver.signals import SignalName


class FactSink(Protocol):
    """The storage that the intake needs; used from its own thread only."""

    def append(self, changes: Changes) -> None:
        """Store in one transaction, durable on return."""

    def relatives(self, late: Sequence[Late]) -> tuple[list[Remembered], list[Published]]:
        """Return what is stored of late spans' traces and of claims that resemble them."""

    def recent(
        self, since_ns: int, most_spans: int
    ) -> tuple[list[Remembered], list[Published], bool]:
        """Return what the window must know at start, and whether it is all of it."""

    def seal_overdue(self, before_micros: int) -> int:
        """Seal what an earlier run left open and nobody touched since."""

    def recover(self, error: Exception) -> bool:
        """Make the store usable again after an error; tell whether the data may have caused it."""

    def maintain(self) -> None:
        """Do what is due now and then."""

    def refresh(self) -> None:
        """Give back the memory that has come together, where nothing is in the way just now."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A request as it came in. `agent`: whom its sender proved to be."""

    payload: bytes
    signal: SignalName = "traces"
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a request lies in the journal: the segment's number, offset and size in bytes."""

    segment: int
    offset: int
    size: int


class RequestJournal(Protocol):
    """Requests on the disk, until what they tell is stored. Used from one thread."""

    @property
    def size(self) -> int:
        """Bytes that it takes on the disk."""

    def leftover(self) -> list[Kept]:
        """Return what an earlier run acknowledged and did not store, oldest first."""

    def append(self, offers: Sequence[Offer]) -> list[Kept]:
        """Keep requests, all on the disk on return. Raises `OSError`; then it keeps none."""

    def read(self, kept: Kept) -> Offer:
        """Return a request. Raises `OSError`."""

    def done(self, kept: Kept) -> None:
        """Forget a request, which is stored. Raises `OSError`."""

    def set_aside(self, kept: Kept, why: str) -> None:
        """Move a request that cannot be stored to where people find it. Raises `OSError`."""

    def rest(self) -> None:
        """Give all room back, where nothing is kept. Raises `OSError`."""

    def close(self) -> None:
        """Close it; what is kept stays."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`pending_bytes` wait at most; claims merge for `window_ns`; `most_spans` are remembered,
    also over a restart; the store is asked for the others.
    """

    pending_bytes: int = 64 * 1024 * 1024
    window_ns: int = 600 * 10**9
    most_spans: int = 200_000
