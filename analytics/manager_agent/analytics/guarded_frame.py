"""What guards told of their spend beside what spans say of it, as a frame."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl

from manager_agent.analytics.frames import GUARDED, LedgerRow
from manager_agent.analytics.kept import DAY, HOUR, QUARTER, Kept, text
from manager_agent.analytics.tiled import Tiled

RECENT = timedelta(minutes=2)
"""Spend that is younger need not be known yet on both sides: by spans, and by the ledger."""

_LEASED = pl.Schema(
    {
        "ts": pl.Datetime("us", "UTC"),
        "agent": pl.String(),
        "receipts": pl.Int64(),
        "nano": pl.Int64(),
        "tokens": pl.Int64(),
    }
)

_Sums = Mapping[str, tuple[int, ...]]


class GuardedFrame:
    """`Frames.guarded`, the sums of spans kept from look to look."""

    def __init__(self) -> None:
        self.kept = tuple(Kept("leased", g, _LEASED) for g in (DAY, HOUR, QUARTER))
        self._tiled = Tiled(*self.kept)

    def frame(
        self, con: duckdb.DuckDBPyConnection, now: datetime, ledger: Sequence[LedgerRow]
    ) -> pl.DataFrame:
        """Return each limit of the ledger that guards spend from, with both sums."""
        windows = sorted({(row.window_start, row.resets_at) for row in ledger})
        found = self._tiled.sums(con, windows, now)
        spans: dict[tuple[datetime, datetime], _Sums] = {
            each: {agent: tuple(sums) for agent, *sums in found[each].iter_rows()}
            for each in windows
        }
        recent = _recent(con, now) if ledger else {}
        rows = (_row(one, spans[one.window_start, one.resets_at], recent) for one in ledger)
        return pl.DataFrame(list(filter(None, rows)), schema=GUARDED, orient="row")


def _recent(con: duckdb.DuckDBPyConnection, now: datetime) -> _Sums:
    since = (now - RECENT).astimezone(UTC).replace(tzinfo=None)
    rows = con.execute(text("recent_spend"), {"recent": since}).fetchall()
    return {agent: tuple(sums) for agent, *sums in rows}


def _row(row: LedgerRow, spends: _Sums, recent: _Sums) -> tuple[object, ...] | None:
    """Return a limit beside what spans say of it; None where no guard spent from it."""
    mine = spends.keys() if row.agents is None else row.agents & spends.keys()
    receipts, nano, tokens = _summed(mine, spends, 3)
    recent_nano, recent_tokens = _summed(mine, recent, 2)
    usd = row.unit == "usd"
    spans, late = (nano, recent_nano) if usd else (tokens, recent_tokens)
    if not (row.guarded or spans):
        return None
    said = (row.scope, row.name, row.period, row.unit, row.guarded, receipts if usd else spans)
    return (*said, spans, late, row.window_start, row.resets_at)


def _summed(agents: Iterable[str], sums: _Sums, width: int) -> tuple[int, ...]:
    mine = [sums[agent] for agent in agents if agent in sums]
    return tuple(sum(each[i] or 0 for each in mine) for i in range(width))
