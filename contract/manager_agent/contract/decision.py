"""What is decided about a call before it leaves, each decision with its named reason."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

AllowReason = Literal[
    "no_policy",  # nobody has a say about this call
    "local_policy",  # a rule of this process lets it pass
    "within_budget",
    "observed",  # over a limit that is only watched
    "approved",
    "policy_failed",  # whoever should decide is broken, and an agent is never broken by it
    "manager_unreachable",  # and configured to let pass then
]
RefuseReason = Literal[
    "local_policy",
    "over_budget",
    "breaker_open",
    "paused",
    "denied",
    "approval_timeout",
    "unpriced_model",
    "manager_unreachable",
]


@dataclass(frozen=True, slots=True)
class Allow:
    """The call may go out."""

    reason: AllowReason


@dataclass(frozen=True, slots=True)
class Refuse:
    """The call must not go out.

    `message`: why, one sentence. `remedy`: what to do about it, one sentence. `limit_name`: which
    limit is in the way, such as `daily_limit_usd of agent research`; the sums are of its window,
    which ends at `resets_at` (aware, UTC). What does not apply is None.
    """

    reason: RefuseReason
    message: str
    remedy: str
    limit_name: str | None = None
    limit_usd: Decimal | None = None
    spent_usd: Decimal | None = None
    reserved_usd: Decimal | None = None
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """The call waits for an answer, at most `timeout_seconds`, after which `on_timeout` holds."""

    approval_id: str
    message: str
    timeout_seconds: float
    on_timeout: Literal["allow", "deny"] = "deny"


@dataclass(frozen=True, slots=True)
class Wait:
    """The call waits for money that can still come back, or for the manager's first word.

    At most so many `seconds`; whoever decided this decides, too, what holds then.
    """

    seconds: float


Decision = Allow | Refuse | Hold | Wait
