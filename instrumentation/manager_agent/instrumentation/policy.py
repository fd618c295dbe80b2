"""The seam between gate and whoever decides."""

from typing import Protocol

from manager_agent.contract.decision import Allow, Decision, Hold, Refuse, Wait
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.receipt import Receipt


class Policy(Protocol):
    """Decides in local memory, in microseconds; only `wait` and `wait_async` may take time."""

    def decide(self, ask: Ask) -> Decision:
        """Return what shall become of a call that is about to leave."""

    def wait(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Block until a call that is held, or waits, is decided, at most its timeout."""

    async def wait_async(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Do as `wait` does and leave the event loop free, whatever loop it is."""

    def settle(self, ended: Ended) -> Receipt | None:
        """Take note of how an allowed call ended; called exactly once for each.

        Return what was charged for it here; None where nothing was, or where it is settled later:
        then `ended.settle` does it.
        """
