"""Money: integer nano-USD inside, `Decimal` USD at the edges, no float where limits compare."""

from decimal import ROUND_HALF_EVEN, Decimal

NANO_PER_USD = 1_000_000_000
_NANO = Decimal(NANO_PER_USD)


def nano_usd(usd: Decimal | int | float | str) -> int:
    """Return `usd` in nano-USD, rounded half to even.

    A float is read by its shortest decimal text, so 0.1 is exactly 100,000,000 nano-USD.
    Raises `ArithmeticError` where `usd` is not a finite number.
    """
    return int((Decimal(str(usd)) * _NANO).to_integral_value(ROUND_HALF_EVEN))


def usd(nano: int) -> Decimal:
    """Return `nano` nano-USD as USD with nine decimals."""
    return (Decimal(nano) / _NANO).quantize(Decimal("1E-9"))
