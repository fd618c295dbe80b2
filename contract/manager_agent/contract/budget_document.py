"""Limits as JSON has them: amounts of USD are texts, exact."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from manager_agent.contract.budget import Limits

_USD = ("hourly_limit_usd", "daily_limit_usd", "monthly_limit_usd")


def document(limits: Limits) -> dict[str, Any]:
    """Return `limits` as they are written."""
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in asdict(limits).items()
    }


def limits_of(said: Mapping[str, Any]) -> Limits:
    """Return limits as they were written. Raises `ValueError`, `TypeError`, `ArithmeticError`."""
    exact = {name: Decimal(said[name]) for name in _USD if said.get(name) is not None}
    return Limits(**{**said, **exact})
