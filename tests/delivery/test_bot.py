"""Slack with a bot token, through the official client against a server that is as strict."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from manager_agent.delivery.notifier import Failed, Outcome, Sent
from manager_agent.delivery.samples import samples
from manager_agent.delivery.slack.bot import SlackBot
from manager_agent.delivery.slack.fake import BOT_TOKEN, Answer, FakeSlack, api_rate_limited
from manager_agent.delivery.slack.posts import MemoryPosts
from manager_agent.rules.message import Message, Severity, State

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as found:
        yield found


def bot(slack: FakeSlack, posts: MemoryPosts, channel: str = "#alerts", **more: Any) -> SlackBot:
    more = {"api_url": slack.api_url, "timeout_seconds": 10.0, **more}
    return SlackBot(BOT_TOKEN, channel, posts, lambda: datetime.now(UTC), **more)


def message(key: str, state: State = "firing", severity: Severity = "warning") -> Message:
    return Message(key, "a1", "loop", state, severity, "writer", f"about {key}", NOW, {})


def send(one: SlackBot, *messages: Message) -> list[Outcome]:
    async def all_of_them() -> list[Outcome]:
        return [await one.send(message) for message in messages]

    return asyncio.run(all_of_them())


def test_one_card_an_alert_and_its_story_in_the_thread(slack: FakeSlack) -> None:
    one = bot(slack, MemoryPosts())
    steps = [message("fired"), message("worse", severity="critical"), message("over", "resolved")]
    assert send(one, *steps) == [Sent()] * 3

    [root] = slack.workspace.roots()
    assert root.text.startswith("✅")
    assert [version["text"][:1] for version in root.versions] == ["🟠", "🔴"]
    assert len(slack.workspace.replies(root)) == 2
    assert one.has_card("a1")


def test_every_sample_is_taken_by_slack(slack: FakeSlack) -> None:
    told = samples(NOW)
    assert send(bot(slack, MemoryPosts()), *told) == [Sent()] * len(told)


def test_mentions_are_those_configured_and_no_others(slack: FakeSlack) -> None:
    hostile = Message("k", "a", "loop", "firing", "critical", "<!here>", "<!channel>", NOW, {})
    send(bot(slack, MemoryPosts(), mention=lambda _: "<!subteam^S123>"), hostile)
    [root] = slack.workspace.roots()
    assert root.blocks[1]["text"]["text"] == "<!subteam^S123>"
    rest = str([root.blocks[0], *root.blocks[2:], root.text])
    assert "<!here>" not in rest
    assert "<!channel>" not in rest


@pytest.mark.parametrize("scopes", [None, "channels:history"])
def test_an_answer_that_got_lost_is_no_second_card(slack: FakeSlack, scopes: str | None) -> None:
    """Slack did it, and the connection broke: the post is found, where the scope allows it."""
    slack.workspace.scopes -= {scopes} if scopes else set()
    slack.workspace.trouble("chat.postMessage", Answer(reset=True, after=True))
    posts = MemoryPosts()
    [lost] = send(bot(slack, posts), message("fired"))
    assert isinstance(lost, Failed)
    assert not lost.permanent

    assert send(bot(slack, posts), message("fired"), message("over", "resolved")) == [Sent()] * 2
    assert len(slack.workspace.roots()) == (2 if scopes else 1)
    assert slack.workspace.roots()[-1].text.startswith("✅")


def test_a_crash_between_card_and_reply_repeats_neither(slack: FakeSlack) -> None:
    posts = MemoryPosts()
    slack.workspace.trouble("chat.update", Answer(500, "oops", after=True))
    first, second = send(bot(slack, posts), message("fired"), message("over", "resolved"))
    assert (first, second.reason if isinstance(second, Failed) else "") != (Sent(), "")
    assert send(bot(slack, posts), message("over", "resolved")) == [Sent()]
    assert send(bot(slack, posts), message("over", "resolved")) == [Sent()]

    [root] = slack.workspace.roots()
    assert len(slack.workspace.replies(root)) == 1


def test_a_card_that_somebody_deleted_is_made_anew(slack: FakeSlack) -> None:
    one = bot(slack, MemoryPosts())
    send(one, message("fired"))
    slack.workspace.posted.clear()
    assert send(one, message("over", "resolved")) == [Sent()]
    assert len(slack.workspace.roots()) == 1


def test_a_picture_lies_in_the_thread_of_its_report(slack: FakeSlack) -> None:
    report = Message("r", "", "daily_report", "firing", "info", None, "The day", NOW, {})
    send(bot(slack, MemoryPosts(), picture=lambda _: b"PNG"), report)
    [root] = slack.workspace.roots()
    [upload] = slack.workspace.files.values()
    assert (upload.data, upload.shared) == (b"PNG", (root.channel, root.ts))


def test_a_picture_that_fails_is_tried_again_without_a_second_report(slack: FakeSlack) -> None:
    report = Message("r", "", "daily_report", "firing", "info", None, "The day", NOW, {})
    slack.workspace.trouble("files.completeUploadExternal", api_rate_limited(3))
    one = bot(slack, MemoryPosts(), picture=lambda _: b"PNG")
    [limited] = send(one, report)
    assert isinstance(limited, Failed)
    assert limited.retry_after_seconds == 3
    assert send(one, report) == [Sent()]
    assert len(slack.workspace.roots()) == 1


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda space: space.tokens.update({BOT_TOKEN: "token_revoked"}), "token_revoked"),
        (lambda space: space.tokens.clear(), "invalid_auth"),
        (lambda space: setattr(space.channel("alerts"), "archived", True), "is_archived"),
        (lambda space: space.channels.clear(), "channel_not_found"),
        (lambda space: space.scopes.discard("chat:write"), "missing_scope"),
    ],
)
def test_what_no_message_can_pass_stops_all(slack: FakeSlack, spoil: Any, word: str) -> None:
    spoil(slack.workspace)
    [failed] = send(bot(slack, MemoryPosts()), message("fired"))
    assert isinstance(failed, Failed)
    assert failed.stops
    assert word in failed.reason
    assert BOT_TOKEN not in failed.reason
