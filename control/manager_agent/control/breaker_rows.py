"""What of breakers must survive a restart, and what people see of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.control.rows import Event
from manager_agent.rules.breaker import Breaker, Phase


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """The state of one breaker; probes that are given away are not kept."""

    key: BreakerKey
    breaker: Breaker


class BreakerKeeper(Protocol):
    """Keeps breakers: SQLite in `store/`, memory in tests."""

    def load(self) -> Iterable[BreakerRow]:
        """Return every breaker that is kept. Raises `KeeperError`."""

    def keep(self, rows: Sequence[BreakerRow | Event]) -> None:
        """Store new states and events together, or nothing; on the disk when it returns.

        One that is as at first is forgotten. Raises `KeeperError` where nothing can be stored.
        """


@dataclass(frozen=True, slots=True)
class BreakerView:
    """One breaker as people see it. Times: microseconds since 1970.

    `state`: what it is for calls. `held`: people hold it so, until `held_until_us` (None: until
    they reset it), by whom and why. `until_us`: when calls are tried again, of one that is open by
    itself. `good`: probes that succeeded in a row; `probing`: the holder whose call tries now.
    `failures`: in a row, of one that is closed.
    """

    key: BreakerKey
    state: Phase
    held: Literal["open", "closed"] | None
    reason: str
    since_us: int
    until_us: int | None
    held_until_us: int | None
    by: str
    why: str
    openings: int
    good: int
    probing: str
    failures: int
