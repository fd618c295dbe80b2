"""How what somebody did in Slack is answered, and how an answer reaches them alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from manager_agent.delivery.slack.web_api import SlackSaidNoError, WebApi

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes of something: `outcome` in a word; `ack`: what Slack is told with the receipt.

    `after`: what is done once Slack has the receipt; it may take a while.
    """

    outcome: str
    ack: Mapping[str, Any] | None = None
    after: Callable[[], None] | None = None


def whisper(web: WebApi, url: str, channel: str, user: str, message: Mapping[str, Any]) -> None:
    """Show a message to one user alone, by a response URL, else by the bot; never raises."""
    reasons = []
    if url:
        try:
            return web.respond(url, message)
        except SlackSaidNoError as error:
            reasons.append(str(error))
    if channel and web.may_post:
        try:
            return web.tell(channel, user, message)
        except SlackSaidNoError as error:
            reasons.append(str(error))
    _log.warning("somebody in Slack was not told", user=user, why="; ".join(reasons) or "no way")
    return None
