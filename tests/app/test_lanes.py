"""What is configured of Slack reaches those who post there."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from manager_agent.app.lanes import lanes
from manager_agent.app.settings import Settings
from manager_agent.delivery.samples import samples
from manager_agent.delivery.slack.fake import BOT_TOKEN, FakeSlack
from manager_agent.delivery.slack.posts import MemoryPosts

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
URL = "https://manager.example:5002"


def posted(kind: str, **slack: Any) -> str:
    """Return what Slack gets of the sample of a kind."""
    with FakeSlack() as fake:
        there = {"bot_token": BOT_TOKEN, "api_url": fake.api_url, **slack}
        bot = lanes(Settings.model_validate({"slack": there}), MemoryPosts(), lambda: NOW)[1]
        message = next(one for one in samples(NOW) if one.kind == kind)
        assert asyncio.run(bot.notifier.send(message))
        return str(fake.workspace.roots()[0].args)


@pytest.mark.parametrize("url", [URL, None])
def test_messages_link_to_where_people_reach_the_manager(url: str | None) -> None:
    assert (URL in posted("cost_spike", dashboard_url=url)) is (url is not None)


@pytest.mark.parametrize(
    ("way_back", "buttons"),
    [({"app_token": "xapp-1"}, True), ({"signing_secret": "s"}, True), ({}, False)],
)
def test_there_are_buttons_where_somebody_hears_of_them(
    way_back: dict[str, str], buttons: bool
) -> None:
    assert ("approval:once" in posted("approval", **way_back)) is buttons


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="dashboard_url must begin with"):
        Settings.model_validate({"slack": {"dashboard_url": "manager.example"}})
