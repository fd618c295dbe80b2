"""The local policy and the guard, one after the other: what one refuses, the other need not see."""

from manager_agent.contract.decision import Allow, Decision, Hold, Refuse, Wait
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.local_policy import AllowAll
from manager_agent.instrumentation.policy import Policy
from manager_agent.instrumentation.receipt import Receipt


class Governed:
    """First the rules of this process's file, then the guard; a limit holds whatever a file says.

    A call that a rule held and somebody approved is the guard's to decide then.
    """

    def __init__(self, local: Policy, guard: Policy) -> None:
        self._local = local
        self._guard = guard
        self._ruled = type(local) is not AllowAll
        self._held_here: set[str] = set()

    def decide(self, ask: Ask) -> Decision:
        """Return what the rules say; if they let it pass, what the guard does."""
        if self._ruled:
            decision = self._local.decide(ask)
            if isinstance(decision, Refuse):
                return decision
            if isinstance(decision, Hold):
                self._held_here.add(decision.approval_id)
                return decision
        return self._guard.decide(ask)

    def wait(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Wait where it was held; then for the guard, if it was held by a rule."""
        if not self._is_local(hold):
            return self._guard.wait(ask, hold)
        answer = self._local.wait(ask, hold)
        if isinstance(answer, Refuse):
            return answer
        decision = self._guard.decide(ask)
        if isinstance(decision, (Hold, Wait)):
            return self._guard.wait(ask, decision)
        return answer if isinstance(decision, Allow) else decision

    async def wait_async(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Do as `wait` does and leave the event loop free."""
        if not self._is_local(hold):
            return await self._guard.wait_async(ask, hold)
        answer = await self._local.wait_async(ask, hold)
        if isinstance(answer, Refuse):
            return answer
        decision = self._guard.decide(ask)
        if isinstance(decision, (Hold, Wait)):
            return await self._guard.wait_async(ask, decision)
        return answer if isinstance(decision, Allow) else decision

    def settle(self, ended: Ended) -> Receipt | None:
        """Settle with the guard; a local policy keeps no account."""
        return self._guard.settle(ended)

    def _is_local(self, hold: Hold | Wait) -> bool:
        if not isinstance(hold, Hold) or hold.approval_id not in self._held_here:
            return False
        self._held_here.discard(hold.approval_id)
        return True
