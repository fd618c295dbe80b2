"""What is asked of Slack while somebody waits for an answer: few calls, each short, none retried.

Tokens and response URLs are secrets; neither is ever part of a reason.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse
from slack_sdk.webhook import WebhookClient

from manager_agent.delivery.slack.client import base_url, client, reason_of, silent
from manager_agent.delivery.slack.webhook import retry_after

TIMEOUT_SECONDS = 5
Ask = Callable[[], SlackResponse]


class SlackSaidNoError(Exception):
    """Slack did not do what it was asked; the message says why, without secrets."""

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class WebApi:
    """The few methods that answering needs. `token` None: those that need one raise."""

    def __init__(
        self, token: str | None, api_url: str | None, timeout_seconds: int = TIMEOUT_SECONDS
    ) -> None:
        self._token = token
        self._timeout = timeout_seconds
        self._base = base_url(api_url)
        self._client = client(token, self._base, timeout_seconds)

    @property
    def may_post(self) -> bool:
        """Whether there is a bot token."""
        return self._token is not None

    def home(self) -> str:
        """Return the id of the workspace that the bot is of. Raises `SlackSaidNoError`."""
        return str(self._call("auth.test", self._client.auth_test)["team_id"])

    def members(self, group: str) -> frozenset[str]:
        """Return the users of a user group. Raises `SlackSaidNoError`."""
        name = "usergroups.users.list"
        found = self._call(name, lambda: self._client.usergroups_users_list(usergroup=group))
        return frozenset(map(str, found.get("users") or ()))

    def open_form(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Show a form to who pressed a button within the last 3 s. Raises `SlackSaidNoError`."""
        shown = dict(view)
        self._call("views.open", lambda: self._client.views_open(trigger_id=trigger_id, view=shown))

    def tell(self, channel: str, user: str, message: Mapping[str, Any]) -> None:
        """Show a message to one user alone. Raises `SlackSaidNoError`."""
        text, blocks = message["text"], message["blocks"]
        post = self._client.chat_postEphemeral
        self._call(
            "chat.postEphemeral",
            lambda: post(channel=channel, user=user, text=text, blocks=blocks),
        )

    def respond(self, url: str, message: Mapping[str, Any]) -> None:
        """Answer by a response URL, which works some times for half an hour.

        Raises `SlackSaidNoError`, also where the URL is none of Slack's.
        """
        host = self._own(url)
        hook = WebhookClient(url, timeout=self._timeout, retry_handlers=[], logger=silent())
        hook.proxy = None  # urllib reads the same variables, and NO_PROXY with them
        try:
            answer = hook.send_dict(dict(message))
        except Exception as error:  # noqa: BLE001 - whatever it was: told without the URL in it
            raise SlackSaidNoError(reason_of(error, host)) from None
        if answer.status_code != 200:
            raise SlackSaidNoError(f"{host}: HTTP {answer.status_code}")

    def _own(self, url: str) -> str:
        """Return the host of a response URL of Slack, or of the API of tests."""
        parts, ours = urlsplit(url), urlsplit(self._base)
        host = parts.hostname or ""
        slack = parts.scheme == "https" and (host == "slack.com" or host.endswith(".slack.com"))
        if slack or (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc):
            return host
        raise SlackSaidNoError(f"the response URL is of {host!r}, not of Slack")

    def _call(self, method: str, ask: Ask) -> Mapping[str, Any]:
        if self._token is None:
            raise SlackSaidNoError(f"{method} needs a bot token; set SLACK_BOT_TOKEN")
        return call(method, self._base, ask)


def call(method: str, base: str, ask: Ask) -> Mapping[str, Any]:
    """Return what `ask`, a method of the Web API, answers. Raises `SlackSaidNoError`."""
    try:
        answer = ask()
    except SlackApiError as error:
        word = error.response.get("error") or f"HTTP {error.response.status_code}"
        text = f"{method}: {word}{_needs(error.response)}"
        raise SlackSaidNoError(text, retry_after(dict(error.response.headers or {}))) from None
    except Exception as error:  # noqa: BLE001 - whatever it was: told without tokens in it
        host = urlsplit(base).hostname or "Slack"
        raise SlackSaidNoError(f"{method}: {reason_of(error, host)}") from None
    return answer.data if isinstance(answer.data, dict) else {}


def _needs(response: Any) -> str:
    needed = response.get("needed")
    return f" (add the scope {needed})" if needed else ""
