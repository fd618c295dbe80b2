"""Moving days to the archive while the manager serves."""

import asyncio
from concurrent.futures import CancelledError
from datetime import timedelta

import duckdb
import structlog

from manager_agent.app.settings import Settings
from manager_agent.store.sealing import Kept, Sealer

_log = structlog.get_logger()

_EVERY_SECONDS = 300.0
_MARGIN = timedelta(minutes=10)


def kept(settings: Settings) -> Kept:
    """Return how long what is kept, from the configuration."""
    window = timedelta(seconds=settings.receiver.merge_window_seconds)
    storage = settings.storage
    # What arrived inside the window is still worked on; twice as long leaves no doubt.
    return Kept(storage.live_days, storage.archive_days, 2 * window + _MARGIN)


async def archiving(sealer: Sealer, stop: asyncio.Event) -> None:
    """Move what is due, now and then, until `stop`; what failed is told and tried again."""
    while True:
        try:
            await asyncio.wait_for(stop.wait(), _EVERY_SECONDS)
            return
        except TimeoutError:
            pass  # not stopped: it is time
        try:
            await asyncio.to_thread(sealer.run)
        except CancelledError:
            return  # the intake stopped before the job had its turn
        except (duckdb.Error, OSError) as error:
            _log.error("the archive failed; it goes on later", error=repr(error))
