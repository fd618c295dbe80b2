"""Room on the disk: whether there is enough of it left to go on taking data in."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Lock

import structlog

from manager_agent.contract.metric import Metric, Sample

_log = structlog.get_logger()

_MIB = 2**20
_LOOK_SECONDS = 1.0
_OF_THE_DISK = 10
"""Of a small disk a tenth is asked for, not the whole of what a large one must keep free."""


class Room:
    """Says "no more" before the disk is full, and "go on" when there is clearly room again.

    A checkpoint needs room for all of the log before it frees any, and so does opening the file
    after a crash: the last free bytes are for that. May be used from several threads.
    """

    def __init__(
        self,
        directory: Path,
        least_mib: int,
        clock: Callable[[], float],
        disk: Callable[[Path], tuple[int, int]] | None = None,
    ) -> None:
        """`least_mib`: what must stay free; 0 never refuses. `clock`: seconds, only rising.

        `disk`: total and free bytes of the file system that a directory is on.
        """
        self._directory = directory
        self._least = least_mib * _MIB
        self._clock = clock
        self._disk = disk or _total_and_free
        self._lock = Lock()
        self._looked: float | None = None
        self._free = 0
        self._reason: str | None = None
        self._closures = 0

    def closed(self) -> str | None:
        """Return why nothing may be taken in at present; None while there is room.

        Cheap: asks the file system at most once a second.
        """
        now = self._clock()
        with self._lock:
            if self._looked is None or now - self._looked >= _LOOK_SECONDS:
                self._looked = now
                self._look()
            return self._reason

    def metrics(self) -> list[Metric]:
        """Return free bytes, and whether data is refused for want of them."""
        reason = self.closed()
        return [
            Metric(
                "manager_disk_free_bytes",
                "gauge",
                "Free bytes where the data lies.",
                [Sample(float(self._free))],
            ),
            Metric(
                "manager_disk_refusing",
                "gauge",
                "1 while data is refused because the disk is nearly full.",
                [Sample(float(reason is not None))],
            ),
            Metric(
                "manager_disk_refusals_total",
                "counter",
                "Times that the disk became too full to go on.",
                [Sample(float(self._closures))],
            ),
        ]

    def _look(self) -> None:
        try:
            total, self._free = self._disk(self._directory)
        except OSError as error:
            _log.warning(
                "free space is not known", directory=str(self._directory), error=str(error)
            )
            return
        least = min(self._least, total // _OF_THE_DISK)
        if self._reason is None and self._free < least:
            self._closures += 1
            _log.error("the disk is nearly full: data is refused", free=self._free, least=least)
        elif self._reason is not None and self._free >= least * 5 // 4:
            _log.warning("the disk has room again: data is taken in", free=self._free)
            self._reason = None
            return
        if self._free < least or self._reason is not None:
            self._reason = (
                f"{self._directory} has {self._free // _MIB} MiB left on its disk, below the"
                f" {least // _MIB} MiB of storage.min_free_mib; make room and it goes on by itself"
            )


def _total_and_free(directory: Path) -> tuple[int, int]:
    if not hasattr(os, "statvfs"):
        usage = shutil.disk_usage(directory)
        return usage.total, usage.free
    found = os.statvfs(directory)
    # What is free for a user who is not root: the rest is not ours to count on.
    return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
