"""The reports of a running manager: made when they are due, or when people ask."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import thread_time

import duckdb
import structlog

from manager_agent.analytics.savings.suggest import Savings
from manager_agent.api.services import NoSavingsError
from manager_agent.app.reports.gathered import NOTHING, Gathered, gathered
from manager_agent.app.reports.hourly import hour, hourly_summary
from manager_agent.app.reports.period import Kind, Period, period, period_before
from manager_agent.app.reports.rollup import rollup
from manager_agent.app.reports.schedule import Plan, due, missed
from manager_agent.app.reports.told_issues import issues_of, issues_report
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.metric import Metric, Sample
from manager_agent.rules.message import Message
from manager_agent.store.reports import ReportStore

_log = structlog.get_logger()

_EPOCH, _MINUTE = datetime(1970, 1, 1, tzinfo=UTC), timedelta(minutes=1)

POLL_SECONDS = 10.0
"""How often the clock is looked at: it may jump."""


@dataclass(slots=True)
class ReportDesk:
    """Makes reports over `read`, a fresh cursor on the facts, and puts them into the outbox.

    `policy`: the limits that hold. `savings(since, until, now)`: what could be cheaper, looked for
    elsewhere; raises `NoSavingsError`. `wake`: called when something is there to be delivered.
    `quiet`: whether a period with nothing to tell is told of, too. Its methods block, and raise
    what the stores raise; then nothing was told.
    """

    plan: Plan
    read: Callable[[], duckdb.DuckDBPyConnection]
    policy: Callable[[], BudgetPolicy]
    savings: Callable[[datetime, datetime, datetime], Savings]
    store: ReportStore
    wake: Callable[[], None]
    quiet: bool = False
    made: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    seconds: float = 0.0
    _over: set[str] = field(default_factory=set)

    def tell_due(self, now: datetime) -> None:
        """Queue every report that is due at `now` and was not told yet."""
        for found in due(self.plan, now):
            if found.key in self._over:
                continue
            keys = self.store.keys(found.kind)
            if found.key not in keys:
                self._tell(found, missed(found, keys, self.plan), now)
            self._over.add(found.key)

    def report(self, kind: Kind, at: datetime | None, now: datetime) -> Message:
        """Return a report without telling anybody: of the last period that is over, or, so far as
        `now` is not before its end, of the one that holds `at`."""
        found = self.period(kind, at, now)
        message = self._made(found, [], found.key, now, quiet=True)
        assert message is not None
        return message

    def send(self, kind: Kind, at: datetime | None, now: datetime) -> Message:
        """Queue such a report because somebody asked, whatever was told before; return it."""
        found = self.period(kind, at, now)
        key = f"by-hand:{found.key}:{now.isoformat(timespec='microseconds')}"
        message = self._made(found, [], key, now, quiet=True)
        assert message is not None
        self.store.queue(message)
        self.wake()
        return message

    def period(self, kind: Kind, at: datetime | None, now: datetime) -> Period:
        """Return what a report of `kind` is about that is asked for at `now`."""
        of = (self.plan.zone, self.plan.interval)
        if at is None:
            return period_before(kind, now, *of)
        found = period(kind, at, *of)
        so_far = now + (_EPOCH - now) % _MINUTE  # sums are of whole minutes
        if found.start < so_far < found.end:
            return Period(kind, found.start, so_far, found.name)
        return found

    async def run(self, stop: asyncio.Event, clock: Callable[[], datetime]) -> None:
        """Tell what is due until `stop` is set, in a thread; a failure is told, and tried again."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.tell_due, clock())
            except Exception as error:  # noqa: BLE001 - the schedule must outlive a full disk
                self.failures += 1
                _log.error("a report failed", error=repr(error))
            await _pause(stop, POLL_SECONDS)

    def metrics(self) -> list[Metric]:
        """Return the numbers of this part. May be called from any thread."""
        made = [Sample(count, (("kind", kind),)) for kind, count in sorted(self.made.items())]
        return [
            Metric("manager_reports_total", "counter", "Reports told on schedule.", made),
            Metric(
                "manager_report_failures_total",
                "counter",
                "Times that reports could not be made.",
                [Sample(self.failures)],
            ),
            Metric(
                "manager_report_seconds",
                "gauge",
                "CPU time of the last report.",
                [Sample(self.seconds)],
            ),
        ]

    def _tell(self, found: Period, gone: list[Period], now: datetime) -> None:
        message = self._made(found, gone, found.key, now, quiet=self.quiet)
        if message is not None and self.store.queue(message):
            self.made[found.kind] += 1
            _log.info("reported", report=found.key)
            self.wake()

    def _made(
        self, found: Period, gone: list[Period], key: str, now: datetime, *, quiet: bool
    ) -> Message | None:
        """Return a report; None where it has nothing to tell and need not, unless `quiet`."""
        started = thread_time()
        cursor = self.read()
        try:
            return self._message(cursor, found, gone, key, now, quiet)
        finally:
            cursor.close()
            self.seconds = thread_time() - started

    def _message(
        self,
        cursor: duckdb.DuckDBPyConnection,
        found: Period,
        gone: list[Period],
        key: str,
        now: datetime,
        quiet: bool,
    ) -> Message | None:
        zone = self.plan.zone
        if found.kind == "hourly":
            this = hour(cursor, found, zone)
            return None if this.nothing and not quiet else hourly_summary(this, key, now, zone)
        if found.kind == "issues":
            those = issues_of(cursor, found)
            empty = not those.in_all and not quiet
            return None if empty else issues_report(those, found, key, now, zone)
        all_of_it = gathered(cursor, found, self.policy())
        if all_of_it.nothing and not quiet:
            return None
        return rollup(replace(all_of_it, savings=self._saved(all_of_it, now)), gone, key, now, zone)

    def _saved(self, of: Gathered, now: datetime) -> Savings | str:
        """Return what could be cheaper, else why nobody knows: the rest is worth telling."""
        if not of.lines:
            return NOTHING
        try:
            return self.savings(of.period.start, of.period.end, now)
        except NoSavingsError as error:
            _log.error("savings could not be looked for", report=of.period.key, error=str(error))
            return f"Could not be looked for: {error}"


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
