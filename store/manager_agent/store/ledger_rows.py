"""Rows of the ledger as rows of the control database, and back."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from manager_agent.contract.budget_document import document, limits_of
from manager_agent.control.rows import (
    Account,
    AccountKey,
    Addition,
    BudgetSet,
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
    Addition: "keep_addition",
    BudgetSet: "keep_budget",
    Holder: "keep_holder",
    Lease: "keep_lease",
    Charged: "keep_charged",
    LimitSet: "keep_limit",
    Paused: "keep_paused",
    Event: "keep_event",
}
"""The query that keeps a row of each kind."""

TOGETHER = frozenset(("keep_account", "keep_lease"))
"""The queries that take all rows at once."""

DROPS: dict[type[Row], str] = {LimitSet: "drop_limit", BudgetSet: "drop_budget"}
"""The query that takes one away that was taken back."""


def query_of(row: Row) -> str:
    """Return the name of the query that keeps `row`, or takes it away."""
    gone = isinstance(row, LimitSet) and row.dropped
    gone = gone or (isinstance(row, BudgetSet) and row.limits is None)
    return DROPS[type(row)] if gone else QUERIES[type(row)]


def values(row: Row) -> dict[str, Any] | tuple[Any, ...]:
    """Return the parameters that keep `row`; in the order of the query for those of each grant."""
    match row:
        case Account():
            total, used = sum(row.used), row.used
            outstanding = total - row.settled - row.doubt
            sums = (row.settled, row.doubt, outstanding, *used, row.external, row.excess)
            return (*row.key, row.end_us, row.amount, row.enforcement, *sums)
        case Lease():
            whose = (row.id, row.holder, row.agent, row.unit, row.priority)
            totals = (row.granted, row.returned, row.settled, row.calls, row.estimated)
            return (*whose, _keys(row.accounts), row.ends_us, row.offline, *totals, row.closed)
        case Event():
            detail = {"before": row.before, "after": row.after, "why": row.why}
            kept = {"at_us": row.at_us, "kind": row.kind, "subject": row.subject, "by": row.by}
            return kept | {"detail": json.dumps(detail, ensure_ascii=False)}
        case Addition():
            own = {"id": row.id, "amount": row.amount, "until_us": row.until_us}
            return row.account._asdict() | own | {"by": row.by, "ended": row.ended}
        case BudgetSet():
            limits = json.dumps(document(row.limits)) if row.limits else None
            return {"agent": row.agent, "limits": limits, "set_us": row.set_us}
    return asdict(row)


@lru_cache(maxsize=4096)
def _keys(accounts: tuple[AccountKey, ...]) -> str:
    """Return which accounts a lease draws on, as JSON: the same for many leases."""
    return json.dumps(accounts)


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


def addition(row: Sequence[Any]) -> Addition:
    """Return what was approved beyond a limit."""
    amount, until_us, by, ended = row[6:]
    return Addition(row[0], AccountKey(*row[1:6]), amount, until_us, by, bool(ended))


def budget(row: Sequence[Any]) -> BudgetSet:
    """Return an entry that was set."""
    agent, limits, set_us = row
    return BudgetSet(agent, limits_of(json.loads(limits)), set_us)


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
