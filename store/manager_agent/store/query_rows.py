"""The rows of a query as JSON, CSV or an Arrow stream, up to a number of rows and bytes.

JSON and CSV say what SQL says: a TIMESTAMP has no zone (the tables' are UTC), a TIMESTAMP WITH
TIME ZONE has. JSON numbers hold DECIMAL as the nearest double (CSV and Arrow are exact) and
integers of 64 bits; wider integers, NaN and infinities are strings, INTERVAL is an ISO 8601
duration, BLOB is base64.
"""

import base64
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

_INT64 = 2**63
_TO_QUOTE = re.compile(r'[",\r\n]')


class Unrenderable(Exception):
    """A value cannot be written in the format asked for; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A result: `rows` of it are in `body`; `truncated` where there were more."""

    body: bytes
    rows: int
    truncated: bool


def to_json(reader: pa.RecordBatchReader, max_rows: int, max_bytes: int) -> Rendered:
    """Return `{"columns": [...], "rows": [[...]]}`."""
    head = json.dumps({"columns": reader.schema.names}, ensure_ascii=False)[:-1] + ', "rows": ['
    parts, truncated = _take(plain_rows(reader), _json_row, max_rows, max_bytes)
    return Rendered((head + ", ".join(parts) + "]}").encode(), len(parts), truncated)


def to_csv(reader: pa.RecordBatchReader, max_rows: int, max_bytes: int) -> Rendered:
    """Return CSV with a header; NULL is empty, an empty text is in quotes, lists are JSON."""
    head = _csv_row(reader.schema.names)
    parts, truncated = _take(plain_rows(reader, exact=True), _csv_row, max_rows, max_bytes)
    return Rendered((head + "".join(parts)).encode(), len(parts), truncated)


def to_arrow(reader: pa.RecordBatchReader, max_rows: int, max_bytes: int) -> Rendered:
    """Return an Arrow IPC stream; cut at a batch where it would pass `max_bytes`."""
    sink, rows, truncated = io.BytesIO(), 0, False
    with pa.ipc.new_stream(sink, reader.schema) as stream:
        for batch in reader:
            if sink.tell() + batch.nbytes > max_bytes:
                truncated = True
                break
            stream.write_batch(batch.slice(0, max_rows - rows))
            truncated = batch.num_rows > max_rows - rows
            rows = min(rows + batch.num_rows, max_rows)
            if truncated:
                break
    return Rendered(sink.getvalue(), rows, truncated)


RENDER: Mapping[str, Callable[[pa.RecordBatchReader, int, int], Rendered]] = {
    "json": to_json,
    "csv": to_csv,
    "arrow": to_arrow,
}


def _take(
    rows: Iterator[list[Any]], text: Callable[[list[Any]], str], max_rows: int, max_bytes: int
) -> tuple[list[str], bool]:
    """Return the texts of the first rows that fit, and whether there were more."""
    parts: list[str] = []
    size = 0
    for row in rows:
        part = text(row)
        size += len(part.encode())
        if len(parts) == max_rows or size > max_bytes:
            return parts, True
        parts.append(part)
    return parts, False


def plain_rows(reader: pa.RecordBatchReader, exact: bool = False) -> Iterator[list[Any]]:
    """Yield rows of what JSON knows; `exact` keeps a decimal's digits as a string."""
    for batch in reader:
        try:
            columns = [_values(column) for column in batch.columns]
            yield from ([_plain(v, exact) for v in row] for row in zip(*columns, strict=True))
        except (ValueError, OverflowError, TypeError, pa.ArrowException) as error:
            raise Unrenderable(f"a value cannot be written: {error}; cast it to VARCHAR") from error


def _values(column: pa.Array) -> list[Any]:
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python's datetime ends at microseconds.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return list(column.to_pylist(maps_as_pydicts="lossy"))


def _plain(value: Any, exact: bool) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    if isinstance(value, Decimal):
        return _decimal(value, exact)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, pa.MonthDayNano):
        return _duration(value)
    if isinstance(value, dict):
        return {str(key): _plain(item, exact) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, exact) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _integer(value: int) -> int | str:
    return value if -_INT64 <= value < _INT64 else str(value)


def _decimal(value: Decimal, exact: bool) -> int | float | str:
    if value.as_tuple().exponent == 0:  # HUGEINT, e.g. the sum of a BIGINT
        return _integer(int(value))
    return format(value, "f") if exact else float(value)


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _duration(value: pa.MonthDayNano) -> str:
    seconds = format(Decimal(value.nanoseconds).scaleb(-9).normalize(), "f")
    return f"P{value.months}M{value.days}DT{seconds}S"


def _json_row(row: list[Any]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


def _csv_row(row: list[Any]) -> str:
    fields = [_csv_field(_csv_cell(value)) for value in row]
    # A line of one NULL would be empty, and readers skip empty lines.
    return (",".join(fields) or '""') + "\n"


def _csv_field(value: Any) -> str:
    """Return nothing for NULL, quotes around an empty text: they are not the same."""
    if value is None:
        return ""
    text = str(value)
    if text == "" or _TO_QUOTE.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
