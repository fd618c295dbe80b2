"""Alerts, kept in the control store, copied to DuckDB so that users can join them in SQL."""

from collections.abc import Sequence

from manager_agent.contract.stored_time import naive
from manager_agent.rules.alert import AlertRow
from manager_agent.store.control import ControlStore
from manager_agent.store.duck import FactStore


class AlertMirror:
    """Copies each change of an alert once, by its revision; safe to repeat after a crash."""

    def __init__(self, control: ControlStore, facts: FactStore) -> None:
        self._control = control
        self._facts = facts
        self._last: int | None = None

    def copy(self) -> int:
        """Append what is not there yet; return how much. For the thread that writes facts."""
        if self._last is None:
            rows = self._facts.execute("last_alert_revision", {})
            self._last = int(str(rows[0][0]))
        changes: Sequence[AlertRow] = self._control.alert_changes_since(self._last)
        if changes:
            self._last = None  # until it is certain what became durable
            self._facts.append_alerts([_values(row) for row in changes])
            self._last = max(row.revision for row in changes)
        return len(changes)


def _values(row: AlertRow) -> dict[str, object]:
    return {
        "alert_id": row.alert_id,
        "revision": row.revision,
        "ts": naive(row.ts),
        "rule": row.rule,
        "agent": row.agent,
        "severity": row.severity,
        "state": row.state,
        "title": row.title,
        "message": row.message,
        "resolved_ts": naive(row.resolved_ts) if row.resolved_ts else None,
        "evidence": row.evidence_json,
        "changed_ts": naive(row.changed_ts) if row.changed_ts else None,
        "reason": row.reason,
        "told": row.told,
        "muted_by": row.muted_by,
        "muted_why": row.muted_why,
        "silenced_by": row.silenced_by,
    }
