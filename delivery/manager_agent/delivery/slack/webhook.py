"""The HTTP call to Slack's incoming webhook, and what its answers mean.

The URL is a secret: whoever has it may post. Only its host ever leaves this file.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from slack_sdk.webhook import WebhookClient

from manager_agent.delivery.notifier import Failed, Outcome, Sent
from manager_agent.delivery.slack.client import reason_of, silent
from manager_agent.delivery.text import clean, shorten

BODY_LIMIT = 120
"""Characters of an unforeseen answer that are worth showing."""

_SECRET_LENGTH = 8
"""Parts of the URL that are shorter give nothing away, and may be ordinary words."""

# Slack answers with one word. These do not go away by themselves; the text is what to do.
PERMANENT = {
    "no_service": "the webhook was revoked or its app removed: make a new one",
    "no_service_id": "the URL is not complete: copy the webhook's URL again",
    "no_team": "the URL names no workspace: copy the webhook's URL again",
    "no_active_hooks": "the webhook is switched off: enable it, or make a new one",
    "invalid_token": "the URL's last part is wrong or was revoked: copy the webhook's URL again",
    "team_disabled": "the workspace was disabled: use a webhook of another one",
    "channel_is_archived": "the channel is archived: unarchive it, or make a webhook for another",
    "channel_not_found": "the channel does not exist: correct `slack.channel`, or the webhook",
    "user_not_found": "the user does not exist: correct `slack.channel`, or the webhook",
    "action_prohibited": "an administrator forbids posting there: ask, or choose another channel",
    "posting_to_general_channel_denied": "only some may post there: choose another channel",
    "invalid_payload": "Slack does not understand the message: please report this message",
    "invalid_blocks": "Slack does not accept the message's blocks: please report this message",
    "invalid_blocks_format": "Slack does not accept the message's blocks: please report it",
    "invalid_attachments": "Slack does not accept the message's form: please report it",
    "too_many_attachments": "the message has too many attachments: please report this message",
    "no_text": "the message has no text: please report this message",
    "missing_text_or_fallback_or_attachments": "the message has no text: please report it",
    "msg_too_long": "the message is too long for Slack: please report this message",
}

# Time-outs, proxies that want a login, and rate limits pass, though their numbers begin with 4.
_PASSING = frozenset({407, 408, 421, 423, 425, 429})


class Webhook:
    """One webhook URL, and the optional channel that only legacy webhooks obey.

    Raises ValueError where `url` is no http or https URL; the message does not repeat it.
    """

    def __init__(self, url: str, channel: str | None, timeout_seconds: float) -> None:
        self.host = _host(url)
        self._url = url.strip()
        self._channel = channel
        self._timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        return f"Webhook({self.host})"

    def post(self, body: Mapping[str, Any]) -> Outcome:
        """Post `body` once; block for at most the time-out between two bytes."""
        try:
            response = self._client().send_dict({"channel": self._channel, **body})
        except Exception as error:  # noqa: BLE001 - whatever went wrong, Slack may lack the message
            return unanswered(error, self.host)
        body_text = self._without_secret(response.body or "")
        return answer(response.status_code, body_text, dict(response.headers))

    def _client(self) -> WebhookClient:
        client = WebhookClient(
            self._url,
            timeout=self._timeout_seconds,  # type: ignore[arg-type] # any number of seconds will do
            retry_handlers=[],  # the worker alone decides about trying again
            logger=silent(),
        )
        client.proxy = None  # urllib reads the same variables, and NO_PROXY with them
        return client

    def _without_secret(self, text: str) -> str:
        """Mask the URL's parts: a proxy's error page may well repeat the address."""
        for part in re.split(r"[/?&=#]", self._url.split("://", 1)[1].partition("/")[2]):
            text = text.replace(part, "***") if len(part) >= _SECRET_LENGTH else text
        return text


def answer(status: int, body: str | None, headers: Mapping[str, str]) -> Outcome:
    """Say what Slack's answer means."""
    word = clean(body or "")
    html = word[:1] == "<"  # a proxy, a captive portal or a login page answered in Slack's place
    if 200 <= status < 300 and not html:
        return Sent()
    shown = "a web page instead of Slack's answer" if html else shorten(word, BODY_LIMIT)
    reason = f"HTTP {status}: {shown or 'no text'}"
    if status == 429:
        return Failed(reason, permanent=False, retry_after_seconds=retry_after(headers))
    if word in PERMANENT and status < 500:
        return Failed(f"HTTP {status} {word}: {PERMANENT[word]}", permanent=True)
    permanent = 400 <= status < 500 and status not in _PASSING and not html
    return Failed(reason, permanent, None if permanent else retry_after(headers))


def unanswered(error: Exception, host: str) -> Failed:
    """Say why there was no answer, in words that cannot hold the URL: it may be in the text."""
    return Failed(reason_of(error, host), permanent=False)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds asked for; Slack always sends a number, never a date."""
    found = {name.lower(): text for name, text in headers.items()}.get("retry-after", "").strip()
    return float(found) if found.isascii() and found.isdigit() and len(found) < 10 else None


def _host(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname if parts.scheme in ("http", "https") else None
        parts.port  # noqa: B018 - raises where the port is no number
    except ValueError:
        host = None
    if not host or any(char.isspace() for char in url.strip()):
        raise ValueError(
            "slack.webhook_url: found something that is no web address (not shown: it is a "
            "secret); expected https://hooks.slack.com/services/..., as Slack's app page shows it"
        )
    return host
