"""A provider's outage, from OTLP to people: one breaker, one message, the agents' explained."""

from pathlib import Path

import pytest

from tests.flow.rule_stories import START, burst, failing
from tests.harness.scripted import Scripted, minutes, ns, scripted

CLAUDE = {
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5-20250929",
    "gen_ai.response.model": "claude-sonnet-4-5-20250929",
}
AGENTS = ("writer", "research", "support", "coder")
CONFIG = {"breaker": {"base_open_seconds": 60, "max_open_seconds": 60}}


def told(manager: Scripted) -> None:
    """Look once what spans say has been told."""
    manager.at(manager.now + minutes(0.1))
    manager.manager.outcomes.tell_now()
    manager.manager.clerk.look(lambda book, now_us: None)
    manager.look()


@pytest.mark.slow
def test_one_breaker_one_message_and_the_agents_own_are_explained(tmp_path: Path) -> None:
    calls = [
        one
        for agent in AGENTS
        for one in failing(agent, 30, "529", "Error code: 529 - Overloaded", minute=1, **CLAUDE)
    ]
    calls += burst("bystander", 3, 1)
    calls.sort(key=lambda one: one.start_ns + one.duration_ns)
    with scripted(tmp_path / "data", CONFIG, START) as manager:
        for step in range(10, 31):  # every six seconds
            manager.at(START + minutes(step / 10))
            over = [one for one in calls if one.start_ns + one.duration_ns <= ns(manager.now)]
            calls = calls[len(over) :]
            if over:
                manager.send(over)
            if step % 5 == 0:
                told(manager)
        open_ = [one for one in manager.manager.people.breakers.views if one.state != "closed"]
        changes = manager.manager.control.alert_changes_since(0)
        first = list(manager.messages)
        manager.at(START + minutes(5))
        manager.send(burst("writer", 3, 4.8, **CLAUDE))
        told(manager)
        ended = [one for one in manager.messages if one.state == "resolved"]

    assert [one.key.text for one in open_] == ["anthropic/claude-sonnet-4-5"]
    assert [(one.kind, one.agent) for one in first] == [("circuit_breaker", None)]
    assert first[0].facts["agents"] == "coder, research, support, writer"
    assert str(first[0].facts["error_types"]).startswith("529 x")
    fired = {(one.rule, one.agent): one for one in changes if one.reason == "fired"}
    (cause,) = [one for (rule, _), one in fired.items() if rule == "circuit_breaker"]
    others = {key: one for key, one in fired.items() if key[0] != "circuit_breaker"}
    assert ("failure_pattern", None) in others
    assert ("error_issue", None) in others
    assert {agent for rule, agent in others if rule == "error_burst"} == set(AGENTS)
    assert {one.muted_by for one in others.values()} == {cause.alert_id}
    assert [one.kind for one in ended] == ["circuit_breaker"], "they hear once that it is over"
