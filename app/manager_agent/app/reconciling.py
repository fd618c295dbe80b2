"""Leases of processes that are gone, held against the spans of their calls.

Spans are the truth: what a holder that was given up told of its spend is raised to what its spans
add up to, and replaced by that where none is missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from threading import Event, Thread
from time import monotonic

import duckdb
import structlog

from manager_agent.contract.metric import Metric, Sample
from manager_agent.control.book import Book
from manager_agent.control.commands import Reconcile

_log = structlog.get_logger()

_LOOK_SECONDS = 1.0
_FIRST_SECONDS, _LONGEST_SECONDS = 2.0, 300.0
"""How long after one look at a lease the next is due: twice as long each time."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A lease whose holder was given up. `since_us`: no call of it is older."""

    lease: int
    holder: str
    settled: int
    calls: int
    left: int
    since_us: int


def gone(book: Book, now_us: int) -> list[Gone]:
    """Return the leases of holders that were given up, as far as they may still change."""
    return [
        Gone(
            lease.id,
            lease.holder,
            lease.settled,
            lease.calls,
            lease.left,
            # The hour before: a call belongs to the lease that it began with, whatever clocks say.
            min((key.start_us for key in lease.accounts), default=now_us) - 3_600_000_000,
        )
        for lease in book.leases.values()
        if lease.closed
    ]


class Reconciling:
    """Looks at leases that are in doubt, in a thread of its own.

    `ask` returns what `gone` finds; `read` gives a cursor on the facts; `tell` takes a `Reconcile`.
    """

    def __init__(
        self,
        ask: Callable[[], Sequence[Gone]],
        read: Callable[[], duckdb.DuckDBPyConnection],
        tell: Callable[[Reconcile], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._ask = ask
        self._read = read
        self._tell = tell
        self._clock = clock
        self._due: dict[int, tuple[float, float]] = {}
        self._stopping = Event()
        self._told = self._failed = 0
        self._thread = Thread(target=self._run, name="reconciling", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End; safe to repeat."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> int:
        """Hold the leases that are due against their spans; return how many were told of.

        Raises what `ask` raises, and `duckdb.Error`.
        """
        found = self._ask()
        now = self._clock()
        self._due = {one.lease: self._due.get(one.lease, (now, _FIRST_SECONDS)) for one in found}
        due = [one for one in found if self._due[one.lease][0] <= now]
        if not due:
            return 0
        spans = self._spans(due)
        told = 0
        for one in due:
            _, pause = self._due[one.lease]
            self._due[one.lease] = now + pause, min(2 * pause, _LONGEST_SECONDS)
            calls, spent = spans.get((one.lease, one.holder), (0, 0))
            if calls and (spent > one.settled or (calls == one.calls and _differs(one, spent))):
                self._tell(Reconcile(one.lease, spent, calls))
                told += 1
        self._told += told
        return told

    def metrics(self) -> list[Metric]:
        """Return the numbers of reconciliation."""
        return [
            Metric(
                "manager_budget_reconciled_total",
                "counter",
                "Leases of processes that are gone, told what their spans add up to.",
                [Sample(float(self._told))],
            ),
            Metric(
                "manager_budget_reconcile_failures_total",
                "counter",
                "Times that their spans could not be asked for.",
                [Sample(float(self._failed))],
            ),
        ]

    def _spans(self, due: Sequence[Gone]) -> dict[tuple[int, str], tuple[int, int]]:
        since = datetime.fromtimestamp(min(one.since_us for one in due) / 1e6, UTC)
        cursor = self._read()
        try:
            rows = cursor.execute(
                _SPANS,
                {"leases": [one.lease for one in due], "since": since.replace(tzinfo=None)},
            ).fetchall()
        finally:
            cursor.close()
        return {(lease, holder): (calls, spent) for lease, holder, calls, spent in rows}

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the next look is in a second
                self._failed += 1
                _log.error("leases in doubt were not looked at", error=repr(error))


def _differs(one: Gone, spent: int) -> bool:
    return spent != one.settled or one.left > 0


_SPANS = (files("manager_agent.app") / "sql" / "lease_spans.sql").read_text("utf-8")
