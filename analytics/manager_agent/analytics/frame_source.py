"""Where the frames of a running manager come from: only what changed is read anew."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from threading import Lock

import duckdb
import polars as pl

from manager_agent.analytics.frames import Frames, LedgerRow, Thresholds
from manager_agent.analytics.kept_frames import KeptFrames
from manager_agent.analytics.load import load
from manager_agent.analytics.remembered import Remembered
from manager_agent.contract.budget import BudgetPolicy


class FrameSource:
    """Frames of one database, kept between looks; equal to those that `load` takes from it.

    The writer says after each commit which minutes it changed (`note`). What is kept of a stretch
    of time that holds one is read anew at the next look. All else that writers do (seals,
    compaction, the archive) changes no answer. Looks belong to one thread; `note` to any.
    """

    def __init__(self, *, told: bool = False) -> None:
        """`told`: whether `note` is told of every commit; else each look reads all anew."""
        self.kept = KeptFrames()
        self.remembered = Remembered()
        self._told = told
        self._lock = Lock()
        self._noted: set[int] | None = None

    def note(self, minutes: Iterable[int] | None) -> None:
        """Note that rows of these minutes (since 1970) changed; None: of which is not certain."""
        with self._lock:
            if minutes is None:
                self._noted = None
            elif self._noted is not None:
                self._noted.update(minutes)

    def frames(
        self,
        con: duckdb.DuckDBPyConnection,
        now: datetime,
        policy: BudgetPolicy,
        ledger: Sequence[LedgerRow] = (),
        thresholds: Thresholds | None = None,
    ) -> Frames:
        """Return what rules may see at `now`: one moment of the database, as `load` describes.

        Raises `duckdb.Error`; then all is read anew the next time.
        """
        try:
            self._forget_changed()  # first: what is noted from now on counts at the next look
            con.begin()
            self.kept.hourly.begin(now)
            found = load(con, now, policy, ledger, thresholds, self.kept)
            con.rollback()
        except BaseException:
            self.note(None)
            raise
        pieces = self.kept.usage.pieces()
        tables = ((each.name, getattr(found, each.name)) for each in fields(Frames))
        self.remembered.begin(
            (table, pieces.get(name)) for name, table in tables if isinstance(table, pl.DataFrame)
        )
        return replace(found, remembered=self.remembered)

    def _forget_changed(self) -> None:
        with self._lock:
            noted = self._noted if self._told else None
            self._noted = set()
        if noted is None:
            self.kept.clear()
        elif noted:
            self.kept.touch(noted)
