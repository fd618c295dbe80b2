"""The ledger beside its store: nothing is answered before what it rests on is stored."""

from collections.abc import Sequence

from manager_agent.contract.budget import BudgetPolicy
from manager_agent.control.book import Book, restored
from manager_agent.control.commands import Command, Configure, To
from manager_agent.control.keeper import Keeper
from manager_agent.control.ledger import decide


class Authority:
    """Decides for one thread. Commands that come together are stored together (group commit)."""

    def __init__(self, keeper: Keeper, policy: BudgetPolicy, now_us: int) -> None:
        """Read what is stored and let `policy` hold. Raises what the keeper raises."""
        self._keeper = keeper
        self._policy = policy
        self._book = self._restored(now_us)
        self._stale = False
        self.decide([Configure(policy)], now_us)

    @property
    def book(self) -> Book:
        """Return the present state, to be read only."""
        return self._book

    def stored(self, now_us: int) -> Book:
        """Return the state as it is stored, to be read only. Raises what the keeper raises."""
        self._refresh(now_us)
        return self._book

    def decide(self, commands: Sequence[Command], now_us: int) -> list[To]:
        """Apply commands in order, store, and return the answers that may be sent now.

        Where storing fails, nothing happened: the error is raised, and the state is read anew
        before the next command.
        """
        self._refresh(now_us)
        self._stale = True  # until it is stored
        said = decide(self._book, commands, now_us)
        changed = self._book.changes()
        if changed:
            self._keeper.keep(changed)
        self._stale = False
        for command in commands:
            if isinstance(command, Configure):
                self._policy = command.policy
        return said

    def prune(self, now_us: int) -> int:
        """Have the store delete what is long over; return how many rows. Raises as it does."""
        return self._keeper.prune(now_us)

    def _refresh(self, now_us: int) -> None:
        if self._stale:
            self._book = self._restored(now_us)
            self._stale = False

    def _restored(self, now_us: int) -> Book:
        return restored(self._keeper.load(now_us), self._policy, now_us)
