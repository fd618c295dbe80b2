"""The fake Slack refuses what Slack refuses, seen through the official client."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from manager_agent.delivery.slack.fake import BOT_TOKEN, FakeSlack, api_rate_limited
from manager_agent.delivery.slack.fake_blocks import blocks_fault


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as found:
        yield found


def client(slack: FakeSlack, token: str = BOT_TOKEN) -> WebClient:
    return WebClient(token, base_url=slack.api_url, retry_handlers=[])


def test_a_message_is_posted_updated_and_answered_in_its_thread(slack: FakeSlack) -> None:
    web = client(slack)
    posted = web.chat_postMessage(channel="#alerts", text="one")
    web.chat_postMessage(channel=posted["channel"], text="more", thread_ts=posted["ts"])
    web.chat_update(channel=posted["channel"], ts=posted["ts"], text="two")

    [root] = slack.workspace.roots()
    assert root.text == "two"
    assert root.versions[0]["text"] == "one"
    assert [reply.text for reply in slack.workspace.replies(root)] == ["more"]


def test_a_file_arrives_in_a_thread(slack: FakeSlack) -> None:
    web = client(slack)
    root = web.chat_postMessage(channel="#ops", text="the report")
    web.files_upload_v2(
        filename="c.png", content=b"PNG", channel=root["channel"], thread_ts=root["ts"]
    )

    [upload] = slack.workspace.files.values()
    assert (upload.data, upload.shared) == (b"PNG", ("C0OPS", root["ts"]))


def test_each_refusal_has_slacks_own_word(slack: FakeSlack) -> None:
    space = slack.workspace
    space.tokens["xoxb-old"] = "token_revoked"
    space.channel("money").archived = True
    space.trouble("chat.postMessage", api_rate_limited(7))

    def word(channel: str, token: str = BOT_TOKEN, **more: Any) -> str:
        with pytest.raises(SlackApiError) as refused:
            client(slack, token).chat_postMessage(channel=channel, **{"text": "x", **more})
        return str(refused.value.response["error"])

    assert word("#alerts") == "ratelimited"
    assert word("#alerts", "xoxb-old") == "token_revoked"
    assert word("#alerts", "xoxb-unknown") == "invalid_auth"
    assert word("#money") == "is_archived"
    assert word("#nowhere") == "channel_not_found"
    assert word("#alerts", blocks=[{"type": "header"}]) == "invalid_blocks"


def button(**more: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": "Yes"}
    return {"type": "actions", "elements": [{"type": "button", "text": text, **more}]}


def words(length: int, kind: str = "mrkdwn") -> dict[str, Any]:
    return {"type": kind, "text": "x" * length}


@pytest.mark.parametrize(
    ("fits", "does_not"),
    [
        ([{"type": "divider"}] * 50, [{"type": "divider"}] * 51),
        (
            [{"type": "header", "text": words(150, "plain_text")}],
            [{"type": "header", "text": words(151, "plain_text")}],
        ),
        ([{"type": "section", "text": words(3000)}], [{"type": "section", "text": words(3001)}]),
        (
            [{"type": "section", "fields": [words(2000)] * 10}],
            [{"type": "section", "fields": [words(1)] * 11}],
        ),
        (
            [{"type": "section", "fields": [words(2000)]}],
            [{"type": "section", "fields": [words(2001)]}],
        ),
        (
            [button(action_id="a" * 255, value="v" * 2000)],
            [button(action_id="a", value="v" * 2001)],
        ),
        ([button(style="danger")], [button(style="green")]),
        (
            [{"type": "context", "elements": [words(1)]}],
            [{"type": "context", "elements": []}],
        ),
        (
            [{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]}],
            [{"type": "table", "rows": [[{"type": "raw_text", "text": ""}]]}],
        ),
    ],
)
def test_slacks_limits(fits: list[Any], does_not: list[Any]) -> None:
    assert blocks_fault(fits) is None
    assert blocks_fault(does_not)
