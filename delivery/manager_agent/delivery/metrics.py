"""The numbers that delivery reports."""

from collections.abc import Iterable, Mapping

from manager_agent.contract.metric import Metric, Sample
from manager_agent.delivery.channel import Channel


def of(
    counts: Mapping[tuple[str, str], int],
    channels: Iterable[Channel],
    pending: int,
    outbox_errors: int,
) -> list[Metric]:
    """Return the metrics; `counts` is by notifier and outcome."""
    outcomes = [
        Sample(count, (("notifier", name), ("outcome", outcome)))
        for (name, outcome), count in sorted(counts.items())
    ]
    up = [
        Sample(float(channel.health in ("ok", "untried")), (("notifier", channel.name),))
        for channel in channels
    ]
    return [
        Metric(
            "manager_notifications_total",
            "counter",
            "Tries to deliver a message: sent, retried, refused for good, or error (a bug).",
            outcomes,
        ),
        Metric("manager_notifier_up", "gauge", "1 unless the notifier's last try failed.", up),
        Metric(
            "manager_outbox_pending",
            "gauge",
            "Messages that some notifier does not have yet.",
            [Sample(pending)],
        ),
        Metric(
            "manager_outbox_errors_total",
            "counter",
            "Times that the outbox could not be read or written.",
            [Sample(outbox_errors)],
        ),
    ]
