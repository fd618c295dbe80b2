"""An export, row by row: calls to import, and rows that cannot be, with their lines."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from manager_agent.app.history.names import SUMMED, MappingError, mapped, plain
from manager_agent.app.history.values import (
    CellError,
    failed,
    milliseconds,
    nano_usd_of,
    nanos,
    whole,
)
from manager_agent.receiver.history import COUNTS, TEXTS, HistoryError, past_call

_LONGEST_CELL = 64 * 2**20
"""Exports may hold whole prompts."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no call: its line in the file, counted from 1, and why."""

    line: int
    why: str


@dataclass(slots=True)
class Export:
    """A CSV file with a header. `defaults`: fields that no column says, such as `agent`.

    Read in one pass. In memory stay about 150 bytes for each row, to number equal rows.
    """

    path: Path
    given: Mapping[str, str]
    defaults: Mapping[str, str]
    columns: dict[str, int] = field(default_factory=dict)
    header: list[str] = field(default_factory=list)
    bytes_read: int = 0
    _equal: Counter[bytes] = field(default_factory=Counter)

    @property
    def unknown_columns(self) -> list[str]:
        """Columns that are not read."""
        used = set(self.columns.values())
        return [name for place, name in enumerate(self.header) if place not in used]

    @property
    def summed(self) -> bool:
        """Whether each row sums up several requests."""
        return any(plain(name) in SUMMED for name in self.header)

    def rows(self) -> Iterator[Row | BadRow]:
        """Yield each row of the file, after the header. Raises `MappingError` and `OSError`."""
        csv.field_size_limit(_LONGEST_CELL)
        with self.path.open("rb") as file:
            lines = self._lines(file)
            first = next(lines, "")
            delimiter = max(",;\t", key=first.count)
            self.header = next(csv.reader([first], delimiter=delimiter), [])
            if not any(name.strip() for name in self.header):
                raise MappingError(f"{self.path} is empty; its first line must name the columns")
            self.columns = mapped(self.header, self.given)
            reader = csv.reader(lines, delimiter=delimiter)
            yield from self._read(reader)

    def _read(self, reader: Any) -> Iterator[Row | BadRow]:
        while True:
            line = reader.line_num + 2  # after the header; where the row begins
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRow(line, str(error))
                continue
            if not any(cells):
                continue
            try:
                yield self._row(cells)
            except (CellError, HistoryError) as error:
                yield BadRow(line, str(error))

    def _lines(self, file: BinaryIO) -> Iterator[str]:
        for raw in file:
            text = raw.decode("utf-8", "replace")
            yield text.removeprefix("\ufeff") if not self.bytes_read else text
            self.bytes_read += len(raw)

    def _row(self, cells: Sequence[str]) -> Row:
        if len(cells) != len(self.header):
            raise CellError(f"{len(cells)} cells, the header has {len(self.header)}")
        said = {name: cells[place] for name, place in self.columns.items()}
        row: Row = {"start_ns": nanos(said["ts"])}
        row |= {name: said[name] for name in TEXTS if said.get(name)}
        row |= {name: whole(said[name]) for name in COUNTS if name in said}
        row |= _derived(said, row)
        row = {name: value for name, value in row.items() if value is not None}
        row = {**self.defaults, **row}
        row["call_id"] = self._id(row, said.get("request_id", "").strip())
        past_call(row)  # what the manager would refuse is told with its line
        return row

    def _id(self, row: Row, request_id: str) -> str:
        """Return an id that the same row has whenever it is read.

        Of equal rows each has another; of one that names its request, every copy is the same.
        """
        content = json.dumps([request_id, row], sort_keys=True).encode()
        digest = blake2b(content, digest_size=16)
        if not request_id:
            key = digest.digest()
            self._equal[key] += 1
            digest.update(self._equal[key].to_bytes(8, "big"))
        return digest.hexdigest()


def _derived(said: Mapping[str, str], row: Row) -> Row:
    """Return what several cells say together, or in other words."""
    found: Row = {}
    if "cost_usd" in said:
        found["cost_nano"] = nano_usd_of(said["cost_usd"])
    if "duration_ms" in said:
        found["duration_ms"] = milliseconds(said["duration_ms"])
    elif said.get("end_ts", "").strip():
        found["duration_ms"] = max(0, nanos(said["end_ts"]) - row["start_ns"]) / 1e6
    if "status" in said or "http_status" in said:
        status = row.get("http_status")
        found["error"] = failed(said.get("status", "")) or (status is not None and status >= 400)
        if said.get("status", "").strip().isdigit() and status is None:
            found["http_status"] = int(said["status"])
    longer = row.get("cache_write_1h_tokens") or 0
    if longer:
        found["cache_write_tokens"] = (row.get("cache_write_tokens") or 0) + longer
    if "uncached_input_tokens" in said and row.get("input_tokens") is None:
        parts = (
            whole(said["uncached_input_tokens"]),
            row.get("cache_read_tokens"),
            found.get("cache_write_tokens", row.get("cache_write_tokens")),
        )
        found["input_tokens"] = sum(part or 0 for part in parts)
    return found
