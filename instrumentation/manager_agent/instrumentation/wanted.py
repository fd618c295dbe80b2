"""What the speaker is asked for by callers: reports of agents, soon, or what has ended settled."""

from collections.abc import Callable, Mapping

from manager_agent.instrumentation.wallet import Wallet


class Wanted:
    """Added to by any thread, without blocking; taken by the speaker's."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._agents: set[str] = set()
        self._hungry: set[str] = set()
        self._asked = False

    def report(self, agent: str) -> None:
        """Want a report of an agent; "" wants what is told of all of them."""
        if agent:
            self._agents.add(agent)
        self._asked = True

    def settling(self, agent: str) -> None:
        """Want what has ended settled, and a report of an agent if it has little money then."""
        if agent:
            self._hungry.add(agent)

    def take(self, settle: Callable[[], None], wallets: Mapping[str, Wallet]) -> bool:
        """Settle, and say whether a report is wanted after that."""
        asked, self._asked = self._asked, False
        settle()
        for agent in _taken(self._hungry):
            wallet = wallets.get(agent)
            if wallet is not None and wallet.is_hungry():
                self._agents.add(agent)
                asked = True
        return asked

    def agents(self) -> set[str]:
        """Return the agents whose report is wanted, and forget that."""
        self._asked = False
        return _taken(self._agents)


def _taken(names: set[str]) -> set[str]:
    found: set[str] = set()
    while names:  # one by one: another set in its place would lose one just added
        found.add(names.pop())
    return found
