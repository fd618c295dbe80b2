"""Reads the frames of DuckDB's write-ahead log, to tell what is whole in it and what is not.

The log is a head (which database, which checkpoint) and then frames: length and checksum, 8 bytes
each, little endian, and the entry. Entries of type `_COMMIT` end a transaction. DuckDB 1.5 and 2.0
write the same. docs/decisions/0009-repair.md says what DuckDB itself makes of a damaged log.
"""

from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

_HEAD_BEGINS = bytes.fromhex("640062650002660010")
"""An entry of the type `version`, version 2, and then an id of 16 numbers."""
_LONGEST_HEAD = 128
_ENDS = b"\xff\xff"
_FRAME_HEAD = 16
_TYPE = b"\x64\x00"
_COMMIT_ENTRY = b"\x64\x00\x64\xff\xff"
_COMMIT_LENGTH = len(_COMMIT_ENTRY).to_bytes(8, "little")
_SHORTEST_ENTRY = 5


@dataclass(frozen=True, slots=True)
class Log:
    """What was found in a log, in bytes from its begin.

    `head_end`: 0 where the head is damaged. `commits`: where each transaction ends, as far as
    frames follow each other. `walked`: where that ends. `later_commits`: marks of commits after
    it, which nothing leads to: DuckDB would silently forget them.
    """

    length: int
    head_end: int
    commits: tuple[int, ...]
    walked: int
    later_commits: int

    def boundary(self, position: int) -> int:
        """Return the end of the last transaction that ends at `position` or before."""
        return max((end for end in self.commits if end <= position), default=self.head_end)

    @property
    def silently_damaged(self) -> bool:
        """Whether DuckDB would open the log and drop what was committed, without an error."""
        return self.later_commits > 0


def is_corrupt_log(error: Exception) -> bool:
    """Tell whether DuckDB could not open a file because of its log."""
    return "replaying WAL" in str(error)


def log_beside(database: Path) -> Path:
    """Return where DuckDB keeps the log of a database file."""
    return database.with_name(database.name + ".wal")


def read_log(path: Path) -> Log:
    """Return what is in the log at `path`; a missing or empty file is a log without anything."""
    if not path.exists() or not path.stat().st_size:
        return parse(b"")
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return parse(data)


def head_of(data: bytes | mmap) -> bytes:
    """Return the head of a log, empty where it is damaged."""
    start = data[:_LONGEST_HEAD]
    if not start.startswith(_HEAD_BEGINS):
        return b""
    end = start.find(_ENDS, len(_HEAD_BEGINS))  # no number in the head is written with two FFs
    return start[: end + len(_ENDS)] if end > 0 else b""


def parse(data: bytes | mmap) -> Log:
    """Return what is in the log `data`."""
    head_end = len(head_of(data))
    commits: list[int] = []
    at = head_end
    while head_end:
        length = int.from_bytes(data[at : at + 8], "little")
        entry = at + _FRAME_HEAD
        if length < _SHORTEST_ENTRY or entry + length > len(data):
            break
        if data[entry : entry + 2] != _TYPE:
            break
        at = entry + length
        if data[entry:at] == _COMMIT_ENTRY:
            commits.append(at)
    return Log(len(data), head_end, tuple(commits), at, _commit_marks(data, at))


def _commit_marks(data: bytes | mmap, start: int) -> int:
    """Return how many frames after `start` look like the end of a transaction."""
    found, at = 0, data.find(_COMMIT_ENTRY, start)
    while at >= 0:
        begins = at - _FRAME_HEAD
        found += begins >= start and data[begins : begins + 8] == _COMMIT_LENGTH
        at = data.find(_COMMIT_ENTRY, at + 1)
    return found
