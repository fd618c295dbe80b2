"""Reports in the outbox: one a key, for ever."""

from manager_agent.rules.message import Message
from manager_agent.store.control import ControlStore
from manager_agent.store.control_rows import message_row
from manager_agent.store.ledger import stored


class ReportStore:
    """Puts reports where delivery finds them. May be used from any thread.

    Its methods raise `KeeperError` where the disk fails; then nothing was changed.
    """

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def keys(self, kind: str) -> list[str]:
        """Return the keys of the reports of `kind` that were queued, in that order."""
        with stored():
            rows = self._control.rows("reports", "keys", prefix=f"report:{kind}:")
        return [key for (key,) in rows]

    def queue(self, message: Message) -> bool:
        """Keep a report to be delivered; return whether its key is new. Else nothing is done."""
        with stored():
            return self._control.keep(("outbox", "queue", message_row(message))) == 1
