"""Questions of agents and what people said to them, and what their store must do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from manager_agent.contract.approval import Choice
from manager_agent.control.rows import Event

ApprovalState = Literal["pending", "approved", "denied", "expired"]
Reason = Literal["", "cost", "model", "agent", "tool", "priority", "budget"]


@dataclass(frozen=True, slots=True)
class Approval:
    """One question: may this call be made? Times: microseconds since 1970; amounts: nano-USD.

    `fingerprint`: the same for the same request of the same agent. `bound_nano`: most that the
    call may cost, 0 where nobody knows. `amount_nano`: most that was approved, for one call, or by
    `choice` `amount` for all until `until_us`. `holder`: the process that asked first. `used_by`:
    the question that the approval was given to, "" while it waits to be used.

    `reason`: by which policy it is asked; "" where it was asked before there were several.
    `limit_name`: of `budget`: the limit that is used up. `priority`: of its agent, when it asked.
    `low_nano`: about what the prompt costs alone, 0 where nobody knows. `tools`: those of the call
    that must be approved. `cheaper`: the model that the caller would let run instead, and what the
    call may cost then at most. `drawn_nano`: what calls have taken of an allowance; `drawn_from`:
    the allowance that this one was answered by. `shown`: people were asked about it.
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
    reason: Reason = ""
    limit_name: str = ""
    priority: int = 4
    low_nano: int = 0
    tools: str = ""
    cheaper: str = ""
    cheaper_nano: int = 0
    choice: Choice | Literal[""] = ""
    until_us: int | None = None
    drawn_nano: int = 0
    drawn_from: str = ""
    shown: bool = True

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Return what people may say to it."""
        found: list[Choice] = ["once"]
        if self.bound_nano > 0:
            found.append("amount")
        if self.cheaper:
            found.append("cheaper")
        return (*found, "deny")

    def left_nano(self, now_us: int) -> int:
        """Return what calls may still take of an allowance; 0 of anything else."""
        live = self.choice == "amount" and self.until_us is not None and now_us < self.until_us
        return max(0, self.amount_nano - self.drawn_nano) if live and not self.drawn_from else 0


class ApprovalKeeper(Protocol):
    """Keeps approvals: SQLite in `store/`, memory in tests."""

    def load(self, since_us: int) -> Iterable[Approval]:
        """Return those that are pending, were decided, or hold until, after `since_us`.

        The oldest first. Raises `KeeperError`.
        """

    def keep(self, rows: Sequence[Approval | Event]) -> None:
        """Store new states and events together, or nothing; on the disk when it returns.

        With them, what people are told of those that are `shown`. Raises `KeeperError` where
        nothing can be stored.
        """
