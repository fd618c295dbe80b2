"""The outbox of a manager that has one notifier."""

from datetime import datetime

from manager_agent.rules.message import Outgoing
from manager_agent.store.control import ControlStore
from manager_agent.store.deliveries import DeliveryStore

NOTIFIER = "slack"


def due(control: ControlStore, now: datetime, limit: int = 1_000) -> list[Outgoing]:
    """Return the messages that are to be sent at `now`."""
    return DeliveryStore(control).due(NOTIFIER, now, limit)


def sent(control: ControlStore, key: str, now: datetime) -> None:
    """Note that a message was sent."""
    DeliveryStore(control).done([key], NOTIFIER, "sent", now, None, [NOTIFIER])


def refused(control: ControlStore, key: str, now: datetime, error: str) -> None:
    """Note that a message is refused for good."""
    DeliveryStore(control).done([key], NOTIFIER, "refused", now, error, [NOTIFIER])


def put_off(control: ControlStore, key: str, at: datetime, error: str) -> None:
    """Note that a message was tried in vain and is due again at `at`."""
    DeliveryStore(control).put_off(key, NOTIFIER, at, error)
