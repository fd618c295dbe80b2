"""What people do from Slack beside yes and no, each seen in the agent that it is done to."""

import json
from pathlib import Path

import pytest

from tests.flow.test_breakers import OK
from tests.flow.test_slack_answers import agent, config, connected, told, waiting
from tests.harness.llm_server import answering
from tests.harness.manager import manager, until
from tests.harness.slack_side import slack_side

pytestmark = pytest.mark.slow


def test_a_cheaper_model_pause_breaker_and_silence(tmp_path: Path) -> None:
    cheaper = {"cheaper": {"gpt-4o": "gpt-4o-mini"}, "cheaper_agents": ["research"]}
    with (
        answering(OK) as llm,
        slack_side() as slack,
        manager(tmp_path / "data", config(slack, **cheaper)) as running,
        agent(running, llm, tmp_path) as one,
    ):
        connected(slack)

        def typed(words: str) -> None:
            assert slack.by_socket("slash_commands", slack.typed(words)) is not None

        one.begin("call gpt-4o dear")
        slack.by_socket("interactive", slack.button(waiting(running), "cheaper"))
        assert one.end() == {"status": 200}
        assert json.loads(llm.hits[-1].body)["model"] == "gpt-4o-mini"

        typed("pause research it answers in Latin")
        refused = until(
            "it is paused", lambda: (said := one.do("call gpt-4o-mini a"))["status"] == 402 and said
        )
        assert "it answers in Latin" in refused["message"]
        typed("resume research")
        until("it goes on", lambda: one.do("call gpt-4o-mini b")["status"] == 200)

        typed("breaker open research for 10m trying it")
        until("it is shut", lambda: one.do("call gpt-4o-mini c")["status"] == 503)
        typed("breaker close research")
        until("it is open again", lambda: one.do("call gpt-4o-mini d")["status"] == 200)

        typed("silence agent=research for 2h load test")
        [silence] = until("it is silent", lambda: running.get("/api/v1/silences")["silences"])
        assert "load test" in str(silence)
        typed("spend day research")
        told(slack, "research")
