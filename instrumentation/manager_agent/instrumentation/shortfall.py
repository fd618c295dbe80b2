"""What is told to a caller whose budget is used up: which limit, its sums, when it resets."""

from datetime import UTC, datetime, timedelta

from manager_agent.contract.decision import Refuse
from manager_agent.contract.guard import Grant
from manager_agent.contract.money import usd
from manager_agent.instrumentation.bound import Bound
from manager_agent.instrumentation.refusals import dollars
from manager_agent.instrumentation.shortage import Shortage

_MS = 1_000_000


def ends_ns(shortage: Shortage) -> int:
    """Return when the window of the limit in the way ends, by the wallet's clock."""
    left_ms = shortage.grant.resets_in_ms if shortage.grant is not None else 0
    return shortage.said_ns + left_ms * _MS


def refusal(shortage: Shortage, agent: str, bound: Bound, wall_ns: int, now_ns: int) -> Refuse:
    """Word a shortage of `agent` for a call of at most `bound`.

    `wall_ns` since 1970 and `now_ns` by the wallet's clock: now.
    """
    grant = shortage.grant
    if shortage.verdict == "paused":
        resume = f"Let it go on by `manager-agent resume {agent}`."
        return Refuse("paused", f"Agent {agent} is paused.", resume)
    if grant is None or not grant.limit_name:
        return Refuse(
            "over_budget",
            f"Agent {agent} got no money from the manager in time.",
            "Try again; `manager-agent budget list` shows what is left of its limits.",
        )
    left = timedelta(microseconds=max(0, ends_ns(shortage) - now_ns) // 1000)
    resets_at = (datetime.fromtimestamp(wall_ns / 1e9, UTC) + left).replace(microsecond=0)
    remedy = f"Raise it by `manager-agent budget set {_subject(grant)}`, or wait until it resets."
    if grant.unit == "tokens":
        message = f"{_what(shortage, bound)}: limit {grant.limit:,} tokens, spent {grant.spent:,}"
        message = f"{message}, reserved {grant.reserved:,}"
        return Refuse("over_budget", message, remedy, grant.limit_name, resets_at=resets_at)
    return Refuse(
        "over_budget",
        _what(shortage, bound),
        remedy,
        grant.limit_name,
        usd(grant.limit),
        usd(grant.spent),
        usd(grant.reserved),
        resets_at,
    )


def _what(shortage: Shortage, bound: Bound) -> str:
    assert shortage.grant is not None
    name = shortage.grant.limit_name
    if shortage.verdict == "exhausted":
        most = f"use {bound.tokens:,} tokens"
        if shortage.grant.unit == "usd":
            most = f"cost {dollars(usd(bound.nano or 0))}"
        return f"This call may {most}, more than is left of the {name}"
    return f"The {name} is all in use, and nothing of it came back in time"


def _subject(grant: Grant) -> str:
    """Return whom `budget set` is for: `agent research` is what a limit's name ends with."""
    return grant.limit_name.rpartition(" of ")[2].removeprefix("agent ")
