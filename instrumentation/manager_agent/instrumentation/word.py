"""What this process knows of its manager, and what it holds: shared by callers and the speaker."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from manager_agent.contract.guard import Policy
from manager_agent.instrumentation import mishap, state_dir
from manager_agent.instrumentation.clock import uuid7
from manager_agent.instrumentation.epoch import Epoch
from manager_agent.instrumentation.journal import Journal
from manager_agent.instrumentation.link import Link
from manager_agent.instrumentation.paused import Paused
from manager_agent.instrumentation.wallet import Wallet

UNHEARD = Policy(enforcement="hard", unpriced="refuse", unreachable="unknown", max_wait_ms=5_000)
"""What holds for an agent of which the manager has said nothing."""
_MOST_AGENTS = 1_000


class Word:
    """The manager's word and this process's money: a wallet for each agent, one epoch for all.

    `wake`: asks the speaker to report of an agent soon; `hungers`: to do so if it has little money
    left once what has ended is settled; set by whoever makes the speaker. `settle`: settles what
    has ended; set by whoever decides.
    """

    def __init__(self, state: Path | None, boot_id: str) -> None:
        """`state`: where journals lie, None where nothing can be written."""
        self.state = state
        self.boot_id = boot_id
        self.link = Link()
        self.paused = Paused()
        self.policies: dict[str, Policy] = {}
        self.wake: Callable[[str], None] = lambda agent: None
        self.hungers: Callable[[str], None] = lambda agent: self.wake(agent)
        self.settle: Callable[[], None] = lambda: None
        self.begin()

    def begin(self) -> None:
        """Hold nothing: at first, and in a child, whose parent's money stays the parent's."""
        self._lock = threading.Lock()
        self.epoch = Epoch(uuid7())
        self.wallets: dict[str, Wallet] = {}
        self.journal: Journal | None = None

    def after_fork(self) -> None:
        """Begin anew in a child; what the manager said of policies and pauses still holds."""
        if self.journal is not None:
            self.journal.abandon()
        self.link = Link()
        self.paused.forget()
        self.begin()

    def wallet(self, agent: str) -> Wallet:
        """Return the wallet of an agent, made with its first call."""
        found = self.wallets.get(agent)
        if found is not None:
            return found
        with self._lock:
            if agent not in self.wallets:
                if len(self.wallets) >= _MOST_AGENTS:
                    mishap.warn(
                        "guard.agents",
                        f"more than {_MOST_AGENTS} agents call from one process; a name that"
                        " changes with every run is no agent's: see MANAGER_AGENT_ID",
                    )
                self.wallets[agent] = Wallet(
                    agent,
                    self.epoch,
                    partial(self._wake, agent),
                    partial(self._hungers, agent),
                    self._settle,
                )
            return self.wallets[agent]

    def new_session(self) -> None:
        """Take what is said next, whatever was said before: a manager may count anew."""
        self.paused.forget()
        known = self.policies.items()
        self.policies = {agent: replace(policy, revision=0) for agent, policy in known}

    def fence(self) -> None:
        """Begin a new epoch: the manager gave this process up."""
        with self._lock:
            self.epoch = Epoch(uuid7())
            wallets = list(self.wallets.values())
        for wallet in wallets:
            wallet.fence(self.epoch)

    def take_policy(self, policy: Policy) -> None:
        """Let a policy hold, and remember it for later processes; an older one changes nothing."""
        before = self.policies.get(policy.agent)
        if before is not None and policy.revision < before.revision:
            return
        self.policies[policy.agent] = policy
        said = policy.unreachable
        if self.state is None or (before is not None and before.unreachable == said):
            return
        try:
            if said != "unknown" and state_dir.remembered(self.state, policy.agent) != said:
                state_dir.remember(self.state, policy.agent, said)
        except OSError as error:
            mishap.note("guard.remember", f"{self.state} cannot be written", error)

    def record(self, wallet: Wallet) -> None:
        """Let the journal follow a wallet's leases; it is made with the first of them."""
        if self.state is None:
            return
        if self.journal is None:
            if not wallet.leases():
                return
            try:
                self.journal = Journal(self.state, self.boot_id)
            except OSError as error:
                mishap.note("guard.journal", f"no journal can be kept in {self.state}", error)
                self.state = None
                return
        wallet.record(self.journal)

    def settle_soon(self) -> None:
        """Ask the speaker to settle what has ended; from any thread, never blocks."""
        self.hungers("")

    def _wake(self, agent: str) -> None:
        self.wake(agent)

    def _hungers(self, agent: str) -> None:
        self.hungers(agent)

    def _settle(self) -> None:
        self.settle()
