"""What an answer tells of the call: usage, model, id, and how it went."""

from dataclasses import dataclass
from decimal import Decimal

from manager_agent.contract.usage import Usage


@dataclass(slots=True)
class Told:
    """What was read from an answer, whole or streamed; None where it does not say.

    `usage`: None: the answer has none. `estimated`: the usage is our estimate, not the provider's
    count. `tier`: the tier that served it. `cost_usd`: what the provider says it charged.
    `error_type`, `error_message`: of an error answer, or of an error inside a stream; messages are
    the provider's own and cut to 512 characters. `delivered_bytes`: bytes of generated text that
    arrived. `complete`: the answer came to its end.
    """

    # Not frozen, for that costs a microsecond on the way of every call; nobody changes one.
    response_model: str | None = None
    response_id: str | None = None
    finish_reason: str | None = None
    tier: str | None = None
    usage: Usage | None = None
    estimated: bool = False
    cost_usd: Decimal | None = None
    error_type: str | None = None
    error_message: str | None = None
    delivered_bytes: int = 0
    complete: bool = False
