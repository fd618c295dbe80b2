"""A clerk at a test's hand: time is set, the disk can fail, what guards are told is kept."""

from collections.abc import Sequence

from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.guard import FromManager, Grant, Hello, Policy, Report
from manager_agent.control.authority import Authority
from manager_agent.control.clerk import Clerk
from manager_agent.control.guard_policy import Conduct
from manager_agent.control.keeper import KeeperError
from manager_agent.control.rows import Row
from manager_agent.control.subject import Seat
from tests.control.desk import NOON, SECOND
from tests.control.memory_keeper import MemoryKeeper


class Disk(MemoryKeeper):
    """Keeps rows; `full` refuses all, `bad` those with a row of this agent. Counts what it did."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.bad = ""
        self.writes: list[int] = []

    def keep(self, rows: Sequence[Row]) -> None:
        if self.full:
            raise KeeperError("database or disk is full")
        if self.bad and any(getattr(row, "agent", "") == self.bad for row in rows):
            raise ValueError(f"a row of {self.bad}")
        super().keep(rows)
        self.writes.append(len(rows))


class Table:
    """A clerk whose thread runs, and the streams of some guards."""

    def __init__(
        self, policy: BudgetPolicy, others: Sequence[Seat] = (), disk: Disk | None = None
    ) -> None:
        self.now = NOON
        self.disk = disk or Disk()
        self.policies: list[BudgetPolicy] = []
        self.clerk = Clerk(
            Authority(self.disk, policy, self.now),
            Conduct(),
            others,
            changed=self.policies.append,
            now_us=lambda: self.now,
        )
        self.heard: dict[str, list[FromManager]] = {}
        self.seq = 0
        self.clerk.start()

    def join(self, *holders: str) -> None:
        """Connect holders and say hello for each."""
        for holder in holders:
            self.heard[holder] = []
            self.clerk.connect(holder, self.heard[holder].append)
            self.clerk.tell(Hello(holder, boot_id="boot"))
        self.settle()

    def settle(self) -> None:
        """Return once all that was told so far is decided and answered."""
        self.clerk.look(lambda book, now_us: None)

    def tell(self, holder: str, agent: str = "a", **values: int) -> None:
        self.seq += 1
        self.clerk.tell(Report(holder=holder, seq=self.seq, agent=agent, unit="tokens", **values))

    def ask(self, holder: str, agent: str = "a", **values: int) -> Grant:
        """Report, and return the newest grant for the agent."""
        self.tell(holder, agent, **values)
        self.settle()
        return [one for one in self.grants(holder) if one.agent == agent][-1]

    def grants(self, holder: str) -> list[Grant]:
        return [one.grant for one in self.heard[holder] if one.grant and not one.grant.offline]

    def told_policies(self, holder: str) -> list[Policy]:
        return [one.policy for one in self.heard[holder] if one.policy]

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on; the clerk sees it with whatever it does next."""
        self.now += int(seconds * SECOND)
        self.settle()
