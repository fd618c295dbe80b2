"""What the refusals of Slack's Web API mean: for all messages, for this one, or for now."""

from collections.abc import Mapping

from slack_sdk.errors import SlackApiError

from manager_agent.delivery.notifier import Failed
from manager_agent.delivery.slack.webhook import BODY_LIMIT, retry_after
from manager_agent.delivery.text import clean, shorten

# Nothing gets through until somebody does something; the text says what.
STOPPING = {
    "invalid_auth": "the bot token is wrong: copy it again from the app's page (SLACK_BOT_TOKEN)",
    "not_authed": "there is no bot token: set SLACK_BOT_TOKEN",
    "token_revoked": "the bot token was revoked: install the app again and set SLACK_BOT_TOKEN",
    "token_expired": "the bot token expired: install the app again and set SLACK_BOT_TOKEN",
    "account_inactive": "the app was removed from the workspace: install it again",
    "not_allowed_token_type": "this is no bot token: set the one that begins with xoxb-",
    "missing_scope": "the app lacks a permission: add the scope, install the app again",
    "no_permission": "the app may not do that: see its scopes on the app's page",
    "access_denied": "the app may not do that: ask an administrator of the workspace",
    "org_login_required": "the workspace is being moved to an organisation: install the app again",
    "team_access_not_granted": "the app has no access to the workspace: ask an administrator",
    "channel_not_found": "no such channel, or a private one: correct it, or invite the app to it",
    "not_in_channel": "the app is not in the channel: invite it, or add scope chat:write.public",
    "is_archived": "the channel is archived: unarchive it, or name another",
    "restricted_action": "an administrator forbids posting there: ask, or name another channel",
    "restricted_action_read_only_channel": "the channel is read-only: name another",
}
MESSAGES_OWN = frozenset(
    {
        *("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"),
        *("no_text", "invalid_arguments", "invalid_metadata_format", "too_many_attachments"),
        "invalid_metadata_schema",
    }
)
CARD_GONE = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}
)
"""The post was deleted, or is too old to be changed: make a new one."""


def refused(error: SlackApiError, channel: str) -> Failed:
    """Say what a refusal means; `channel` as it is configured."""
    response = error.response
    word = word_of(error)
    headers: Mapping[str, str] = {k.lower(): v for k, v in dict(response.headers).items()}
    if response.status_code == 429 or word == "ratelimited":
        return Failed("HTTP 429: ratelimited", False, retry_after(headers))
    if word in STOPPING and response.status_code < 500:
        needed = response.get("needed")
        detail = f" ({clean(str(needed))})" if needed else ""
        return Failed(f"{channel}: {word}{detail}: {STOPPING[word]}", permanent=True, stops=True)
    if word in MESSAGES_OWN and response.status_code < 500:
        return Failed(f"{channel}: {word}: please report this message", permanent=True)
    reason = f"{channel}: HTTP {response.status_code}: {shorten(word, BODY_LIMIT) or 'no text'}"
    return Failed(reason, False, retry_after(headers))


def word_of(error: SlackApiError) -> str:
    """Return the word with which Slack refused."""
    return clean(str(error.response.get("error") or ""))
