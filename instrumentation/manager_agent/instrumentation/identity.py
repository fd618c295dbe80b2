"""Who makes a call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose call it is; `agent` is what budgets go by.

    `told_by` says where the agent's name came from: `context`, `baggage`, `span`, `environment`,
    `service` or `default`.
    """

    agent: str
    told_by: str
    conversation_id: str | None = None
    user_id: str | None = None
