"""What calls reserved and what they cost, and the leases that it comes off; no lock here."""

from manager_agent.instrumentation.lease import Lease

Reservation = tuple[Lease | None, int, Lease | None, int]
"""What one call holds: USD lease and nano-USD, token lease and tokens. A plain tuple for speed."""
Charge = tuple[Reservation, int, int, bool, str]
"""What one call cost: nano-USD, tokens, whether nobody counted them, and this process's epoch."""


def settle_alike(charges: list[Charge]) -> None:
    """End the last of the calls, and all before it that reserved of the same leases, in one sum."""
    usd_lease, _, tokens_lease, _ = charges[-1][0]
    calls = usd_held = usd_spent = usd_guessed = 0
    tokens_held = tokens_spent = tokens_guessed = 0
    while charges:
        held, usd, tokens, estimated, _ = charges[-1]
        if held[0] is not usd_lease or held[2] is not tokens_lease:
            break
        charges.pop()
        calls += 1
        usd_held += held[1]
        usd_spent += usd
        tokens_held += held[3]
        tokens_spent += tokens
        if estimated:
            usd_guessed += usd
            tokens_guessed += tokens
    if usd_lease is not None:
        usd_lease.settle(calls, usd_held, usd_spent, usd_guessed)
        usd_lease.note(usd_held // calls)
    if tokens_lease is not None:
        tokens_lease.settle(calls, tokens_held, tokens_spent, tokens_guessed)
        tokens_lease.note(tokens_held // calls)
