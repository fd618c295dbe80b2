"""What was commanded, kept in the control store, copied to DuckDB so that SQL shows it."""

from datetime import UTC, datetime

from manager_agent.store.control_audit import Audit
from manager_agent.store.duck import FactStore


class EventMirror:
    """Copies each control event once, by its time; safe to repeat after a crash."""

    def __init__(self, audit: Audit, facts: FactStore) -> None:
        self._audit = audit
        self._facts = facts
        self._last: datetime | None = None

    def copy(self) -> int:
        """Append what is not there yet; return how much. For the thread that writes facts."""
        if self._last is None:
            [(last,)] = self._facts.execute("last_control_event", {})
            assert isinstance(last, datetime)
            self._last = last.replace(tzinfo=UTC)
        events = self._audit.events_since(self._last)
        if events:
            self._last = None  # until it is certain what became durable
            self._facts.append_control_events(
                [
                    {
                        "ts": event.ts.replace(tzinfo=None),
                        "kind": event.kind,
                        "subject": event.subject,
                        "actor": event.actor,
                        "detail": event.detail,
                    }
                    for event in events
                ]
            )
            self._last = events[-1].ts
        return len(events)
