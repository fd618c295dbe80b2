"""Users' own tests of rules: what they say is what is used, and what differs is told."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from manager_agent.app.cli import main
from manager_agent.app.replay.series import SeriesError, series
from tests.documented.pages import ROOT, blocks

PAGE = "docs/rules-testing.md"


def ran(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    code = main(["rules", "test", str(path), *more])
    out, err = capsys.readouterr()
    return code, out, err


def shown() -> str:
    (block,) = [each for each in blocks("yml") if each.page == PAGE]
    return block.text


def test_the_example_of_the_page_passes_as_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(shown(), "utf-8")

    code, out, _ = ran(path, capsys)

    assert f"$ manager-agent rules test rules.yaml\n{out}" in (ROOT / PAGE).read_text("utf-8")
    assert code == 0


def test_what_differs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        """
settings: {agent_budgets: {default: {hourly_limit_usd: 1.0}}}
rules: [budget]
tests:
  - name: a burst
    usage: [{agent: writer, calls: 60, cost_usd: "0.01"}]
    until: 90s
    alerts: [{rule: budget, agent: writer, severity: info, fires: 5m, message: hourly limit}]
""",
        "utf-8",
    )

    code, out, _ = ran(path, capsys)

    assert code == 1
    assert "FAIL a burst" in out
    assert "expected, did not fire: budget info of writer at 5m with 'hourly limit'" in out
    assert "fired, not expected:    budget info of writer at 1m resolved never" in out
    assert out.endswith("0 passed, 1 failed\n")


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "rules: [budget]\ntests:\n"
        "  - {name: quiet, until: 30s}\n"
        "  - {name: loud, until: 30s, alerts: [{rule: budget, fires: 30s}]}\n",
        "utf-8",
    )

    code, out, _ = ran(path, capsys, "--json")

    assert code == 1
    assert [(each["name"], each["passed"]) for each in json.loads(out)] == [
        ("quiet", True),
        ("loud", False),
    ]


def test_settings_start_tools_and_the_end_of_an_alert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.yaml").write_text("agent_budgets: {a: {hourly_token_limit: 100}}\n")
    path = tmp_path / "rules.yaml"
    path.write_text(
        """
config: new.yaml
rules: [budget]
start: 2026-03-01T10:30:00
settings: {monitoring: {check_interval_seconds: 300}}
tests:
  - name: over in the next hour
    usage: [{agent: a, calls: 1, input_tokens: "70+0x1", output_tokens: 5}]
    tools: [{agent: a, tool: search, calls: 2x3}]
    until: 40m
    alerts: [{rule: budget, severity: info, fires: 5m, resolves: 30m}]
  - name: a limit of its own
    settings: {agent_budgets: {a: {hourly_token_limit: 1000}}}
    usage: [{agent: a, calls: 1, input_tokens: 70}]
  - name: at the full hour
    start: 2026-03-01T10:59:00
    usage: [{agent: a, calls: _x2 1, input_tokens: 60, duration_ms: 100}]
    until: 5m
    alerts: [{rule: budget, agent: a, fires: 5m, resolves: never}]
""",
        "utf-8",
    )

    code, out, _ = ran(path, capsys)

    assert (code, out.splitlines()[-1]) == (0, "3 passed, 0 failed"), out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("tests: [{usage: []}]", "tests.0.name: Field required", id="no name"),
        pytest.param(
            "tests: [{name: x, usage: [{agent: a, calls: 5*3}]}]",
            "tests.0.usage.0.calls: '5*3' is no part of a series; write 7",
            id="series",
        ),
        pytest.param(
            "tests: [{name: x, usage: [{agent: a, calls: 1, tokens: 3}]}]",
            "tests.0.usage.0.tokens: Extra inputs are not permitted",
            id="unknown key",
        ),
        pytest.param(
            "tests: [{name: x, alerts: [{rule: budget, fires: soon}]}]",
            "is no duration; write it like 90s",
            id="time",
        ),
        pytest.param(
            "tests: [{name: x, rules: [budgets]}]", "there is no rule 'budgets'", id="rule"
        ),
        pytest.param(
            "settings: {thresholds: {x: 1}}\ntests: [{name: x}]", "thresholds.x", id="settings"
        ),
        pytest.param("config: no.yaml\ntests: [{name: x}]", "no.yaml cannot be read", id="config"),
        pytest.param("tests: [", "cannot be read", id="no yaml"),
    ],
)
def test_a_file_that_cannot_be_used_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text, "utf-8")

    code, _, err = ran(path, capsys)

    assert code == 1
    assert said in err
    assert str(path) in err


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("7", [7]),
        ("5x3 0x1", [5, 5, 5, 0]),
        ("2+3x4", [2, 5, 8, 11]),
        ("2-1x4", [2, 1, 0, 0]),
        ("_x2 0.5", [0, 0, 0.5]),
    ],
)
def test_series(text: str, values: list[float]) -> None:
    assert series(text) == [Decimal(str(value)) for value in values]


@pytest.mark.parametrize("text", ["", "x3", "1x", "1 a", "1x9999999"])
def test_what_is_no_series(text: str) -> None:
    with pytest.raises(SeriesError, match="write"):
        series(text)
