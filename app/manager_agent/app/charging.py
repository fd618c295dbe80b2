"""Spend that no guard charged, told to the budget ledger when its spans are stored.

What is told are totals: of an agent in one window, read from a rollup that the calls' own
transaction wrote. So nothing is lost between the two stores, and telling it again changes nothing:
after a start all windows that may still change are told anew.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from threading import Condition, Event, Thread
from time import perf_counter
from typing import Literal
from zoneinfo import ZoneInfo

import duckdb
import structlog

from manager_agent.contract.budget import Unit
from manager_agent.contract.metric import Metric, Sample
from manager_agent.contract.stored_time import naive
from manager_agent.contract.window import PERIODS, Window, window
from manager_agent.control.book import KEPT_US, micros
from manager_agent.control.commands import Charge
from manager_agent.receiver.changes import SpendKey

_log = structlog.get_logger()

_GATHER_SECONDS = 0.5
_REST = 10
"""Of the time that one telling takes, until the next: it may use a tenth of one core at most."""
_RETRY_SECONDS = 1.0
_SEPARATOR = chr(31)
_KEPT = timedelta(microseconds=KEPT_US)
_LONGEST = timedelta(days=32)
_MOST = 10**17
"""No window costs a hundred million USD: an emitter's mistake must not spoil the ledger's sums."""
_MOST_TOLD = 100_000

Agents = frozenset[str] | None
"""Some agents, None being all."""


class Charging:
    """Tells what was spent without a lease, in a thread of its own; `note` is for any thread.

    `read` gives a cursor on the facts. `tell` takes a `Charge`, and must not block.
    """

    def __init__(
        self,
        read: Callable[[], duckdb.DuckDBPyConnection],
        tell: Callable[[Charge], None],
        zone: ZoneInfo,
        ceiling_nano_per_mtok: int,
        clock: Callable[[], datetime],
    ) -> None:
        """`ceiling_nano_per_mtok`: what calls without a price are charged, nano-USD for a million
        tokens; 0 charges nothing.
        """
        self._read = read
        self._tell = tell
        self._zone = zone
        self._ceiling_nano_per_mtok = ceiling_nano_per_mtok
        self._clock = clock
        self._wake = Condition()
        self._noted: set[SpendKey] | None = None  # None: everything is to be told
        self._anything = True
        self._stopping = Event()
        self._told: dict[str, tuple[int, int]] = {}
        self._counts = _Counts()
        self._thread = Thread(target=self._run, name="charging", daemon=True)

    def start(self) -> None:
        """Tell everything anew, then what changes."""
        self._thread.start()

    def stop(self) -> None:
        """Tell what was noted, and end. Safe to repeat."""
        self._stopping.set()
        with self._wake:
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def note(self, keys: Iterable[SpendKey] | None) -> None:
        """Have these told soon; None: everything. Cheap: the writer calls it after each commit."""
        with self._wake:
            if keys is None:
                self._noted = None
            elif self._noted is not None:
                self._noted.update(keys)
            self._anything = True
            self._wake.notify()

    def tell_now(self) -> int:
        """Tell what was noted; return how many totals had changed. Raises `duckdb.Error`."""
        with self._wake:
            noted, self._noted = self._noted, set()
            self._anything = False
        try:
            return self._tell_of(noted)
        except BaseException:
            self.note(noted)
            raise

    def metrics(self) -> list[Metric]:
        """Return the numbers of charging."""
        return self._counts.metrics()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._wake:
                self._wake.wait_for(lambda: self._anything or self._stopping.is_set())
            self._stopping.wait(max(_GATHER_SECONDS, _REST * self._counts.seconds))
            self._try()
        if self._anything:
            self._try()

    def _try(self) -> None:
        started = perf_counter()
        try:
            self._counts.told += self.tell_now()
        except Exception as error:  # noqa: BLE001 - a full disk or a store that is opened anew
            self._counts.failed += 1
            _log.error("spend was not told to the ledger; tried again", error=repr(error))
            self._stopping.wait(_RETRY_SECONDS)
        self._counts.seconds = perf_counter() - started

    def _tell_of(self, noted: set[SpendKey] | None) -> int:
        """Tell the totals of the windows that hold what was noted."""
        now, told = self._clock(), 0
        cursor = self._read()
        try:
            if noted is None:
                self._told.clear()
            windows = self._all(cursor, now) if noted is None else self._of(noted, now)
            for found, agents in windows.items():
                for charge in self._charges(cursor, found, agents):
                    said = charge.total, charge.leased
                    if self._told.get(charge.key) != said:
                        self._tell(charge)
                        self._told[charge.key] = said
                        told += 1
        finally:
            cursor.close()
        if len(self._told) > _MOST_TOLD:
            self._told.clear()
        return told

    def _of(self, noted: set[SpendKey], now: datetime) -> dict[Window, Agents]:
        agents: dict[Window, set[str]] = {}
        quarters: dict[int, list[Window]] = {}
        for quarter_ns, agent in noted:
            if quarter_ns not in quarters:
                moment = datetime.fromtimestamp(quarter_ns / 1e9, UTC)
                quarters[quarter_ns] = list(self._open(moment, now))
            for found in quarters[quarter_ns]:
                agents.setdefault(found, set()).add(agent)
        return {found: frozenset(those) for found, those in agents.items()}

    def _all(self, cursor: duckdb.DuckDBPyConnection, now: datetime) -> dict[Window, Agents]:
        since = {"since": naive(now - _KEPT - _LONGEST)}
        rows = cursor.execute(_sql("spent_quarters"), since).fetchall()
        quarters = [moment.replace(tzinfo=UTC) for (moment,) in rows]
        return {found: None for moment in quarters for found in self._open(moment, now)}

    def _open(self, moment: datetime, now: datetime) -> Iterator[Window]:
        """Yield the windows around `moment` whose accounts the ledger still keeps."""
        for period in PERIODS:
            found = window(period, moment, self._zone)
            if found.end + _KEPT >= now:
                yield found

    def _charges(
        self, cursor: duckdb.DuckDBPyConnection, found: Window, agents: Agents
    ) -> Iterator[Charge]:
        rows = cursor.execute(
            _sql("free_spend"),
            {
                "start": naive(found.start),
                "end": naive(found.end),
                "agents": _one_text(agents),
            },
        ).fetchall()
        for agent, nano, ceiling_tokens, tokens, leased_nano, leased_tokens in rows:
            at_ceiling = -(-ceiling_tokens * self._ceiling_nano_per_mtok // 10**6)
            yield _charge(found, agent, "usd", nano + at_ceiling, leased_nano)
            yield _charge(found, agent, "tokens", tokens, leased_tokens)


@dataclass(slots=True)
class _Counts:
    told: int = 0
    failed: int = 0
    seconds: float = field(default=0.0)

    def metrics(self) -> list[Metric]:
        return [
            _metric("manager_charges_total", "counter", "Totals told to the ledger.", self.told),
            _metric("manager_charge_failures_total", "counter", "Times it failed.", self.failed),
            _metric("manager_charge_seconds", "gauge", "Time of the last telling.", self.seconds),
        ]


def _metric(name: str, kind: Literal["counter", "gauge"], text: str, value: float) -> Metric:
    return Metric(name, kind, text, [Sample(value)])


def _charge(found: Window, agent: str, unit: Unit, total: int, leased: int) -> Charge:
    return Charge(
        key=f"{found.period}|{found.start:%Y-%m-%dT%H:%MZ}|{unit}|{agent}",
        agent=agent,
        unit=unit,
        at_us=micros(found.start),
        total=max(0, min(total, _MOST)),
        period=found.period,
        leased=max(0, min(leased, _MOST)),
    )


def _one_text(agents: Agents) -> str:
    """Return agents as one text, "" being all: to bind a list takes longer than the search."""
    if agents is None or any(_SEPARATOR in agent for agent in agents):
        return ""
    return _SEPARATOR.join(sorted(agents))


def _sql(name: str) -> str:
    return (files("manager_agent.app") / "sql" / f"{name}.sql").read_text("utf-8")
