"""The life of an issue: new, ongoing, resolved when it is quiet or by people, regressed."""

from dataclasses import dataclass, replace

from manager_agent.rules.issues.issue import HOUR_US, Issue

AUTOMATIC = "manager"
"""Who resolved it, where nobody did."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`young_us`: how long an issue is new, or regressed, before it is an ongoing one.
    `quiet_us`: how long without an error until it is resolved. `kept_us`: how long a resolved one
    is remembered. `told_us`: how often the numbers of one that goes on are told to others.
    """

    young_us: int = 24 * HOUR_US
    quiet_us: int = 24 * HOUR_US
    kept_us: int = 90 * 24 * HOUR_US
    told_us: int = HOUR_US // 12
    most_issues: int = 2_000


def back(issue: Issue, error_us: int, now_us: int) -> Issue:
    """Return a resolved issue after an error at `error_us`: it is back, unless the error is older.

    An error from before people resolved it, whose span came late, says nothing new.
    """
    if issue.state != "resolved" or error_us <= issue.since_us:
        return issue
    return replace(
        issue,
        state="regressed",
        since_us=now_us,
        regressions=issue.regressions + 1,
        resolved_by=None,
        why=None,
    )


def aged(issue: Issue, now_us: int, terms: Terms) -> Issue:
    """Return the issue as it is at `now_us`."""
    if issue.state == "resolved":
        return issue
    if now_us - issue.sum.last_us >= terms.quiet_us:
        quiet = f"no error in {terms.quiet_us // HOUR_US} h"
        return resolved(issue, AUTOMATIC, quiet, now_us)
    if issue.state in ("new", "regressed") and now_us - issue.since_us >= terms.young_us:
        return replace(issue, state="ongoing", since_us=now_us)
    return issue


def resolved(issue: Issue, by: str, why: str | None, now_us: int) -> Issue:
    """Return the issue resolved; `by` whom, and `why`."""
    return replace(issue, state="resolved", since_us=now_us, resolved_by=by, why=why)


def forgettable(issue: Issue, now_us: int, terms: Terms) -> bool:
    """Say whether nobody will ask about it any more."""
    return issue.state == "resolved" and now_us - issue.since_us >= terms.kept_us
