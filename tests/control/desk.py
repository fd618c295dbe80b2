"""An authority at a test's hand: holders speak in short words, time is set, answers are read."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from manager_agent.contract.budget import BudgetPolicy, Enforcement, Limits
from manager_agent.contract.guard import Fence, Grant, Hello, Report
from manager_agent.control.authority import Authority
from manager_agent.control.book import micros
from manager_agent.control.commands import Command, To
from manager_agent.control.keeper import Keeper
from manager_agent.control.rows import Account, Lease
from tests.control.memory_keeper import MemoryKeeper

SECOND = 1_000_000
NOON = micros(datetime(2026, 11, 26, 12, 10, tzinfo=ZoneInfo("UTC")))


def tokens(
    hour: int | None = None,
    day: int | None = None,
    priority: int = 3,
    enforcement: Enforcement = "hard",
) -> Limits:
    return Limits(
        hourly_token_limit=hour,
        daily_token_limit=day,
        priority=priority,
        enforcement=enforcement,
    )


def policy(**agents: Limits) -> BudgetPolicy:
    return BudgetPolicy(agents=agents)


class Desk:
    """Amounts are tokens, so that they are small; no allowances unless a test wants them."""

    def __init__(
        self, policy: BudgetPolicy, keeper: Keeper | None = None, allowance: bool = False
    ) -> None:
        self.keeper = keeper or MemoryKeeper()
        self.now = NOON
        self.policy = policy if allowance else replace(policy, unreachable="closed")
        self.authority = Authority(self.keeper, self.policy, self.now)
        self.reports: dict[str, int] = {}
        self.said: list[To] = []

    def restart(self) -> None:
        self.authority = Authority(self.keeper, self.policy, self.now)

    def tell(self, *commands: Command) -> list[To]:
        self.said = self.authority.decide(commands, self.now)
        return self.said

    def hello(self, *holders: str) -> None:
        for holder in holders:
            self.tell(Hello(holder, host="host", boot_id="boot"))

    def report(self, holder: str, agent: str = "a", **values: int) -> Grant:
        """Send a report and return the grant that answers it."""
        self.tell(self.written(holder, agent, **values))
        return self.answer(holder)

    def written(self, holder: str, agent: str = "a", **values: int) -> Report:
        seq = self.reports[holder] = self.reports.get(holder, 0) + 1
        report = Report(holder=holder, agent=agent, unit="tokens", seq=seq)
        return replace(report, **{"granted_seen": self._seen(values.get("lease", 0)), **values})  # type: ignore[arg-type]

    def answer(self, holder: str) -> Grant:
        """Return the last grant for `holder` among the answers."""
        found = [
            to.message for to in self.said if to.holder == holder and isinstance(to.message, Grant)
        ]
        return found[-1]

    def fences(self) -> list[str]:
        return [to.holder for to in self.said if isinstance(to.message, Fence)]

    def pass_time(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    def account(self, name: str = "a", period: str = "hour", scope: str = "agent") -> Account:
        """Return the newest account of a limit."""
        found = [
            one
            for one in self.authority.book.accounts.values()
            if (one.key.scope, one.key.name, one.key.period) == (scope, name, period)
        ]
        return max(found, key=lambda one: one.key.start_us)

    def lease(self, id_: int) -> Lease:
        return self.authority.book.leases[id_]

    def sums(self, name: str = "a", period: str = "hour") -> tuple[int, int, int]:
        """Return settled, doubt and outstanding of an account."""
        found = self.account(name, period)
        return found.settled, found.doubt, found.outstanding

    def _seen(self, lease: int) -> int:
        found = self.authority.book.leases.get(lease)
        return found.granted if found else 0


def share(text: str) -> Decimal:
    return Decimal(text)
