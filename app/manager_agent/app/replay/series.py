"""Series as users write them in tests of rules: `5x10 0x5 2+3x4`, a value for each step."""

import re
from collections.abc import Iterator
from decimal import Decimal

_PART = re.compile(
    r"(?P<first>_|\d+(?:\.\d+)?)(?:(?P<more>[+-]\d+(?:\.\d+)?))?(?:x(?P<steps>\d+))?"
)
_MOST = 100_000


class SeriesError(ValueError):
    """What is written is no series; the message says how one is written."""


def series(text: str) -> list[Decimal]:
    """Return the value of each step.

    Parts are separated by spaces: `7` is one step; `5x10` ten steps of 5; `2+3x4` is 2, 5, 8, 11;
    `_` is 0. Raises `SeriesError`.
    """
    found = [value for part in str(text).split() for value in _values(part)]
    if not found or len(found) > _MOST:
        raise SeriesError(f"{text!r} has {len(found):,} steps; write 1 to {_MOST:,}")
    return found


def _values(part: str) -> Iterator[Decimal]:
    match = _PART.fullmatch(part)
    if match is None:
        raise SeriesError(
            f"{part!r} is no part of a series; write 7 (one step), 5x10 (ten steps of 5), 2+3x4"
            " (2 5 8 11) or _x5 (five steps of nothing)"
        )
    value = Decimal(0 if match["first"] == "_" else match["first"])
    more = Decimal(match["more"] or 0)
    steps = int(match["steps"] or 1)
    if steps > _MOST:
        raise SeriesError(f"{part!r} has {steps:,} steps; write {_MOST:,} at most")
    for _ in range(steps):
        yield max(value, Decimal(0))
        value += more
