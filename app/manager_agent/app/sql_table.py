"""A result of SQL as a table that people read: exact, NULL told from empty, nothing cut inside."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from rich.cells import cell_len

from manager_agent.store.query_rows import plain_rows

MOST_ROWS = 10_000
"""Rows that a table shows; files take more."""

_NULL = "NULL"


def table(body: bytes, width: int | None) -> tuple[str, int, bool]:
    """Return an Arrow stream as text, the rows in it, and whether there are more than are shown.

    `width`: columns of the terminal, None where lines may be of any length. Rows that do not fit
    are shown one below the other, a line a column: folded into stripes, nobody can read them.
    """
    reader = pa.ipc.open_stream(body)
    rows: list[list[Any]] = []
    for row in plain_rows(reader, exact=True):
        if len(rows) == MOST_ROWS:
            return _laid_out(reader.schema, rows, width), len(rows), True
        rows.append(row)
    return _laid_out(reader.schema, rows, width), len(rows), False


def _laid_out(schema: pa.Schema, rows: list[list[Any]], width: int | None) -> str:
    names = [_visible(name) for name in schema.names]
    cells = [
        _column(field.type, [row[number] for row in rows]) for number, field in enumerate(schema)
    ]
    widths = [
        max([cell_len(name), *map(cell_len, column)])
        for name, column in zip(names, cells, strict=True)
    ]
    if width is not None and sum(widths) + 3 * (len(widths) - 1) > width:
        return _records(names, list(zip(*cells, strict=True)))
    right = [_is_number(field.type) for field in schema]
    return _grid(names, list(zip(*cells, strict=True)), widths, right)


def _grid(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    right: Sequence[bool],
) -> str:
    def line(cells: Sequence[str]) -> str:
        parts = (
            _padded(cell, width, to_right)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        )
        return " │ ".join(parts).rstrip() + "\n"

    rule = "─┼─".join("─" * width for width in widths) + "\n"
    return line(names) + rule + "".join(map(line, rows))


def _records(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    width = max(map(cell_len, names))
    parts = []
    for number, row in enumerate(rows, 1):
        parts.append(f"── row {number} ──\n")
        for name, cell in zip(names, row, strict=True):
            parts.append(f"{_padded(name, width, False)} │ {cell}".rstrip() + "\n")
    return "".join(parts)


def _padded(cell: str, width: int, right: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if right else cell + space


def _column(kind: pa.DataType, values: list[Any]) -> list[str]:
    text = _writer(kind, values)
    return [_NULL if value is None else _visible(text(value)) for value in values]


def _writer(kind: pa.DataType, values: list[Any]) -> Callable[[Any], str]:
    """Return how values of a column are written."""
    if pa.types.is_decimal(kind) and kind.scale > 0:
        digits = max((_digits(str(value)) for value in values if value is not None), default=0)
        cut = kind.scale - max(digits, min(2, kind.scale))
        return lambda value: str(value)[: len(str(value)) - cut]
    if pa.types.is_timestamp(kind):
        return lambda value: str(value).replace("T", " ", 1)
    if pa.types.is_floating(kind):
        return _float
    return lambda value: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _digits(number: str) -> int:
    """Return how many decimals a number such as `0.000372000` needs: 6."""
    return len(number.partition(".")[2].rstrip("0"))


def _float(value: Any) -> str:
    """Return a float to six decimals, small ones in full: averages have no use for seventeen."""
    if isinstance(value, str) or (value and abs(value) < 1e-3):
        return str(value)
    return str(round(value, 6))


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _visible(text: str) -> str:
    """Return text that stays in its cell and gives a terminal no orders."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
