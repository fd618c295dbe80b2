"""Slack with a bot token: one card an alert, changed in place, its story in the thread.

A post is noted before and after it is made. Where a crash or a lost answer came between, the post
is looked for by the key that its metadata holds, before it is made again; Slack itself would take
it twice. Without the scope channels:history it cannot be looked for, and may stand there twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError

from manager_agent.delivery import wording
from manager_agent.delivery.notifier import Failed, Outcome, Sent
from manager_agent.delivery.offload import in_daemon_thread
from manager_agent.delivery.slack.api_errors import CARD_GONE, refused, word_of
from manager_agent.delivery.slack.blocks import blocks, fallback
from manager_agent.delivery.slack.client import base_url, client
from manager_agent.delivery.slack.posts import Posts
from manager_agent.delivery.slack.webhook import unanswered
from manager_agent.rules.message import Message

TIMEOUT_SECONDS = 30.0
"""How long Slack may take for one message in all, a picture included."""

CALL_SECONDS = 10
EVENT = "manager_agent_message"
"""Slack's `event_type` of the metadata that carries a message's key."""

_PAGES = 10
_NOTHING: dict[str, Any] = {}
_AFRESH = frozenset({"digest", "still_open", "hourly_summary", "daily_report", "weekly_report"})
_SILENT = frozenset({"approval"})
"""Kinds whose card is changed without a line in the thread."""


def nobody(message: Message) -> str:
    """Mention nobody."""
    return ""


def no_picture(message: Message) -> bytes | None:
    """Show no picture."""
    return None


@dataclass(frozen=True, slots=True)
class _Post:
    """One post to be made: which part of which message, in which thread, with what."""

    message: Message
    part: str
    thread: str | None
    body: dict[str, Any]


class SlackBot:
    """Posts to one channel (`#name` or an id) with a bot token.

    `posts` remembers where. `mention(message)` returns Slack's markup for whom to mention, empty
    for nobody. `picture(message)` returns a PNG to be put into the message's thread, or None; it is
    called in a thread and may block. `dashboard_url`: what messages link to.
    `interactive`: whether somebody hears of pressed buttons; else there are none.
    """

    def __init__(
        self,
        token: str,
        channel: str,
        posts: Posts,
        clock: Callable[[], datetime],
        *,
        api_url: str | None = None,
        mention: Callable[[Message], str] = nobody,
        picture: Callable[[Message], bytes | None] = no_picture,
        dashboard_url: str | None = None,
        interactive: bool = True,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.name = f"slack:{channel}"
        self._channel = channel
        self._posts = posts
        self._clock = clock
        self._mention = mention
        self._picture = picture
        self._dashboard_url = dashboard_url
        self._interactive = interactive
        self._timeout_seconds = timeout_seconds
        self._web = client(token, base_url(api_url), CALL_SECONDS)  # the worker alone tries again

    def __repr__(self) -> str:
        return f"SlackBot({self._channel})"

    async def send(self, message: Message) -> Outcome:
        """Post, or change the card that is there and add a line to its thread."""
        try:
            return await in_daemon_thread(lambda: self._send(message), self._timeout_seconds)
        except TimeoutError:
            return Failed(f"{self._channel}: Slack did not answer in time", permanent=False)

    def has_card(self, alert_id: str) -> bool:
        """Return whether people see a card of this alert."""
        return bool(alert_id) and self._posts.card(alert_id, self._channel) is not None

    def _send(self, message: Message) -> Outcome:
        try:
            card = self._card_of(message)
            if card is None:
                self._make(message)
            else:
                self._change(message, *card)
        except SlackApiError as error:
            return refused(error, self._channel)
        except (SlackClientError, OSError) as error:
            return unanswered(error, "Slack")
        return Sent()

    def _card_of(self, message: Message) -> tuple[str, str] | None:
        if not message.alert_id or message.kind in _AFRESH:
            return None
        if self._posts.find(message.key, self._channel, "card") is not None:
            return None  # this message made the card itself: see that it stands
        return self._posts.card(message.alert_id, self._channel)

    def _make(self, message: Message) -> None:
        channel, ts = self._post(_Post(message, "card", None, self._body(message)))
        picture = self._picture(message)
        if picture is not None:
            self._web.files_upload_v2(
                filename=f"{message.kind}.png",
                content=picture,
                title=message.headline[:200],
                channel=channel,
                thread_ts=ts,
            )

    def _change(self, message: Message, channel: str, ts: str) -> None:
        body = {key: one for key, one in self._body(message).items() if "unfurl" not in key}
        try:
            self._web.chat_update(channel=channel, ts=ts, **body)
        except SlackApiError as error:
            if word_of(error) not in CARD_GONE:
                raise
            self._make(message)
            return
        if message.kind in _SILENT:
            return
        line = fallback(wording.card(message, self._dashboard_url))
        line = f"{self._mention(message)} {line}".strip()
        self._post(_Post(message, "reply", ts, {"text": line, "unfurl_links": False}))

    def _post(self, post: _Post) -> tuple[str, str]:
        """Make a post unless it is there; return the channel's id and Slack's name of the post."""
        key, target, part = post.message.key, self._channel, post.part
        found = self._posts.find(key, target, part)
        if found is not None:
            channel, ts, tried = found
            there = (channel, ts) if channel and ts else self._look_for(post, tried)
            if there is not None and there[0] and there[1]:
                self._posts.placed(key, target, part, there[0], there[1])
                return there[0], there[1]
        self._posts.trying(key, target, part, post.message.alert_id, self._clock())
        marked = {"event_type": EVENT, "event_payload": {"key": key, "part": part}}
        try:
            answer = self._web.chat_postMessage(
                channel=target, thread_ts=post.thread, metadata=marked, **post.body
            )
        except SlackApiError as error:
            if error.response.status_code < 500:  # a plain no: it was not posted
                self._posts.forget(key, target, part)
            raise
        channel, ts = str(answer["channel"]), str(answer["ts"])
        self._posts.placed(key, target, part, channel, ts)
        return channel, ts

    def _look_for(self, post: _Post, tried: datetime) -> tuple[str, str] | None:
        """Return where a post stands of which nobody knows whether it was made."""
        try:
            channel = self._channel_id()
            if channel is None:
                return None
            oldest = str((tried - timedelta(minutes=5)).timestamp())
            asked: dict[str, Any] = {"channel": channel, "oldest": oldest, "limit": 200}
            asked["include_all_metadata"] = True
            if post.thread is None:
                found = self._web.conversations_history(**asked)
            else:
                found = self._web.conversations_replies(ts=post.thread, **asked)
        except SlackApiError as error:
            if word_of(error) in ("missing_scope", "not_in_channel"):
                return None  # it may stand there twice then: better than not at all
            raise
        wanted = {"key": post.message.key, "part": post.part}
        seen: list[dict[str, Any]] = list(found["messages"] or ())
        for one in seen:
            if (one.get("metadata") or _NOTHING).get("event_payload") == wanted:
                return channel, str(one["ts"])
        return None

    def _channel_id(self) -> str | None:
        if not self._channel.startswith("#"):
            return self._channel
        known = self._posts.channel(self._channel)
        cursor: str | None = None
        for _ in range(0 if known else _PAGES):
            page = self._web.conversations_list(limit=1000, cursor=cursor, exclude_archived=True)
            for one in page["channels"]:
                if one["name"] == self._channel.removeprefix("#"):
                    return str(one["id"])
            cursor = (page.get("response_metadata") or _NOTHING).get("next_cursor")
            if not cursor:
                break
        return known

    def _body(self, message: Message) -> dict[str, Any]:
        card = wording.card(message, self._dashboard_url)
        drawn = [block.to_dict() for block in blocks(card, interactive=self._interactive)]
        mention = self._mention(message)
        if mention:
            # In the blocks: Slack notifies nobody of a mention in the line that stands for them.
            drawn.insert(1, {"type": "section", "text": {"type": "mrkdwn", "text": mention}})
        shown = {"unfurl_links": False, "unfurl_media": False}
        return {"text": fallback(card), "blocks": drawn[:50], **shown}
