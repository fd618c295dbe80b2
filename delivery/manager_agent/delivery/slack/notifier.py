"""Slack: messages from the outbox, and alerts that Python code sends by itself."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from manager_agent.delivery import wording
from manager_agent.delivery.facts import dollars
from manager_agent.delivery.notifier import Failed, Outcome
from manager_agent.delivery.offload import in_daemon_thread
from manager_agent.delivery.slack.blocks import blocks, fallback
from manager_agent.delivery.slack.webhook import Webhook
from manager_agent.delivery.text import clean, sentence
from manager_agent.delivery.wording import Card
from manager_agent.rules.message import Fact, Message

TIMEOUT_SECONDS = 10.0
"""How long Slack may take for one message, in all."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SlackAlert:
    """An alert in the caller's own words; `severity` is `info`, `warning` or `critical`."""

    severity: str
    title: str
    message: str
    agent_id: str | None = None
    metadata: Mapping[str, Fact] = field(default_factory=dict)


class SlackNotifier:
    """Posts to a Slack incoming webhook.

    `channel`: obeyed by legacy webhooks only; others always post to the channel they were made
    for. `dashboard_url`: what messages of the outbox link to. `clock` returns now (UTC). Each
    method posts once and says how it went, `Sent` (true) or `Failed` with a reason (false); what
    must not get lost goes through the outbox instead.
    Raises ValueError where `webhook_url` is no web address.
    """

    name = "slack"

    def __init__(
        self,
        webhook_url: str,
        channel: str | None = None,
        *,
        dashboard_url: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._webhook = Webhook(webhook_url, channel, timeout_seconds)
        self._dashboard_url = dashboard_url
        self._timeout_seconds = timeout_seconds
        self._clock = clock

    def __repr__(self) -> str:
        return f"SlackNotifier({self._webhook.host})"

    async def send(self, message: Message) -> Outcome:
        """Post a message of the outbox."""
        return await self._post(wording.card(message, self._dashboard_url))

    async def send_alert(self, alert: SlackAlert) -> Outcome:
        """Post `alert`."""
        return await self._post(
            Card(
                severity=clean(alert.severity).lower(),
                title=clean(alert.title),
                text=sentence(alert.message),
                fields=wording.fields(alert.agent_id, alert.metadata),
                advice=None,
                kind="alert",
                reference=uuid.uuid4().hex[:12],
                ts=self._clock(),
            )
        )

    async def send_cost_spike_alert(
        self,
        agent: str,
        current: Decimal | float | str,
        threshold: Decimal | float | str,
        period: str,
    ) -> Outcome:
        """Post that `agent` spent `current` USD in a `period` (`hour`), over `threshold` USD."""
        spent, limit = dollars(current), dollars(threshold)
        return await self.send_alert(
            SlackAlert(
                severity="warning",
                title=wording.about("Cost spike", agent),
                message=f"{agent} spent {spent} in the {period}, above the threshold of {limit}",
                agent_id=agent,
                metadata={
                    "spent_usd": str(current),
                    "threshold_usd": str(threshold),
                    "period": period,
                },
            )
        )

    async def send_circuit_breaker_alert(
        self, agent: str, failures: int, last_error: str | None
    ) -> Outcome:
        """Post that the breaker of `agent` opened after `failures` failures in a row."""
        return await self.send_alert(
            SlackAlert(
                severity="critical",
                title=wording.about("Circuit breaker open", agent),
                message=f"{agent} is stopped after {failures} failures in a row",
                agent_id=agent,
                metadata={"failures": failures, "last_error": last_error},
            )
        )

    async def test_connection(self) -> Outcome:
        """Post a line that says so, and return whether Slack took it."""
        return await self.send_alert(
            SlackAlert(
                severity="info",
                title="Manager Agent is connected",
                message="This is a test: alerts about agents' spending will appear here.",
            )
        )

    async def _post(self, card: Card) -> Outcome:
        # Nobody answers what is pressed there: a webhook's app may well have no way back.
        body = {
            "text": fallback(card),
            "blocks": [block.to_dict() for block in blocks(card, interactive=False)],
            "unfurl_links": False,
            "unfurl_media": False,
        }
        try:
            # In all, since the client's own time-out starts anew with each byte that drips in.
            return await in_daemon_thread(lambda: self._webhook.post(body), self._timeout_seconds)
        except TimeoutError:
            return Failed(f"{self._webhook.host} did not answer in time", permanent=False)
