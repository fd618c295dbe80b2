"""Answers about stretches of time, kept until something in them changes."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import duckdb
import polars as pl

from manager_agent.analytics.answer import answer
from manager_agent.analytics.remembered import Piece, joined, piece

MINUTE, QUARTER, HOUR, DAY = 1, 15, 60, 1440
"""Grains of buckets, in minutes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE_US = 60_000_000
_MOST_RUNS = 8
"""Stretches asked for one by one; of more, all between the first and the last is read at once."""


class _Place(NamedTuple):
    """Where the rows of a bucket lie: in `frame` from `first` to before `end`, read as `piece`."""

    frame: pl.DataFrame
    first: int
    end: int
    piece: Piece


class Kept:
    """The rows of one question (`sql/frames/<question>.sql`), by buckets of its grain.

    The question takes `$low` and `$high`, naive and UTC, and `$grain` in minutes if it asks for
    it; its rows have a `ts` and come in an order that is first of all that of `ts`. A bucket is a
    number: stretches of the grain, or of a part of it, since 1970.
    """

    def __init__(self, question: str, grain: int, schema: pl.Schema, parts: int = 1) -> None:
        """`schema`: of the answer, `ts` among its columns. `parts`: buckets in a stretch."""
        self.grain = grain
        self.bucket_us = grain * _MINUTE_US // parts
        """Length of a bucket, in microseconds."""
        self.asked = 0
        """Times that the database was asked."""
        self._parts = parts
        self._question = question
        self._schema = schema
        self._more = {"grain": grain} if "$grain" in text(question) else {}
        self._buckets: dict[int, _Place] = {}
        self._last: tuple[Sequence[int], pl.DataFrame] | None = None

    def clear(self) -> None:
        """Forget everything."""
        self._buckets.clear()
        self._last = None

    def touch(self, minutes: Iterable[int]) -> None:
        """Forget the buckets that hold these minutes (since 1970): something in them changed."""
        changed = {bucket for minute in minutes for bucket in self._buckets_of(minute)}
        for bucket in changed & self._buckets.keys():
            del self._buckets[bucket]
            self._last = None

    def _buckets_of(self, minute: int) -> range:
        first, end = minute * _MINUTE_US, (minute + 1) * _MINUTE_US
        return range(first // self.bucket_us, (end - 1) // self.bucket_us + 1)

    def span(self, low: datetime, high: datetime) -> range:
        """Return the buckets of the whole grains from that of `low` to that of `high`."""
        first, last = (self.bucket(moment) // self._parts for moment in (low, high))
        return range(first * self._parts, (last + 1) * self._parts)

    def bucket(self, moment: datetime) -> int:
        """Return the bucket that holds a moment."""
        return (moment - _EPOCH) // _MICROSECOND // self.bucket_us

    def bounds(self, first: int, end: int) -> Mapping[str, datetime]:
        """Return where buckets from `first` to before `end` lie, as questions ask for it."""
        return {"low": self._start(first), "high": self._start(end)}

    def _start(self, bucket: int) -> datetime:
        return (_EPOCH + bucket * self.bucket_us * _MICROSECOND).replace(tzinfo=None)

    def heights(self) -> Mapping[int, int]:
        """Return the number of rows of each bucket that is here."""
        return {bucket: place.end - place.first for bucket, place in self._buckets.items()}

    def pieces(self) -> list[Piece]:
        """Return what the last answer of `rows` is made of, in its order."""
        wanted = () if self._last is None else self._last[0]
        return list(joined(self._buckets[bucket].piece for bucket in wanted))

    def rows(self, con: duckdb.DuckDBPyConnection, wanted: Sequence[int]) -> pl.DataFrame:
        """Return the rows of the buckets `wanted` (rising), in that order; forget all others."""
        if self._last is not None and self._last[0] == wanted:
            return self._last[1]
        self._last = None  # before more is read, so that the rows of both are never here together
        self._buckets = {b: self._buckets[b] for b in wanted if b in self._buckets}
        for first, end in runs([b for b in wanted if b not in self._buckets]):
            self._load(con, first, end, wanted)
        found = self._together(wanted)
        self._last = (wanted, found)
        return found

    def _together(self, wanted: Sequence[int]) -> pl.DataFrame:
        """Return the rows of all these buckets, which lie in it from now on: one copy."""
        found = _table(_stretches([self._buckets[b] for b in wanted]), self._schema)
        start = 0
        for bucket in wanted:
            _, first, end, read = self._buckets[bucket]
            self._buckets[bucket] = _Place(found, start, start + end - first, read)
            start += end - first
        return found

    def _load(
        self, con: duckdb.DuckDBPyConnection, first: int, end: int, wanted: Sequence[int]
    ) -> None:
        self.asked += 1
        found = ask(con, self._question, {**self.bounds(first, end), **self._more}, self._schema)
        read, _, _ = piece(found)
        number = found["ts"].dt.epoch("us") // self.bucket_us
        parts: dict[int, tuple[int, int]] = {}
        start = 0
        for height, bucket in number.rle().struct.unnest().iter_rows():
            if bucket in parts:
                raise ValueError(f"{self._question}.sql: its rows are not in order of ts")
            parts[bucket] = start, start + height
            start += height
        for bucket in wanted:
            if first <= bucket < end:
                low, high = parts.get(bucket, (0, 0))
                self._buckets[bucket] = _Place(found, low, high, (read, low, high))


_Stretch = tuple[pl.DataFrame, int, int]
"""Rows of a frame, from one to before another."""


def _table(stretches: Sequence[_Stretch], schema: pl.Schema) -> pl.DataFrame:
    if not stretches:
        return pl.DataFrame(schema=schema)
    if len(stretches) == 1:
        frame, first, end = stretches[0]
        return frame[first:end]
    columns = (
        pl.concat([frame[name][first:end] for frame, first, end in stretches]) for name in schema
    )
    return pl.DataFrame(map(_on_its_own, columns), schema=schema)


def _stretches(places: Sequence[_Place]) -> list[_Stretch]:
    """Return where these rows lie, in order: what lies together as one."""
    frames = {id(place.frame): place.frame for place in places}
    lying = joined((id(place.frame), place.first, place.end) for place in places)
    return [(frames[number], first, end) for number, first, end in lying]


def _on_its_own(column: pl.Series) -> pl.Series:
    """Return a column with memory of its own.

    Polars reads texts where DuckDB put them, which sets memory aside for a million rows of each
    column, however few there are: all of it, of every answer that a single row is left of. Arrow's
    first form of texts holds them one after the other, and no others.
    """
    if column.dtype != pl.String:
        return column.rechunk()
    alone = column.to_arrow(compat_level=pl.CompatLevel.oldest())
    return pl.Series(column.name, alone, pl.String)


def ask(
    con: duckdb.DuckDBPyConnection,
    question: str,
    params: Mapping[str, datetime | int],
    schema: pl.Schema,
) -> pl.DataFrame:
    """Return the answer to `sql/frames/<question>.sql` in `schema`; its times are UTC.

    `params`: moments (naive, UTC) and whole numbers.
    """
    found = answer(con, _written(text(question), params))
    times = [name for name, kind in schema.items() if isinstance(kind, pl.Datetime)]
    return found.with_columns(pl.col(times).dt.replace_time_zone("UTC")).match_to_schema(
        schema, integer_cast="upcast"
    )


def _written(sql: str, params: Mapping[str, datetime | int]) -> str:
    """Return SQL with its parameters written out.

    DuckDB looks for pandas on disk whenever a parameter is bound: that costs as much as the answer.
    """
    for name, value in params.items():
        literal = f"TIMESTAMP '{value}'" if isinstance(value, datetime) else str(int(value))
        sql = sql.replace(f"${name}", literal)
    return sql


@cache
def text(question: str) -> str:
    """Return the SQL of a question about frames."""
    return (files("manager_agent.analytics") / "sql" / "frames" / f"{question}.sql").read_text(
        "utf-8"
    )


def minute_of(moment: datetime) -> int:
    """Return the minute that holds a moment, as a number since 1970."""
    return (moment - _EPOCH) // _MINUTE


def naive(minute: int) -> datetime:
    """Return the start of a minute since 1970 as the database keeps it."""
    return (_EPOCH + minute * _MINUTE).replace(tzinfo=None)


def runs(buckets: Collection[int]) -> Iterator[tuple[int, int]]:
    """Yield stretches (end excluded) that cover `buckets`, which rise."""
    found: list[tuple[int, int]] = []
    for bucket in buckets:
        if found and found[-1][1] == bucket:
            found[-1] = (found[-1][0], bucket + 1)
        else:
            found.append((bucket, bucket + 1))
    if len(found) > _MOST_RUNS:
        found = [(found[0][0], found[-1][1])]
    yield from found
