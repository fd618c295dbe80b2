"""What the guard charged for one call; it goes with the span, so that nobody charges twice."""

from typing import NamedTuple


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
