"""What the guard charged for one call; it goes with the span, so that nobody charges twice."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from manager_agent.instrumentation.lease import Lease

Charged = tuple[tuple["Lease | None", int, "Lease | None", int], int, int, bool, str]
"""What one call cost, as the wallet's `Charge`."""


class Receipt(NamedTuple):
    """The leases that a call was charged to, and the amounts: nano-USD.

    `holder`: the epoch of this process that holds the leases. A lease of 0: nothing bounded that
    unit, and the span is what tells the manager of it. `estimated`: the answer said no usage, and
    what was settled is what was thought likely.
    """

    holder: str
    usd_lease: int
    token_lease: int
    reserved_nano: int
    settled_nano: int
    estimated: bool = False


def receipt_of(charged: Charged) -> Receipt:
    """Return the receipt for what was charged."""
    (usd, reserved, tokens, _), nano, _, estimated, epoch = charged
    first = tokens if usd is None else usd
    return Receipt(
        epoch if first is None else first.holder,
        0 if usd is None else usd.id,
        0 if tokens is None else tokens.id,
        reserved,
        nano,
        estimated,
    )
