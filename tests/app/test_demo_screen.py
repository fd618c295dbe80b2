"""What the demonstration shows is what the manager's API said."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console, RenderableType

from manager_agent.app.demo.answers import Usage
from manager_agent.app.demo.config_file import config_yaml
from manager_agent.app.demo.prompt_cache import Prompt
from manager_agent.app.demo.provider import Served
from manager_agent.app.demo.reading import AgentRow, Reading, parse
from manager_agent.app.demo.roster import FLEET, LOOPING
from manager_agent.app.demo.screen import Seen, alert_text, bar, progress_line, screen, used
from manager_agent.app.demo.slack_frame import mrkdwn, slack_frame
from manager_agent.app.demo.story import Story, Told
from manager_agent.app.demo.summary import exit_code, summary, tokens_served
from manager_agent.app.settings import parse as settings_of

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
DASHBOARD: dict[str, Any] = {
    "generated_at": "2026-03-01T12:30:00Z",
    "totals": {
        "hour": {"cost_usd": "0.02", "calls": 6, "tokens": 23000, "success_rate": 0.98},
        "month": {"cost_usd": "0.46", "calls": 61, "tokens": 423000, "success_rate": 0.98},
    },
    "agents": [
        {
            "agent": "research-agent",
            "budgets": [
                {"period": "day", "unit": "usd", "limit": "9", "spent": "5"},
                {"period": "month", "unit": "usd", "limit": "0.4", "spent": "0.41"},
                {"period": "hour", "unit": "tokens", "limit": 1000000, "spent": 400000},
            ],
            "hour": {"cost_usd": "0.21", "calls": 55, "tokens": 400000},
            "success_rate": 0.98,
            "last_seen": "2026-03-01T12:29:58Z",
        },
        {
            "agent": "a-stranger",
            "budgets": [],
            "hour": {"cost_usd": None, "calls": 0, "tokens": None},
            "success_rate": None,
            "last_seen": None,
        },
    ],
    "alerts": [
        {
            "alert_id": "a1",
            "rule": "budget",
            "title": "research-agent: monthly limit",
            "message": "research-agent spent $0.41 of its $0.40 monthly limit",
            "severity": "critical",
            "state": "firing",
            "agent": "research-agent",
            "ts": "2026-03-01T12:29:50",
            "evidence": {"period": "month", "spent_usd": "0.41", "percent": 102},
        }
    ],
    "issues": [],
}


def shown(what: RenderableType, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def served(total: int, output: int) -> Served:
    usage = Usage(Prompt(total), output)
    return Served("/v1/messages", "m", "m", "id", 200, False, usage)


@pytest.fixture
def reading() -> Reading:
    return parse(DASHBOARD)


@pytest.fixture
def alert(reading: Reading) -> Seen:
    return Seen(reading.alerts[0], 21.3)


def test_a_dashboard_is_read_by_the_month(reading: Reading) -> None:
    assert (reading.cost, reading.calls, reading.tokens) == (Decimal("0.46"), 61, 423000)
    assert reading.agents[0] == AgentRow("a-stranger", Decimal(0), None, 0, None, None, None)
    assert reading.agents[1] == AgentRow(
        agent="research-agent",
        spent=Decimal("0.41"),
        limit=Decimal("0.4"),
        calls=55,
        tokens=400000,
        success_rate=0.98,
        last_seen=NOW - timedelta(seconds=2),
    )


def test_an_alert_is_new_again_when_it_gets_worse() -> None:
    """Its key is of the alert and its severity: a warning and the critical that follows."""
    [entry] = DASHBOARD["alerts"]
    warning = {**entry, "severity": "warning"}

    keys = {alert.key for alert in parse({**DASHBOARD, "alerts": [entry, warning]}).alerts}

    assert len(keys) == 2


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        pytest.param(None, "no limit", id="no limit"),
        pytest.param(0.0, "░" * 20 + "   0%", id="nothing spent"),
        pytest.param(0.51, "█" * 10 + "░" * 10 + "  51%", id="half"),
        pytest.param(3.7, "█" * 20 + " 370%", id="over the limit the bar stays full"),
    ],
)
def test_bar(share: float | None, expected: str) -> None:
    assert bar(share) == expected


def test_used_is_none_without_a_limit(reading: Reading) -> None:
    assert [used(row) for row in reading.agents] == [None, pytest.approx(1.025)]


def test_the_screen_shows_agents_the_alert_and_what_to_try(reading: Reading, alert: Seen) -> None:
    text = shown(screen(reading, [alert], now=NOW, up_seconds=25, api_url="http://h:1"))

    assert "this month $0.4600, 61 calls, 423,000 tokens" in text
    assert "102%   $0.4100   $0.40        55    400,000   98%   2 s ago" in text
    assert "research-agent spent $0.41 of its $0.40 monthly limit" in text
    assert "export MANAGER_API_URL=http://h:1" in text
    assert 'manager-agent sql "SELECT agent, sum(cost_usd) FROM llm_calls GROUP BY 1"' in text


def test_the_screen_waits_for_the_first_alert(reading: Reading) -> None:
    text = shown(screen(reading, [], now=NOW, up_seconds=1, api_url="http://h:1"))

    assert "no alert yet" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_screen_fits_the_terminal(reading: Reading, alert: Seen, width: int) -> None:
    drawn = screen(reading, [alert] * 3, now=NOW, up_seconds=1, api_url="http://h:1")

    assert max(map(len, shown(drawn, width).splitlines())) <= width


def test_the_frame_holds_title_sentence_and_facts(alert: Seen) -> None:
    text = shown(slack_frame(alert.alert))

    assert "research-agent spent $0.41 of its $0.40 monthly limit" in text
    assert "Spent" in text
    assert "$0.41" in text
    assert "critical · budget · 2026-03-01 12:29 UTC" in text
    assert "*Spent*" not in text  # markup is drawn, not printed


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("*Agent*\n`a-b`", "Agent\na-b", id="bold and code"),
        pytest.param("at <!date^1^{date} at {time}|12:29 UTC>.", "at 12:29 UTC.", id="date"),
        pytest.param("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c", id="entities once"),
    ],
)
def test_slacks_markup_becomes_text(markup: str, text: str) -> None:
    assert mrkdwn(markup).plain == text


def test_lines_for_a_pipe(reading: Reading, alert: Seen) -> None:
    assert progress_line(reading, 5.04) == (
        "[  5.0 s] this month $0.4600, 61 calls, 423,000 tokens"
        " | a-stranger $0.0000  research-agent $0.4100 of $0.40"
    )
    assert alert_text(alert).startswith("alert, 21.3 s after the server was up:\n")
    assert "research-agent spent $0.41 of its $0.40 monthly limit" in alert_text(alert)


@pytest.mark.parametrize(
    ("counted", "end"),
    [
        pytest.param(423000, "(each call was reported", id="equal: and why it is hard"),
        pytest.param(422000, ": a call was under way", id="not equal: and why that may be"),
    ],
)
def test_the_summary_sets_the_providers_count_beside_ours(
    reading: Reading, alert: Seen, counted: int, end: str
) -> None:
    truth = tokens_served([served(422000, 900), served(60, 40)])

    text = summary(reading, [alert], tokens_served=truth, tokens_counted=counted, up_seconds=60.2)

    assert "first alert 21.3 s after the server was up" in text
    assert "research-agent     $0.4100   budget $0.40 a month" in text
    assert f"served 423,000 tokens, the manager counted {counted:,}{end}" in text.replace(" (", "(")


@pytest.mark.parametrize(
    ("seconds", "found", "code"),
    [
        pytest.param(60, True, 0, id="the loop was found"),
        pytest.param(60, False, 1, id="a minute without its alert is a failure"),
        pytest.param(20, False, 0, id="too short to tell"),
        pytest.param(None, False, 0, id="ended by hand"),
    ],
)
def test_exit_code(alert: Seen, seconds: float | None, found: bool, code: int) -> None:
    story = Story(lambda words: True, lambda: 0)
    story.told.append(Told("it is stopped", 20.0))

    assert exit_code([alert] if found else [], story, seconds) == code


def test_a_loop_that_was_not_stopped_in_time_is_a_failure(alert: Seen) -> None:
    assert exit_code([alert], Story(lambda words: True, lambda: 0), 60) == 1


def test_another_agents_alert_is_not_the_loops() -> None:
    [entry] = DASHBOARD["alerts"]
    other = parse({**DASHBOARD, "alerts": [{**entry, "agent": "coding-agent"}]}).alerts[0]

    story = Story(lambda words: True, lambda: 0)
    story.told.append(Told("it is stopped", 20.0))

    assert exit_code([Seen(other, 9.0)], story, 60) == 1


def test_the_configuration_budgets_the_whole_fleet() -> None:
    """It is one that `serve` accepts, and the looping agent's limit is in it."""
    settings = settings_of(config_yaml(FLEET).encode(), "the demo's", {})

    assert set(settings.agent_budgets) == {member.agent for member in FLEET}
    assert settings.agent_budgets[LOOPING.agent].monthly_limit_usd == LOOPING.monthly_limit_usd
    assert settings.monitoring.check_interval_seconds == 2
