"""`/manager`: what is read, who may, and how answers look."""

from typing import Any

import pytest

from manager_agent.delivery.slack.command_answers import MOST_LINES, answer, help_text
from manager_agent.delivery.slack.command_line import USAGE, Ask, Help, Say, read
from manager_agent.delivery.slack.commands import Rights
from manager_agent.delivery.slack.fake_blocks import blocks_fault
from manager_agent.delivery.slack.groups import KEPT_SECONDS, Groups
from manager_agent.delivery.slack.web_api import SlackSaidNoError, WebApi


@pytest.mark.parametrize(
    ("text", "method", "path", "body"),
    [
        ("status", "GET", "/api/v1/manager/status", {}),
        ("SPEND month", "GET", "/api/v1/usage", {}),
        ("spend research", "GET", "/api/v1/agents/research/usage", {}),
        ("budget", "GET", "/api/v1/budgets", {}),
        ("budget &lt;b&gt;", "GET", "/api/v1/budgets/<b>", {}),
        (
            "budget set “my agent” daily $1,000.50 it's fine",
            "PATCH",
            "/api/v1/budgets/my agent",
            {"daily_limit_usd": "1000.50", "why": "it's fine"},
        ),
        ("budget set a hourly none", "PATCH", "/api/v1/budgets/a", {"hourly_limit_usd": None}),
        ("breaker", "GET", "/api/v1/breakers", {}),
        (
            "breaker open openai/gpt-4o for 10m bad answers",
            "POST",
            "/api/v1/breakers/openai/gpt-4o/open",
            {"for_seconds": 600.0, "why": "bad answers"},
        ),
        ("breaker reset research", "POST", "/api/v1/breakers/research/reset", {}),
        (
            "silence rule=budget agent=res* for 2h deploy",
            "POST",
            "/api/v1/silences",
            {"matchers": ["rule=budget", "agent=res*"], "for_seconds": 7200.0, "why": "deploy"},
        ),
        ("silence end ab12", "DELETE", "/api/v1/silences/ab12", {}),
        ("approve", "GET", "/api/v1/approvals", {}),
        ("pause research", "POST", "/api/v1/agents/research/pause", {}),
        ("resume research go", "POST", "/api/v1/agents/research/resume", {"why": "go"}),
    ],
)
def test_what_the_api_is_asked(text: str, method: str, path: str, body: dict[str, Any]) -> None:
    found = read(text)

    assert isinstance(found, Ask)
    assert (found.method, found.path, found.body) == (method, path, body)
    assert found.writes == (method != "GET")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("approve ask-1 fine by me", Say("ask-1", "once", why="fine by me")),
        ("approve ask-1 amount 5 for 2h ok", Say("ask-1", "amount", "5", "2h", "ok")),
        ("approve ask-1 cheaper", Say("ask-1", "cheaper")),
        ("deny ask-1 too dear", Say("ask-1", "deny", why="too dear")),
    ],
)
def test_answers_to_approvals(text: str, said: Say) -> None:
    assert read(text) == said


@pytest.mark.parametrize(
    ("text", "wrong", "topic"),
    [
        ("", "", None),
        ("statsu", "`statsu`; did you mean `status`?", "status"),
        ("drop tables", "there is no command `drop`", None),
        ("status now", "`now` is too much", "status"),
        ("budget set", "an agent is missing", "budget"),
        ("budget set a weekly 5", "`weekly` is none of hourly, daily, monthly", "budget"),
        ("breaker shut a", "`shut` is none of open, close, reset", "breaker"),
        ("breaker open a for ever", "'ever' is no duration", "breaker"),
        ("breaker reset a for 2h", "a reset holds for no time", "breaker"),
        ("silence everything", "`everything` names no alert", "silence"),
        ("silence rule=budget", "for how long? found nothing", "silence"),
        ("approve ask-1 amount 5", "for how long?", "approve"),
        ("deny", "an approval's id is missing", "deny"),
    ],
)
def test_mistakes_name_what_was_found(text: str, wrong: str, topic: str | None) -> None:
    found = read(text)

    assert isinstance(found, Help)
    assert wrong in found.wrong
    assert found.topic == topic
    assert blocks_fault(help_text(found)["blocks"]) is None


@pytest.mark.parametrize("topic", USAGE)
def test_every_command_has_a_reader(topic: str) -> None:
    assert isinstance(read(topic), Ask | Say | Help)


def test_nobody_changes_anything_until_operators_are_named() -> None:
    rights = Rights()

    assert rights.refused(False, frozenset({"U1"})) is None
    assert "nobody yet" in (rights.refused(True, frozenset({"U1"})) or "")


def test_operators_by_group_and_members() -> None:
    rights = Rights(frozenset({"S1"}), frozenset({"U2"}))

    assert rights.refused(True, frozenset({"U1", "S1"})) is None
    assert rights.refused(False, frozenset({"U2"})) is None
    assert rights.refused(True, frozenset({"U2"})) is not None
    assert rights.refused(False, frozenset({"U3"})) is not None


def test_a_list_is_counted_beyond_what_is_read() -> None:
    held = {"state": "open", "held": None, "reason": "<!channel> failures_in_row"}
    rows = [{**held, "key": f"agent-{n}"} for n in range(500)]

    said = answer(Ask("breaker", "GET", "/x"), 200, {"breakers": rows})

    assert "and 480 more" in said["blocks"][0]["text"]["text"]
    assert said["text"].count("*open*") == MOST_LINES
    assert "<!channel>" not in said["text"]
    assert blocks_fault(said["blocks"]) is None


def test_a_refusal_says_what_the_api_said() -> None:
    said = answer(Ask("budget", "PATCH", "/x"), 400, {"detail": "daily_limit_usd = 'lots'"})

    assert "daily_limit_usd = 'lots'" in said["text"]
    assert said["response_type"] == "ephemeral"


def test_members_of_groups_are_kept_for_minutes_and_unknown_ones_hold_nobody() -> None:
    now, asked, known = [0.0], list[str](), {"S1": frozenset({"U1"})}

    def members(name: str) -> frozenset[str]:
        asked.append(name)
        if name not in known:
            raise SlackSaidNoError("missing_scope")
        return known[name]

    groups = Groups(["S1", "S2", "U9", "ops"], members, lambda: now[0])

    assert groups.of("U1") == {"S1"}
    assert groups.troubles == {"S2": "missing_scope"}
    known["S1"] = frozenset()
    assert groups.of("U1") == {"S1"}
    assert asked == ["S1", "S2", "S2"]
    now[0] = KEPT_SECONDS
    assert groups.of("U1") == frozenset()
    del known["S1"]
    now[0] *= 2
    assert groups.of("U1") == frozenset()
    assert set(groups.troubles) == {"S1", "S2"}


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/x", "https://evil.com/slack.com", "https://slack.com.evil.com/", "x"],
)
def test_no_answer_goes_where_slack_is_not(url: str) -> None:
    with pytest.raises(SlackSaidNoError, match="not of Slack"):
        WebApi(None, None).respond(url, {"text": "x"})
