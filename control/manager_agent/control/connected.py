"""Who is connected, and what each was told of the policies of its agents."""

from collections.abc import Callable, Sequence
from threading import Lock

from manager_agent.contract.guard import (
    Answer,
    Breakers,
    Fence,
    FromManager,
    Grant,
    Pauses,
    Policy,
)
from manager_agent.control.commands import To

Deliver = Callable[[FromManager], None]
PolicyOf = Callable[[str], Policy]


class Connected:
    """Hands messages to the streams of their holders; what has no stream is dropped.

    A guard tells its totals again when it comes back, so that nothing dropped is missed. `add` and
    `remove` are for any thread, the others for one.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._ways: dict[str, Deliver] = {}
        self._told: dict[str, dict[str, int]] = {}

    def add(self, holder: str, deliver: Deliver) -> None:
        """Let messages for a holder go this way from now on."""
        with self._lock:
            if self._ways.get(holder) is not deliver:
                self._told.pop(holder, None)
            self._ways[holder] = deliver

    def remove(self, holder: str, deliver: Deliver) -> bool:
        """Let nothing go this way any more; say whether it was the holder's present one."""
        with self._lock:
            if self._ways.get(holder) is not deliver:
                return False
            del self._ways[holder]
            self._told.pop(holder, None)
            return True

    def holders(self) -> list[str]:
        """Return who is connected."""
        with self._lock:
            return list(self._ways)

    def send(self, said: Sequence[To], policy_of: PolicyOf) -> None:
        """Deliver messages in order; before the first grant for an agent, its policy."""
        with self._lock:
            for one in said:
                if not one.holder:
                    self._broadcast(_wrapped(one.message))
                elif one.holder in self._ways:
                    if isinstance(one.message, Grant):
                        self._introduce(one.holder, one.message.agent, policy_of)
                    self._ways[one.holder](_wrapped(one.message))

    def renew(self, policy_of: PolicyOf) -> None:
        """Tell each holder the policies that are others now than it was told."""
        with self._lock:
            for holder, told in self._told.items():
                for agent in list(told):
                    self._introduce(holder, agent, policy_of)

    def _introduce(self, holder: str, agent: str, policy_of: PolicyOf) -> None:
        policy = policy_of(agent)
        told = self._told.setdefault(holder, {})
        if told.get(agent) != policy.revision:
            told[agent] = policy.revision
            self._ways[holder](FromManager(policy=policy))

    def _broadcast(self, message: FromManager) -> None:
        """Send once on each stream, however many epochs of a process it carries."""
        for deliver in {id(way): way for way in self._ways.values()}.values():
            deliver(message)


def _wrapped(message: Grant | Fence | Pauses | Policy | Breakers | Answer) -> FromManager:
    match message:
        case Grant():
            return FromManager(grant=message)
        case Fence():
            return FromManager(fence=message)
        case Pauses():
            return FromManager(pauses=message)
        case Policy():
            return FromManager(policy=message)
        case Breakers():
            return FromManager(breakers=message)
        case Answer():
            return FromManager(answer=message)
