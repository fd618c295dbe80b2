"""The audit: what somebody had the manager do, in the control database."""

from dataclasses import dataclass
from datetime import datetime

from manager_agent.control.rows import Event
from manager_agent.store.control import ControlStore
from manager_agent.store.control_rows import micros, moment
from manager_agent.store.ledger_rows import query_of, values


@dataclass(frozen=True, slots=True)
class ControlEvent:
    """What somebody had the manager do: when (UTC), what kind, to whom, who, and details as JSON.

    `detail`: what held `before`, what holds `after`, and `why`. No two events have the same `ts`.
    """

    ts: datetime
    kind: str
    subject: str
    actor: str
    detail: str


class Audit:
    """Reads what the ledger's store wrote along with what was done, and adds what was refused."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def note(self, event: Event) -> None:
        """Add something that was asked for and refused. Raises `sqlite3.Error`."""
        self._control.keep(("ledger", query_of(event), dict(values(event))))

    def events_since(self, ts: datetime) -> list[ControlEvent]:
        """Return the events after `ts`, in order."""
        rows = self._control.rows("audit", "since", ts_us=micros(ts))
        return [ControlEvent(moment(at), *rest) for at, *rest in rows]
