"""Tables as lines of text: columns aligned, numbers to the right, within a width and a length."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from manager_agent.delivery.text import ELLIPSIS, clean, shorten
from manager_agent.rules.message import Section

WIDTH = 76
"""Columns of text that Slack's message pane shows without breaking a line, on a laptop."""

CELL_WIDTH = 40
"""Longest cell: a name that is longer is somebody's mistake."""

_NUMBER = tuple("0123456789$+-–<>~·")
_BARS = frozenset("▁▂▃▄▅▆▇█·?")
_LEAST_WIDTH = 8
_LEAST, _UNKNOWN = "at least ", ("unknown", "?", "new", "")
_GAP = "  "
_TIME = re.compile(r"(\d{4})-(\d\d-\d\d \d\d:\d\d) ([A-Z]{3,5})")
_HEAD_LINES = 2
_READ = 1000
"""Characters of a cell that are looked at."""


def table(
    section: Section,
    width: int = WIDTH,
    length: int = 100_000,
    weight: Callable[[str], int] = len,
) -> list[str]:
    """Return the lines of a section's table, heads first; none where it has no columns.

    No line is wider than `width` in columns of a terminal, unless its numbers alone are; all of
    them together weigh at most `length`: characters, with their ends, or what `weight` says of a
    line. Rows that do not fit are left out at the end and counted: `and 12 more`. Cells are cut,
    numbers never.
    """
    if not section.columns:
        return []
    count = len(section.columns)
    heads = [_cell(head) for head in section.columns]
    rows = [[_cell(row[n]) if n < len(row) else "" for n in range(count)] for row in section.rows]
    if _wide([heads, *rows]) > width:
        heads, rows = _without_years(heads, rows)
    right = [_numbers([row[n] for row in rows]) for n in range(count)]
    widths = _fitted([heads, *rows], right, width)
    drawn = [_line(row, widths, right) for row in [heads, *rows]]
    return _within([drawn[0], _GAP.join("─" * one for one in widths), *drawn[1:]], length, weight)


def columns_of(text: str) -> int:
    """Return how many columns of a terminal `text` takes: letters of East Asia take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _wide(rows: Sequence[Sequence[str]]) -> int:
    columns = len(rows[0])
    widths = [max(columns_of(row[n]) for row in rows) for n in range(columns)]
    return sum(widths) + len(_GAP) * (columns - 1)


def _without_years(heads: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Shorten columns of times: the zone goes to the head, the year away where it is one and the
    same."""
    columns = [[row[n] for row in rows] for n in range(len(heads))]
    for n, cells in enumerate(columns):
        times = [_TIME.fullmatch(cell) for cell in cells]
        found = [time for time in times if time]
        if len(found) == len(cells) and len({(time[1], time[3]) for time in found}) == 1:
            heads[n] = f"{heads[n]}, {found[0][3]}"
            columns[n] = [time[2] for time in found]
    return heads, [list(row) for row in zip(*columns, strict=True)]


def _cell(text: str) -> str:
    # A backtick would end the block of code that the table stands in.
    return shorten(clean(text[:_READ]), CELL_WIDTH).replace("`", "'")


def _numbers(cells: Sequence[str]) -> bool:
    """Tell whether a column is of numbers, or of bars: all that it says, says how much."""
    amounts = [cell for cell in cells if cell not in _UNKNOWN]
    return bool(amounts) and all(_is_number(cell) for cell in amounts)


def _is_number(cell: str) -> bool:
    return cell.removeprefix(_LEAST).startswith(_NUMBER) or _BARS.issuperset(cell)


def _fitted(rows: Sequence[Sequence[str]], right: Sequence[bool], width: int) -> list[int]:
    """Return widths of columns; the widest of words give way first, to no less than eight.

    Of a column of numbers only the head gives way.
    """
    heads, *cells = rows
    widths = [max(columns_of(row[n]) for row in rows) for n in range(len(heads))]
    numbers = [max((columns_of(row[n]) for row in cells), default=0) for n in range(len(heads))]
    least = [numbers[n] if right[n] else _LEAST_WIDTH for n in range(len(heads))]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        wide = [n for n in range(len(heads)) if widths[n] > max(least[n], 3)]
        if not wide:
            break
        widths[max(wide, key=lambda n: widths[n])] -= 1
    return widths


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    each = zip(cells, widths, right, strict=True)
    return _GAP.join(_padded(cell, width, to_right) for cell, width, to_right in each).rstrip()


def _padded(cell: str, width: int, to_right: bool) -> str:
    shown = cell if columns_of(cell) <= width else _cut(cell, width)
    space = " " * (width - columns_of(shown))
    return f"{space}{shown}" if to_right else f"{shown}{space}"


def _cut(cell: str, width: int) -> str:
    """Return a cell of words that fits; letters of East Asia need more than one try."""
    for limit in range(width, 0, -1):
        shown = shorten(cell, limit)
        if columns_of(shown) <= width:
            return shown
    return ELLIPSIS


def _within(lines: list[str], length: int, weight: Callable[[str], int]) -> list[str]:
    """Leave out rows at the end until all are within `length`, and say how many."""
    weights = [weight(line) + 1 for line in lines]
    if sum(weights) <= length:
        return lines
    room = length - len("and 1,000,000 more\n")
    kept: list[str] = []
    for line, heavy in zip(lines, weights, strict=True):
        room -= heavy
        if room < 0:
            break
        kept.append(line)
    if len(kept) <= _HEAD_LINES:
        return [f"{len(lines) - _HEAD_LINES:,} rows"]
    return [*kept, f"and {len(lines) - len(kept):,} more"]
