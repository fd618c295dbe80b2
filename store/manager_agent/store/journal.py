"""The journal: requests that were acknowledged before the database held what they tell.

Segments are files that only grow; one is deleted when all of its requests are stored. Requests may
hold prompts, so the files can be read by their owner only, and live no longer than they must.
"""

import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

from manager_agent.receiver.sink import Kept, Offer
from manager_agent.store.disk import create_private, sync, write_all
from manager_agent.store.journal_record import DamagedError, packed, records, unpacked

_log = structlog.get_logger()

JOURNAL = "journal"
"""Name of its folder in the data directory."""

_SUFFIX = ".journal"
_SEGMENT_BYTES = 32 * 1024 * 1024
_ASIDE = "unstorable"


class Journal:
    """Implements `RequestJournal` in a folder, made where it is needed. For one thread.

    `segment_bytes`: a segment that has reached them is followed by another.
    """

    def __init__(self, folder: Path, segment_bytes: int = _SEGMENT_BYTES) -> None:
        """Nothing is read or made yet."""
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._owed: Counter[int] = Counter()
        self._sizes: dict[int, int] = {}
        self._total = 0
        self._current: int | None = None
        self._file = -1
        self._read_from: int | None = None
        self._reading = -1

    @property
    def size(self) -> int:
        """Bytes that it takes on the disk. May be asked from any thread."""
        return self._total

    def leftover(self) -> list[Kept]:
        """Return what an earlier run acknowledged and did not store, oldest first.

        Raises `OSError` where it cannot be read.
        """
        found: list[Kept] = []
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            number, data = int(path.stem), path.read_bytes()
            here = [Kept(number, at, size) for at, size in records(data)]
            if not here:
                path.unlink()
                continue
            self._owed[number], self._sizes[number] = len(here), len(data)
            self._total += len(data)
            found += here
        return found

    def append(self, offers: Sequence[Offer]) -> list[Kept]:
        """Keep requests, all on the disk on return. Raises `OSError`; then it keeps none."""
        number = self._writable()
        begin = at = self._sizes[number]
        parts, kept = [], []
        for offer in offers:
            record = packed(offer)
            parts.append(record)
            kept.append(Kept(number, at, len(record)))
            at += len(record)
        try:
            write_all(self._file, b"".join(parts))
            os.fdatasync(self._file)
        except OSError:
            self._cut(number, begin)
            raise
        self._total += at - begin
        self._sizes[number] = at
        self._owed[number] += len(kept)
        return kept

    def read(self, kept: Kept) -> Offer:
        """Return a request. Raises `OSError`, or `DamagedError` where it is not as it was."""
        if self._read_from != kept.segment:
            self._stop_reading()
            self._reading = os.open(self._path(kept.segment), os.O_RDONLY)
            self._read_from = kept.segment
        return unpacked(os.pread(self._reading, kept.size, kept.offset))

    def done(self, kept: Kept) -> None:
        """Forget a request, which is stored. Raises `OSError`."""
        self._owed[kept.segment] -= 1
        if not self._owed[kept.segment] and kept.segment != self._current:
            self._delete(kept.segment)

    def set_aside(self, kept: Kept, why: str) -> None:
        """Move a request that cannot be stored to where people find it. Raises `OSError`.

        `manager-agent decode` reads the file; `why` goes to the log.
        """
        folder = self._folder / _ASIDE
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            offer = self.read(kept)
        except DamagedError as error:
            _log.error("a request of the journal is damaged and lost", error=str(error), at=kept)
        else:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
            path = folder / f"{stamp}.{offer.signal}.pb"
            create_private(path, offer.payload)
            _log.error("a request cannot be stored and is kept aside", path=str(path), error=why)
        self.done(kept)

    def rest(self) -> None:
        """Give all room back, where nothing is kept. Raises `OSError`."""
        if self._current is not None and not self._owed[self._current]:
            number = self._current
            self._end_segment()
            self._delete(number)

    def close(self) -> None:
        """Close it; what is kept stays."""
        self._stop_reading()
        self._end_segment()

    def _writable(self) -> int:
        """Return the number of the segment to write to."""
        if self._current is not None and self._sizes[self._current] >= self._segment_bytes:
            number = self._current
            self._end_segment()
            if not self._owed[number]:
                self._delete(number)
        if self._current is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            number = max(self._sizes, default=0) + 1
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._file = os.open(self._path(number), flags, 0o600)
            self._current, self._sizes[number] = number, 0
            sync(self._folder)
        return self._current

    def _cut(self, number: int, size: int) -> None:
        """Take back what was not wholly written, and write no more to this segment.

        After a sync that failed nobody can tell what of it is on the disk.
        """
        try:
            os.ftruncate(self._file, size)
        except OSError as error:
            # What stays is sent again by its sender and known by its ids: only room is lost.
            _log.warning("the journal could not be cut", error=str(error))
        self._end_segment()
        if not self._owed[number]:
            self._delete(number)

    def _end_segment(self) -> None:
        if self._current is not None:
            os.close(self._file)
            self._current, self._file = None, -1

    def _stop_reading(self) -> None:
        if self._read_from is not None:
            os.close(self._reading)
            self._read_from, self._reading = None, -1

    def _delete(self, number: int) -> None:
        if number == self._read_from:
            self._stop_reading()
        self._path(number).unlink(missing_ok=True)
        del self._owed[number]
        self._total -= self._sizes.pop(number)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:010}{_SUFFIX}"
