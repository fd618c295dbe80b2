"""What could be cheaper, asked of the published copy in a process of its own, one at a time.

The process is started for the question and ended with it: looking through millions of calls takes
nothing from the manager but the sums that come back.
"""

import io
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import polars as pl

from manager_agent.analytics.savings.suggest import Savings, suggestions
from manager_agent.api.services import NoSavingsError
from manager_agent.api.sql import Query, SqlError, SqlRunner
from manager_agent.prices.book import PriceBook
from manager_agent.store.snapshot import SnapshotError, SnapshotInfo

LOOK_SECONDS = 30.0
"""How long is looked; then what was looked at is the sample."""
_STATEMENT_SECONDS = 30.0
_WAIT_SECONDS = 60.0


class Suggesting:
    """Looks for savings. May be used from several threads: they take turns."""

    def __init__(
        self,
        publish: Callable[[datetime], SnapshotInfo],
        prices: PriceBook,
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`publish`: makes the copy that holds all there is at a time, and says where it lies."""
        self._publish = publish
        self._prices = prices
        self._look_seconds = look_seconds
        self._turn = threading.Lock()
        self._runner: SqlRunner | None = None
        self._closed = False

    def savings(self, since: datetime, until: datetime, now: datetime) -> Savings:
        """Return what could be cheaper in the calls from `since` to before `until`; blocks.

        Raises `NoSavingsError`.
        """
        if not self._turn.acquire(timeout=_WAIT_SECONDS):
            raise NoSavingsError("somebody else is looking for savings; try again", busy=True)
        try:
            if self._closed:
                raise NoSavingsError("the manager is shutting down", busy=True)
            return self._looked(self._publish(now).path, since, until)
        except SnapshotError as error:
            raise NoSavingsError(f"{error}; the manager's log says more", busy=True) from error
        except SqlError as error:
            why = str(error).partition("\n")[0]  # DuckDB goes on with advice for its own shell
            detail = f"{why}; ask for less, such as `manager-agent suggest --since 1d`"
            raise NoSavingsError(detail, busy=error.kind == "busy") from error
        finally:
            self._turn.release()

    def close(self) -> None:
        """End a question that is under way; it and later ones raise `NoSavingsError`."""
        self._closed = True
        runner = self._runner
        if runner is not None:
            runner.close()

    def _looked(self, path: Path, since: datetime, until: datetime) -> Savings:
        self._runner = runner = SqlRunner(workers=1, timeout_seconds=_STATEMENT_SECONDS, waiting=0)
        ends = monotonic() + self._look_seconds

        def ask(query: str, params: Mapping[str, object] | None = None) -> pl.DataFrame:
            given: dict[str, Any] | None = dict(params) if params else None
            answer = runner.run_blocking(Query(query, given, "arrow"), path)
            if answer.truncated:
                raise SqlError("invalid", f"more than {answer.rows:,} agents and models")
            return pl.read_ipc_stream(io.BytesIO(answer.body))

        try:
            return suggestions(ask, since, until, self._prices, late=lambda: monotonic() > ends)
        finally:
            self._runner = None
            runner.close()
