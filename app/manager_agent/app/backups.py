"""Taking a backup: of a data directory at rest, or of a running manager by itself."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from manager_agent.api.services import BusyError
from manager_agent.app.version import VERSION
from manager_agent.receiver.entrance import Entrance
from manager_agent.store.backup import FACTS, BackupError, Manifest, write_backup
from manager_agent.store.duck import FactStore
from manager_agent.store.journal import JOURNAL, Journal
from manager_agent.store.wal import log_beside, read_log

_STAGING = "backup-staging"
_SETTLE_SECONDS = 30.0


class LiveBackup:
    """Backs a running manager up into its data directory; whoever asked moves it from there."""

    def __init__(
        self,
        facts: FactStore,
        intake: Entrance,
        data_dir: Path,
        clock: Callable[[], datetime],
        closed: Callable[[], str | None],
    ) -> None:
        """Remove what an earlier run left. `closed`: why nothing more may be written at present."""
        self._closed = closed
        self._facts = facts
        self._intake = intake
        self._data_dir = data_dir
        self._clock = clock
        self._busy = threading.Lock()
        shutil.rmtree(data_dir / _STAGING, ignore_errors=True)

    def __call__(self) -> dict[str, Any]:
        """Return where the backup lies and its manifest. Raises `BusyError`."""
        why = self._closed()
        if why is not None:
            raise BusyError(why)
        if not self._busy.acquire(blocking=False):
            raise BusyError("another backup is being taken; try again when it is done")
        try:
            staging = self._data_dir / _STAGING
            shutil.rmtree(staging, ignore_errors=True)
            target = staging / f"{self._clock():%Y%m%dT%H%M%S%fZ}"
            manifest = self._write(target)
            return {"path": str(target.resolve()), "manifest": asdict(manifest)}
        except (BackupError, duckdb.Error) as error:
            raise BusyError(str(error)) from error
        finally:
            self._busy.release()

    def _write(self, target: Path) -> Manifest:
        def between(job: Callable[[], None]) -> None:
            self._intake.between_commits(job).result()

        try:
            self._intake.settled().result(_SETTLE_SECONDS)
        except TimeoutError as error:
            raise BackupError(
                "what was acknowledged is not stored yet; try again when less comes in"
            ) from error
        con = self._facts.cursor()
        try:
            return write_backup(con, self._data_dir, target, between, self._clock, VERSION)
        finally:
            con.close()


def backup_at_rest(data_dir: Path, target: Path, clock: Callable[[], datetime]) -> Manifest:
    """Write a backup of a data directory on which no manager runs.

    Raises `BackupError`, and `InUseError` where one does.
    """
    if not (data_dir / FACTS).exists():
        raise BackupError(f"{data_dir} holds no {FACTS}; name the data directory with --data-dir")
    if read_log(log_beside(data_dir / FACTS)).silently_damaged:
        raise BackupError(f"{data_dir}: the log is damaged; run `manager-agent repair` first")
    try:
        con = duckdb.connect(str(data_dir / FACTS), read_only=True)
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise InUseError(f"{data_dir} is in use by another process") from error
        raise BackupError(f"{data_dir}: {error}; run `manager-agent repair`") from error
    try:
        _refuse_what_is_not_stored(data_dir)
        return write_backup(con, data_dir, target, lambda job: job(), clock, VERSION)
    finally:
        con.close()


def _refuse_what_is_not_stored(data_dir: Path) -> None:
    if Journal(data_dir / JOURNAL).leftover():
        raise BackupError(
            f"{data_dir / JOURNAL} holds requests that are not stored yet; start the manager, which"
            " stores them, and back it up then"
        )


class InUseError(BackupError):
    """Another process has the data directory open."""
