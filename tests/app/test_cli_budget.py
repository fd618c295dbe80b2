"""Where limits stand, as people see it: what was added to one, and until when."""

import json
from typing import Any

import pytest

from manager_agent.app import cli_budget, dispatch

ROW = {
    "period": "day",
    "unit": "usd",
    "limit": 1.0,
    "spent": 1.25,
    "reserved": 0.05,
    "in_doubt": 0.0,
    "left": 0.2,
    "resets_at": "2026-11-27T00:00:00Z",
    "unpriced_calls": 0,
}
MORE = {"added": [{"amount": 0.5, "until": "2026-11-26T18:00:00Z", "by": "ann"}]}


def listed(monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], *options: str) -> int:
    entry = {"agent": "planner", "source": "configured", "enforcement": "hard", "budgets": [row]}
    said = {"budgets": [entry], "groups": [], "fleet": None}
    monkeypatch.setattr(cli_budget, "get", lambda url, path: said)
    return dispatch.main(["budget", "list", *options])


def test_what_was_added_to_a_limit_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(monkeypatch, {**ROW, **MORE}) == 0

    shown = " ".join(capsys.readouterr().out.replace("\u2502", " ").split())
    assert "$1.0000 by day" in shown
    assert "$0.5000 until" in shown


def test_a_machine_reads_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(monkeypatch, {**ROW, **MORE}, "--json") == 0

    assert json.loads(capsys.readouterr().out)[0]["added"] == MORE["added"]


def test_a_manager_that_does_not_know_of_additions_is_shown_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(monkeypatch, ROW) == 0

    assert "$1.2500" in capsys.readouterr().out
