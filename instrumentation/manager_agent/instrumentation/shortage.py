"""That a call cannot have its money, and why."""

from dataclasses import dataclass

from manager_agent.contract.guard import Grant


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why a call cannot have its money. `grant`: what the manager said of the limit in the way.

    `verdict`: `exhausted`, `paused`, or `wait` where it waited in vain. `said_ns`: when that was
    heard, by the wallet's clock.
    """

    verdict: str
    grant: Grant | None
    said_ns: int = 0
