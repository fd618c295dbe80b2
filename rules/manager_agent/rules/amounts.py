"""Amounts as headlines and facts show them."""

from decimal import ROUND_HALF_EVEN, Decimal

from manager_agent.contract.money import usd


def dollars(nano: int) -> str:
    """Return nano-USD for people: cents, or three significant digits below a dollar: `$0.0425`."""
    amount = usd(nano)
    places = 2 if abs(amount) >= 1 or not amount else max(2, 2 - amount.adjusted())
    rounded = amount.quantize(Decimal(1).scaleb(-min(places, 9)), ROUND_HALF_EVEN)
    whole, _, cents = f"{abs(rounded):,f}".partition(".")
    return f"{'-' if rounded < 0 else ''}${whole}.{cents.rstrip('0'):0<2}"


def usd_text(nano: int) -> str:
    """Return nano-USD as an exact decimal text in USD, at least two decimals: `0.42`."""
    whole, _, cents = f"{usd(nano):f}".partition(".")
    return f"{whole}.{cents.rstrip('0'):0<2}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 call`, `1,200 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
