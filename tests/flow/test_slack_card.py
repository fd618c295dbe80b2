"""The card of a call that waits: posted by the bot, and updated once somebody decided."""

from pathlib import Path

import pytest

from manager_agent.delivery.slack.fake import FakeSlack
from tests.flow.test_breakers import OK
from tests.flow.test_slack_answers import agent, config, connected, waiting
from tests.harness.llm_server import answering
from tests.harness.manager import manager, until
from tests.harness.slack_side import slack_side

pytestmark = pytest.mark.slow


def test_the_card_says_who_decided_also_after_a_kill(tmp_path: Path) -> None:
    """The manager dies after the decision is kept, before the card is updated."""
    with (
        answering(OK) as llm,
        FakeSlack() as fake,
        slack_side(fake.api_url) as slack,
        manager(tmp_path / "data", config(slack)) as running,
        agent(running, llm, tmp_path) as one,
    ):
        connected(slack)
        one.begin("call gpt-4o once")
        id_ = waiting(running)
        [card] = until("the card is posted", fake.workspace.roots)
        buttons = [e for b in card.blocks for e in b.get("elements", ()) if e["type"] == "button"]
        once = next(each for each in buttons if each["action_id"] == "approval:once")
        assert once["value"] == id_

        slack.by_socket("interactive", slack.button(once["value"], "once"))
        running.kill()
        port = {"otlp_grpc": int(running.where["otlp_grpc"].rpartition(":")[2])}
        with manager(tmp_path / "data", config(slack), **port):
            until("the card is updated", lambda: "@ann (U0ANN)" in str(card.args))
            assert "approval:once" not in str(card.blocks)
            assert one.end() == {"status": 200}
        assert [each.ts for each in fake.workspace.roots()] == [card.ts]
        assert len(llm.hits) == 1
