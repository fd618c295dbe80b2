"""What a running manager does for its keeper, put together for the API."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from manager_agent.api.services import Upkeep
from manager_agent.app.backups import LiveBackup
from manager_agent.app.history.target import LiveHistory
from manager_agent.receiver.call import Call
from manager_agent.receiver.entrance import Entrance
from manager_agent.store.duck import FactStore
from manager_agent.store.room import Room


def upkeep(
    facts: FactStore,
    intake: Entrance,
    room: Room,
    price: Callable[[Call], Call],
    committed: Callable[[], None],
    data_dir: Path,
    clock: Callable[[], datetime],
) -> Upkeep:
    """Return backup and import over the parts of a running manager."""
    return Upkeep(
        backup=LiveBackup(facts, intake, data_dir, clock, room.closed),
        take_history=LiveHistory(facts, intake, price, committed, room.closed),
    )
