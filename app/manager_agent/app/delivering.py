"""Who is told what in a running manager, and how that goes."""

from manager_agent.app.lanes import Picture, lanes
from manager_agent.app.manager import Manager, now
from manager_agent.app.settings import Settings
from manager_agent.delivery.slack.bot import no_picture
from manager_agent.delivery.worker import Worker
from manager_agent.store.control import ControlStore
from manager_agent.store.deliveries import DeliveryStore, SlackPosts


def worker(settings: Settings, control: ControlStore, picture: Picture = no_picture) -> Worker:
    """Return what delivers the outbox of `control`. `picture`: the PNG that a report shows."""
    found = lanes(settings, SlackPosts(control), now, picture)
    return Worker(DeliveryStore(control), found, now)


def slack_state(manager: Manager) -> str:
    """Return the state of Slack in a word, of its channels the worst: `off` where there is none."""
    found = [one.health for one in manager.worker.channels() if one.name.startswith("slack")]
    worst = ("stopped", "refused", "retrying", "untried", "ok")
    return next((state for state in worst if state in found), "off")


def channels_seen(manager: Manager) -> list[dict[str, str | None]]:
    """Return how each notifier is doing, as the API shows it."""
    return [
        {"notifier": one.name, "state": one.health, "reason": one.reason}
        for one in manager.worker.channels()
    ]
