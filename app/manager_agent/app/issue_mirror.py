"""Issues, kept in the control store, copied to DuckDB so that users can join them in SQL."""

from manager_agent.app.issue_desk import IssueDesk
from manager_agent.contract.money import usd
from manager_agent.contract.stored_time import naive
from manager_agent.rules.issues.issue import moment
from manager_agent.rules.issues.view import IssueView
from manager_agent.store.duck import FactStore
from manager_agent.store.issues import IssueStore


class IssueMirror:
    """Copies the versions of issues once, by their revision; safe to repeat after a crash."""

    def __init__(self, store: IssueStore, desk: IssueDesk, facts: FactStore) -> None:
        self._store = store
        self._desk = desk
        self._facts = facts
        self._last: int | None = None

    def copy(self) -> int:
        """Append what is not there yet; return how much. For the thread that writes facts."""
        if self._last is None:
            rows = self._facts.execute("last_issue_revision", {})
            self._last = int(str(rows[0][0]))
        versions = self._store.versions_since(self._last)
        if versions:
            seen = {view.issue.issue_id: view for view in self._desk.all()}
            self._last = None  # until it is certain what became durable
            self._facts.append_issues(
                [
                    {**_values(seen.get(one.issue_id)), "issue_id": one.issue_id}
                    | {"revision": one.revision}
                    for one in versions
                ]
            )
            self._last = versions[-1].revision
        return len(versions)


def _values(view: IssueView | None) -> dict[str, object]:
    """Return the columns of an issue; one that is gone has a count of 0."""
    if view is None:
        return dict.fromkeys(_COLUMNS) | {"count": 0}
    issue, scope, tally = view.issue, view.issue.scope, view.issue.sum
    known = tally.count > tally.unpriced and issue.kind != "tool_error"
    return {
        "kind": issue.kind,
        "title": issue.title,
        "tldr": view.tldr,
        "first_seen": naive(moment(tally.first_us)),
        "last_seen": naive(moment(tally.last_us)),
        "count": tally.count,
        "agents": ", ".join(view.agents),
        "cost_usd": usd(tally.cost) if known else None,
        "state": issue.state,
        "priority": view.priority.level,
        "provider": scope.provider or None,
        "model_family": scope.family or None,
        "tool": scope.tool or None,
        "error_type": scope.error_type or None,
        "http_status": scope.status,
        "template": view.cause,
        "resolved_by": issue.resolved_by,
        "last_call_id": tally.last_call or None,
    }


_COLUMNS = (
    *("kind", "title", "tldr", "first_seen", "last_seen", "agents", "cost_usd", "state"),
    *("priority", "provider", "model_family", "tool", "error_type", "http_status", "template"),
    *("resolved_by", "last_call_id"),
)
