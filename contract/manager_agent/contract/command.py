"""Commands: what a person or an agent asks the manager to do, as records."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from manager_agent.contract.budget import Limits
from manager_agent.contract.usage import Usage


@dataclass(frozen=True, slots=True)
class SetBudget:
    """Put `limits` in place of what is configured for `agent`; None: that holds again.

    `agent` may be `default`: each agent that has no entry of its own. `at`: aware, UTC. `who`: how
    the asker is called in the audit; `why`: in the asker's words, None where none were given.
    """

    agent: str
    limits: Limits | None
    at: datetime
    who: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class RecordCall:
    """Book a call that its agent reports by hand.

    `call_id`: 32 hex digits, the last 16 not all 0; a call with a known id is not booked again.
    `started`: aware, UTC. `usage`: as far as it is known. `cost_usd`: what the agent says it cost;
    None: priced as any other call. `error_type`, `error_message`: only of a call that failed.
    """

    call_id: str
    agent: str
    started: datetime
    model: str | None = None
    provider: str | None = None
    operation: str = "chat"
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None
    duration_ms: float = 0.0
    success: bool = True
    error_type: str | None = None
    error_message: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    response_id: str | None = None
