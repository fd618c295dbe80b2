"""Rows of the ledger as rows of the control database, and back."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from manager_agent.control.rows import (
    Account,
    AccountKey,
    Charged,
    Event,
    Holder,
    Lease,
    LimitSet,
    Paused,
    Row,
)

QUERIES: dict[type[Row], str] = {
    Account: "keep_account",
    Holder: "keep_holder",
    Lease: "keep_lease",
    Charged: "keep_charged",
    LimitSet: "keep_limit",
    Paused: "keep_paused",
    Event: "keep_event",
}
"""The query that keeps a row of each kind."""


def values(row: Row) -> dict[str, Any]:
    """Return the parameters that keep `row`."""
    if isinstance(row, Account):
        return _account_values(row)
    said = asdict(row)
    if isinstance(row, Lease):
        said["accounts"] = json.dumps(row.accounts)
    return said


def _account_values(row: Account) -> dict[str, Any]:
    used = {f"used_{place}": part for place, part in enumerate(row.used, start=1)}
    return (
        row.key._asdict()
        | used
        | {
            "end_us": row.end_us,
            "amount": row.amount,
            "enforcement": row.enforcement,
            "settled": row.settled,
            "doubt": row.doubt,
            "outstanding": row.outstanding,
            "external": row.external,
            "excess": row.excess,
        }
    )


def account(row: Sequence[Any]) -> Account:
    """Return an account as it was stored; floors are the configuration's, not stored."""
    scope, name, period, unit, start_us, end_us, amount, enforcement, settled, doubt = row[:10]
    return Account(
        AccountKey(scope, name, period, unit, start_us),
        end_us,
        amount,
        enforcement,
        settled=settled,
        doubt=doubt,
        used=(row[10], row[11], row[12], row[13]),
        external=row[14],
        excess=row[15],
    )


def lease(row: Sequence[Any]) -> Lease:
    """Return a lease as it was stored."""
    keys = tuple(AccountKey(*key) for key in json.loads(row[5]))
    granted, returned, settled, calls, estimated = row[8:13]
    return Lease(
        *(row[0], row[1], row[2], row[3], row[4]),
        accounts=keys,
        ends_us=row[6],
        offline=bool(row[7]),
        granted=granted,
        returned=returned,
        settled=settled,
        calls=calls,
        estimated=estimated,
        closed=bool(row[13]),
    )
