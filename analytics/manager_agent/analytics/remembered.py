"""What pure functions made of the frames' tables, remembered while the rows stay as they are.

A look sees much again that an earlier one saw. Each table has a version, and so has each stretch of
its rows: versions are equal only where all rows were read at the same time and not anew since. What
is asked again about equal rows and equal values gets the answer that it got before.

No time and no promise of a rule is in it, so clocks may go as they like: an answer depends on what
it was made of, and that is compared.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal, TypeVar
from weakref import ref

import polars as pl

T = TypeVar("T")

Piece = tuple[int, int, int]
"""Rows that were read together: their number, the first of them, and the first no more of them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_numbers = count()


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table, in order. `version`: None where nothing is known of it."""

    frame: pl.DataFrame
    version: tuple[Piece, ...] | None = None


class Remembered:
    """Remembers from one look to the next; what a look does not ask for is forgotten after it.

    Tables that nobody told of, such as those made by hand, have no version: what is asked about
    them is answered anew each time. For one thread.
    """

    def __init__(self) -> None:
        self._versions: dict[int, tuple[ref[pl.DataFrame], tuple[Piece, ...]]] = {}
        self._answers: dict[tuple[str, str], list[_Answer]] = {}
        self._earlier: dict[tuple[str, str], list[_Answer]] = {}

    def begin(self, tables: Iterable[tuple[pl.DataFrame, Sequence[Piece] | None]]) -> None:
        """Begin a look at `tables`, each with the pieces that it is made of where it has such.

        A table without pieces is as it was where it is the same object.
        """
        known, self._versions = self._versions, {}
        for table, pieces in tables:
            version = None if pieces is None else tuple(pieces)
            if version is None:
                before = known.get(id(table))
                same = before is not None and before[0]() is table
                version = before[1] if before and same else (piece(table),)
            self._versions[id(table)] = (ref(table), version)
        self._earlier, self._answers = self._answers, {}

    def rows(
        self,
        table: pl.DataFrame,
        *,
        since: datetime | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
    ) -> Rows:
        """Return the rows of a table in order of `ts`: `since` a moment or `after` it, and `before`
        another. Of one without a version, those that fit, in whatever order they are.
        """
        version = self._version(table)
        if version is None:
            return Rows(_filtered(table, since, after, before))
        times = table["ts"].to_physical()
        first, end = 0, table.height
        if since is not None:
            first = place(times, since, "left")
        if after is not None:
            first = max(first, place(times, after, "right"))
        if before is not None:
            end = max(first, place(times, before, "left"))
        return Rows(table[first:end], tuple(cut(version, first, end)))

    def once(self, make: Callable[..., T], *given: object) -> T:
        """Return `make(*given)`, the earlier answer where it was asked about the same.

        `make`: a function of a module or a method of a frozen rule, pure; what it returns is never
        changed. `given`: tables, `Rows`, whose `frame` it gets, and values that can be compared.
        An answer that is a table can be asked about in turn.
        """
        name = (make.__module__, make.__qualname__)
        if "<" in name[1]:
            raise ValueError(f"{name[1]}: only functions of modules can be remembered")
        key = self._key((getattr(make, "__self__", None), *given))
        plain: Any = (one.frame if isinstance(one, Rows) else one for one in given)
        if key is None:
            return make(*plain)
        answers = self._answers.setdefault(name, [])
        found = _answer(answers, key)
        if found is None:
            found = _answer(self._earlier.get(name, ()), key) or _made(key, make(*plain))
            answers.append(found)
            if found.piece is not None and self._version(found.made) is None:
                self._versions[id(found.made)] = (ref(found.made), (found.piece,))
        made: T = found.made
        return made

    def _version(self, table: pl.DataFrame) -> tuple[Piece, ...] | None:
        known = self._versions.get(id(table))
        return known[1] if known is not None and known[0]() is table else None

    def _key(self, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return what tells these arguments from others; None where they cannot be told."""
        key: list[Any] = []
        for one in given:
            if isinstance(one, pl.DataFrame | Rows):
                version = self._version(one) if isinstance(one, pl.DataFrame) else one.version
                if version is None:
                    return None
                key.append(("rows", version))
            else:
                key.append((type(one), one))
        return tuple(key)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was made of `key`; `piece`: its rows, where it is a table."""

    key: tuple[Any, ...]
    made: Any
    piece: Piece | None


def _made(key: tuple[Any, ...], made: object) -> _Answer:
    return _Answer(key, made, piece(made) if isinstance(made, pl.DataFrame) else None)


def _answer(answers: Sequence[_Answer], key: tuple[Any, ...]) -> _Answer | None:
    return next((one for one in answers if one.key == key), None)


def piece(table: pl.DataFrame) -> Piece:
    """Return a table that was just read as a piece, unlike all others."""
    return (next(_numbers), 0, table.height)


def joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the pieces that hold any rows, those that follow one another as one."""
    number, low, high = -1, 0, 0
    for each in pieces:
        if each[1] == each[2]:
            continue
        if each[0] == number and each[1] == high:
            high = each[2]
            continue
        if low < high:
            yield number, low, high
        number, low, high = each
    if low < high:
        yield number, low, high


def cut(pieces: Iterable[Piece], first: int, end: int) -> Iterator[Piece]:
    """Yield the pieces of the rows from `first` to before `end` of what `pieces` make up."""
    start = 0
    for number, low, high in pieces:
        begin, stop = max(first - start, 0), min(end - start, high - low)
        if begin < stop:
            yield number, low + begin, low + stop
        start += high - low


def place(times: pl.Series, moment: datetime, side: Literal["left", "right"]) -> int:
    """Return where a moment belongs among rising times: before equal ones, or to the `right`.

    `times`: microseconds since 1970, as Polars holds them.
    """
    return int(times.search_sorted((moment - _EPOCH) // _MICROSECOND, side=side))


def _filtered(
    table: pl.DataFrame, since: datetime | None, after: datetime | None, before: datetime | None
) -> pl.DataFrame:
    wanted = [pl.lit(value=True)]
    wanted += [] if since is None else [pl.col("ts") >= since]
    wanted += [] if after is None else [pl.col("ts") > after]
    wanted += [] if before is None else [pl.col("ts") < before]
    return table.filter(*wanted)
