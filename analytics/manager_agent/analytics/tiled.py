"""Sums by agent over long windows, put together from kept stretches: days, hours, and finer."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import duckdb
import polars as pl

from manager_agent.analytics.kept import DAY, Kept, minute_of

Range = tuple[datetime, datetime]
"""From a moment to before another, both UTC."""

_Tile = tuple[int, int, int]
"""A grain, and the minutes (since 1970) from one to before another, whole buckets of it."""


class Tiled:
    """What agents summed up to in windows. A month is days, with hours where it begins or ends.

    A look after something changed reads the stretches that it changed, not the month.
    """

    def __init__(self, *kept: Kept) -> None:
        """`kept`: the same sums by `agent`, from coarse to fine."""
        self._kept = {each.grain: each for each in kept}
        self._last: dict[Range, tuple[list[pl.DataFrame], list[_Tile], pl.DataFrame]] = {}

    def sums(
        self, con: duckdb.DuckDBPyConnection, windows: Sequence[Range], now: datetime
    ) -> Mapping[Range, pl.DataFrame]:
        """Return for each window a row an agent: `agent`, and the sums of all else.

        The same frame again where nothing changed. `now`: the day of it is read by hours, so that
        what happens now changes one of them.
        """
        grains = list(self._kept)
        tiles = {
            window: list(_tiles(_minutes(window), minute_of(now), grains)) for window in windows
        }
        frames = {
            grain: kept.rows(con, _buckets(grain, (t for one in tiles.values() for t in one)))
            for grain, kept in self._kept.items()
        }
        found = {window: self._sum(window, tiles[window], frames) for window in windows}
        self._last = {window: self._last[window] for window in windows}
        return found

    def _sum(
        self, window: Range, tiles: list[_Tile], frames: Mapping[int, pl.DataFrame]
    ) -> pl.DataFrame:
        of = [frames[grain] for grain, _, _ in tiles]
        last = self._last.get(window)
        if last is not None and last[1] == tiles and all(map(_same, of, last[0])):
            return last[2]
        minute = pl.col("ts").dt.epoch("us") // 60_000_000
        parts = [
            frame.filter((minute >= low) & (minute < high))
            for frame, (_, low, high) in zip(of, tiles, strict=True)
        ]
        every = pl.concat(parts) if parts else next(iter(frames.values())).clear()
        found = every.group_by("agent").agg(pl.exclude("ts").sum())
        self._last[window] = (of, tiles, found)
        return found


def _same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    return one is other


def _minutes(window: Range) -> tuple[int, int]:
    """Return the first whole minute of a window, and the first after it."""
    low, high = (minute_of(each) for each in window)
    return low + (_past_minute(window[0]) > 0), high + (_past_minute(window[1]) > 0)


def _past_minute(moment: datetime) -> int:
    """Return the microseconds of a moment past its minute."""
    return moment.second * 1_000_000 + moment.microsecond


def _tiles(minutes: tuple[int, int], now: int, grains: Sequence[int]) -> Iterator[_Tile]:
    """Yield tiles of these minutes, each as coarse as it can be."""
    low, high = minutes
    if low >= high:
        return
    grain, finer = grains[0], grains[1:]
    first, last = -(-low // grain), high // grain
    if not finer:
        yield grain, first * grain, -(-high // grain) * grain
    elif first >= last:
        yield from _tiles(minutes, now, finer)
    else:
        yield from _tiles((low, first * grain), now, finer)
        yield from _whole(first * grain, last * grain, now, grains)
        yield from _tiles((last * grain, high), now, finer)


def _whole(low: int, high: int, now: int, grains: Sequence[int]) -> Iterator[_Tile]:
    """Yield whole buckets; the day of `now` finer, for it changes all the time."""
    grain = grains[0]
    today = now // grain * grain
    if grain != DAY or not low <= today < high:
        yield grain, low, high
        return
    if low < today:
        yield grain, low, today
    yield from _tiles((today, today + grain), now, grains[1:])
    if today + grain < high:
        yield grain, today + grain, high


def _buckets(grain: int, tiles: Iterator[_Tile]) -> list[int]:
    """Return the buckets of a grain that tiles need, rising."""
    ranges = (range(low // grain, high // grain) for of, low, high in tiles if of == grain)
    return sorted({bucket for each in ranges for bucket in each})
