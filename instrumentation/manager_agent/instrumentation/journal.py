"""What this process holds, in a file mapped into memory: it outlives SIGKILL, as no message does.

One file a process, one record a lease. A lock on the file tells that its process lives. When it is
dead, the next guard of this host tells the manager what was in flight; what was not is free again
(`control/closing.py`). Without a journal all that a dead process held stays in doubt.

A record has two states, written in turn. Each begins and ends with its number, so that of a process
that was killed while it wrote one, the other holds: the state before a call left, or before it was
settled, which is never too little.
"""

import mmap
import os
import struct
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from uuid import UUID

from manager_agent.contract.guard import Report

try:
    import fcntl
except ImportError:  # no POSIX: no lock that ends with its process, hence no journal
    fcntl = None  # type: ignore[assignment]

_MAGIC = b"manager-agent journal 1\n"
_HEAD, _RECORD, _PLACES = 128, 128, 512
_NAME = struct.Struct("16sQ")
_STATE = struct.Struct("QqqqQ")
_FIRST = 48
_SUFFIX = ".journal"


class Entry:
    """The record of one lease; written under the lock of its wallet."""

    __slots__ = ("_map", "_number", "_place", "place")

    def __init__(self, memory: mmap.mmap, place: int) -> None:
        self._map, self.place = memory, place
        self._number = 0
        self._place = _HEAD + place * _RECORD + _FIRST

    def write(self, settled: int, returned: int, reserved: int) -> None:
        """Write where the lease stands, in the amounts of its unit."""
        number = self._number = self._number + 1
        place = self._place + (number & 1) * _STATE.size
        _STATE.pack_into(self._map, place, number, settled, returned, reserved, number)


class Journal:
    """The file of this process. Raises `OSError` where it cannot be made."""

    def __init__(self, folder: Path, boot_id: str) -> None:
        """Make the file, locked as long as this process lives."""
        if fcntl is None:
            raise OSError("this system has no locks that end with their process")
        self.path = folder / f"{os.getpid()}-{os.urandom(6).hex()}{_SUFFIX}"
        self._lock = Lock()
        self._free = list(range(_PLACES - 1, -1, -1))
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            os.ftruncate(self._file, _HEAD + _PLACES * _RECORD)
            self._map = mmap.mmap(self._file, _HEAD + _PLACES * _RECORD)
        except OSError:
            os.close(self._file)
            raise
        self._map[: len(_MAGIC)] = _MAGIC
        self._map[64 : 64 + len(boot_id)] = boot_id.encode()

    def entry(self, holder: str, lease: int) -> Entry | None:
        """Return a record for a lease of an epoch; None where there is no room."""
        with self._lock:
            if not self._free:
                return None
            place = self._free.pop()
        at = _HEAD + place * _RECORD
        self._map[at : at + _RECORD] = bytes(_RECORD)
        _NAME.pack_into(self._map, at, UUID(holder).bytes, lease)
        return Entry(self._map, place)

    def close(self, entry: Entry) -> None:
        """Let go of the record of a lease that the manager knows the end of."""
        at = _HEAD + entry.place * _RECORD
        self._map[at : at + _RECORD] = bytes(_RECORD)
        with self._lock:
            self._free.append(entry.place)

    def end(self) -> None:
        """Remove the file: the manager was told of all that it says."""
        self.path.unlink(missing_ok=True)
        self.abandon()

    def abandon(self) -> None:
        """Let go of a parent's file, in its child: a copy of its lock would outlive the parent."""
        self._map.close()  # it has a copy of the descriptor, and so of the lock
        os.close(self._file)


class Found(NamedTuple):
    """The journal of a dead process. `file` holds a lock on it until `let_go`."""

    path: Path
    file: int
    reports: tuple[Report, ...]

    def let_go(self, told: bool) -> None:
        """Remove it if the manager was `told`; if not, leave it to the next who looks."""
        if told:
            self.path.unlink(missing_ok=True)
        os.close(self.file)


def dead(folder: Path, boot_id: str) -> list[Found]:
    """Return the journals of dead processes of this boot of this host.

    Others are left alone: whether a process of another host lives cannot be told by a lock, and of
    an earlier boot not all may have reached the disk.
    """
    found: list[Found] = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")) if fcntl is not None else []:
        one = _opened(path, boot_id)
        if one is not None:
            found.append(one)
    return found


def _opened(path: Path, boot_id: str) -> Found | None:
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:  # somebody else has told of it and removed it
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        content = os.read(file, _HEAD + _PLACES * _RECORD)
    except OSError:  # its process lives, or another one tells of it just now
        os.close(file)
        return None
    said = content[64:_HEAD].rstrip(b"\0").decode("ascii", "replace")
    if not content.startswith(_MAGIC) or not boot_id or said != boot_id or not path.exists():
        os.close(file)
        return None
    return Found(path, file, tuple(read(content)))


def read(content: bytes) -> list[Report]:
    """Return a report for each lease of a journal's content."""
    found = []
    for at in range(_HEAD, len(content) - _RECORD + 1, _RECORD):
        holder, lease = _NAME.unpack_from(content, at)
        states = [
            _STATE.unpack_from(content, at + _FIRST + which * _STATE.size) for which in (0, 1)
        ]
        whole = [state for state in states if state[0] and state[0] == state[-1]]
        if not lease or not whole:
            continue
        _, settled, returned, reserved, _ = max(whole)
        found.append(
            Report(
                holder=str(UUID(bytes=holder)),
                lease=lease,
                settled_total=settled,
                returned_total=returned,
                reserved_now=max(0, reserved),
            )
        )
    return found
