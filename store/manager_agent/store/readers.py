"""Who still reads an old snapshot, and which files it needs.

A reader that opened the snapshot before it was replaced keeps that file, and DuckDB keeps a lock on
it while it is open. So each replaced snapshot stays under a second name until nobody holds the
lock; until then the Parquet files it points to stay, too.
"""

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_GRACE_SECONDS = 60.0 if sys.platform != "win32" else 600.0
"""How long a replaced snapshot is kept in any case: for who opens it at this moment, and where
locks cannot be asked for."""


@dataclass(frozen=True, slots=True)
class _Replaced:
    link: Path
    files: frozenset[Path]
    since: float


class Readers:
    """The snapshots of one directory that were replaced and may be read still."""

    def __init__(self, directory: Path, grace_seconds: float = _GRACE_SECONDS) -> None:
        self._directory = directory
        self._grace = grace_seconds
        self._replaced: list[_Replaced] = []

    def adopt(self, files: Iterable[Path]) -> None:
        """Take over what an earlier run left: it may need any of the `files` there were."""
        kept = frozenset(files)
        for link in sorted(self._directory.glob("*.duckdb")):
            self._replaced.append(_Replaced(link, kept, time.monotonic()))

    def replaced(self, snapshot: Path, files: Iterable[Path]) -> None:
        """Note that `snapshot`, which needs `files`, is about to be replaced."""
        if not snapshot.exists():
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        link = self._directory / f"{time.time_ns():x}.duckdb"
        os.link(snapshot, link)
        self._replaced.append(_Replaced(link, frozenset(files), time.monotonic()))

    def needed(self) -> set[Path]:
        """Return the files that may be read still; forget the snapshots that nobody reads."""
        now = time.monotonic()
        left = []
        for each in self._replaced:
            if now - each.since < self._grace or _is_open(each.link):
                left.append(each)
            else:
                each.link.unlink(missing_ok=True)
        self._replaced = left
        return {path for each in left for path in each.files}


def _is_open(path: Path) -> bool:
    """Tell whether another process holds DuckDB's lock on a file."""
    if sys.platform == "win32":
        return False
    import fcntl  # not on Windows

    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)  # gives the lock back, too
    return False
