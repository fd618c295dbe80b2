"""Questions of agents and what people said to them, and what their store must do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from manager_agent.control.rows import Event

ApprovalState = Literal["pending", "approved", "denied", "expired"]


@dataclass(frozen=True, slots=True)
class Approval:
    """One question: may this call be made? Times: microseconds since 1970.

    `fingerprint`: the same for the same request of the same agent. `bound_nano`: most that the
    call may cost, nano-USD, 0 where nobody knows. `amount_nano`: most that was approved, for one
    call. `holder`: the process that asked first. `used_by`: the question that the approval was
    given to, "" while it waits to be used.
    """

    id: str
    fingerprint: str
    agent: str
    provider: str
    model: str
    operation: str
    conversation_id: str
    bound_nano: int
    holder: str
    asked_us: int
    expires_us: int
    state: ApprovalState = "pending"
    amount_nano: int = 0
    decided_us: int | None = None
    by: str = ""
    why: str = ""
    used_us: int | None = None
    used_by: str = ""


class ApprovalKeeper(Protocol):
    """Keeps approvals: SQLite in `store/`, memory in tests."""

    def load(self, since_us: int) -> Iterable[Approval]:
        """Return those that are pending, or were decided after `since_us`, the oldest first.

        Raises `KeeperError`.
        """

    def keep(self, rows: Sequence[Approval | Event]) -> None:
        """Store new states and events together, or nothing; on the disk when it returns.

        Raises `KeeperError` where nothing can be stored.
        """
