"""Routes, mentions and quiet hours: pure questions."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from manager_agent.delivery.routing import Quiet, Route, channels, markup, mentions, wanted
from manager_agent.rules.message import Message, Severity

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ROUTES = [
    Route("#ops", severities=("critical",), mention=("here", "S0123ABC")),
    Route("#money", kinds=("*_report", "budget")),
    Route("#team", agents=("team-*",)),
]


def message(kind: str, severity: Severity, agent: str | None) -> Message:
    return Message("k", "a", kind, "firing", severity, agent, "x", NOW, {})


@pytest.mark.parametrize(
    ("kind", "severity", "agent", "where"),
    [
        ("loop", "info", "a", {"#alerts"}),
        ("loop", "critical", "a", {"#ops"}),
        ("budget", "critical", "team-1", {"#ops", "#money", "#team"}),
        ("daily_report", "info", None, {"#money"}),
    ],
)
def test_every_route_that_fits_else_the_default(
    kind: str, severity: Severity, agent: str | None, where: set[str]
) -> None:
    found = {
        channel
        for channel in channels(ROUTES, "#alerts")
        if wanted(ROUTES, "#alerts", channel)(message(kind, severity, agent))
    }
    assert found == where


def test_only_who_is_configured_is_mentioned_and_only_for_what_is_critical() -> None:
    assert mentions(ROUTES, "#ops", message("loop", "critical", "<!channel>")) == (
        "<!here> <!subteam^S0123ABC>"
    )
    assert mentions(ROUTES, "#ops", message("loop", "warning", "a")) == ""
    assert mentions(ROUTES, "#money", message("budget", "critical", "a")) == ""
    with pytest.raises(ValueError, match="is nobody"):
        markup("everyone in the world")


@pytest.mark.parametrize(
    ("at", "until"),
    [
        pytest.param("2026-11-23T22:00+01:00", "2026-11-24T07:00+01:00", id="it begins"),
        pytest.param("2026-11-24T06:59+01:00", "2026-11-24T07:00+01:00", id="its last minute"),
        pytest.param("2026-11-24T07:00+01:00", None, id="its end"),
        pytest.param("2026-11-23T21:59+01:00", None, id="before it"),
        pytest.param("2026-10-24T23:00+02:00", "2026-10-25T07:00+01:00", id="clocks put back"),
    ],
)
def test_quiet_hours(at: str, until: str | None) -> None:
    quiet = Quiet(time(22), time(7), ZoneInfo("Europe/Berlin"))
    found = quiet.until(message("loop", "warning", "a"), datetime.fromisoformat(at))
    assert found == (datetime.fromisoformat(until) if until else None)
    assert quiet.until(message("loop", "critical", "a"), datetime.fromisoformat(at)) is None
    assert quiet.until(message("approval", "warning", "a"), datetime.fromisoformat(at)) is None
