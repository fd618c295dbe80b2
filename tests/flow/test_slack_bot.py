"""The whole way with a bot token: a span, a rule, the outbox, the official client, a card."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manager_agent.app.rest import post
from manager_agent.delivery.slack.fake import BOT_TOKEN, FakeSlack
from tests.flow.test_budget_alerts import HALF_A_DOLLAR, config, spend
from tests.harness.manager import Manager, manager, until
from tests.harness.otlp import Sender

pytestmark = pytest.mark.slow


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as found:
        yield found


def status(running: Manager) -> dict[str, Any]:
    return dict(running.get("/api/v1/manager/status"))


def test_one_card_follows_the_alert_across_a_kill(tmp_path: Path, slack: FakeSlack) -> None:
    """Posted once, changed in place when it worsens; a revoked token is named in the status."""
    section = {"bot_token": BOT_TOKEN, "api_url": slack.api_url}
    whole = {**config(slack), "slack": section}
    space = slack.workspace
    with manager(tmp_path / "data", whole) as running, Sender(running.where) as sender:
        spend(sender, "researcher", 2, HALF_A_DOLLAR)
        until("the card", lambda: space.roots())
        running.kill()

    space.tokens[BOT_TOKEN] = "token_revoked"
    with manager(tmp_path / "data", whole) as running, Sender(running.where) as sender:
        spend(sender, "researcher", 2, HALF_A_DOLLAR)
        until("it is told", lambda: "token_revoked" in str(status(running)["reasons"]))
        assert status(running)["slack"] == "stopped"

        space.tokens[BOT_TOKEN] = None
        post(running.where["api"], "/api/v1/manager/delivery/retry", {})
        until("the thread", lambda: space.replies(space.roots()[0]))

    [card] = [root for root in space.roots() if "researcher" in str(root)]
    assert card.versions, "changed in place"
    assert "researcher" in card.text
