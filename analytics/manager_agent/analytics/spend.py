"""What one agent spent in a window."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from manager_agent.contract.budget import Limit
from manager_agent.contract.money import nano_usd
from manager_agent.contract.window import Period


@dataclass(frozen=True, slots=True)
class Spend:
    """What one agent spent in a window."""

    cost_usd: Decimal = Decimal(0)
    tokens: int = 0
    unpriced_calls: int = 0


Spends = Mapping[Period, Mapping[str, Spend]]
"""What each agent spent in the present window of each period."""


def spent(spend: Spend, limit: Limit) -> int:
    """Return what counts for `limit`: nano-USD or tokens, by its unit."""
    return nano_usd(spend.cost_usd) if limit.unit == "usd" else spend.tokens
