"""What users hand to `CostTracker` and get from it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

Usd = Decimal | float | int | str
"""An amount in USD; a float counts by its shortest decimal text, so 0.1 is exactly 0.1."""


@dataclass
class AgentBudget:
    """What an agent may spend in a calendar hour, day and month; a limit of None is no limit.

    `priority`: 1 critical, 2 high, 3 medium, 4 low. An agent named `default` stands for each
    agent that has no budget of its own.
    """

    agent_id: str
    hourly_limit_usd: Usd | None = None
    daily_limit_usd: Usd | None = None
    monthly_limit_usd: Usd | None = None
    hourly_token_limit: int | None = None
    daily_token_limit: int | None = None
    monthly_token_limit: int | None = None
    priority: int = 3


@dataclass
class APICall:
    """One call of a model; what is None is unknown, which is not 0.

    `timestamp`: when it began, UTC where it names no zone (so write `datetime.now(timezone.utc)`);
    None: it has just ended. `input_tokens`: all input, cached or not; `output_tokens`: all output,
    reasoning included; `total_tokens` makes up for a part that is unknown. `cost_usd`: taken as
    said, 0 included; None: priced by model, tokens and day. `response_id`: the provider's id of
    the answer. `call_id`: a call that is recorded again under the same one is not booked again.
    """

    agent_id: str
    timestamp: datetime | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cost_usd: Usd | None = None
    duration_ms: float | None = None
    success: bool = True
    error_message: str | None = None
    provider: str | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    response_id: str | None = None
    error_type: str | None = None
    call_id: str | None = None


@dataclass
class UsageStats:
    """What an agent used in the calendar's current hour, day or month.

    `total_tokens`, `total_cost_usd`: sums of what is known; `unpriced_calls` have a model without
    a price and are not in the cost. `avg_response_time_ms`: 0.0 without calls. `last_call`: when
    the last one began (aware, UTC); of `get_all_agents_usage` to the minute.
    """

    agent_id: str
    period: str
    total_calls: int = 0
    successful_calls: int = 0
    failed_calls: int = 0
    total_tokens: int = 0
    total_cost_usd: float = 0.0
    avg_response_time_ms: float = 0.0
    last_call: datetime | None = None
    unpriced_calls: int = 0
