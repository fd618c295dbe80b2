"""From the command line to a guard: what people say holds at once, and is in the audit."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from manager_agent.app import dispatch
from tests.harness.guards import Guard
from tests.harness.manager import Manager, manager, until

CONFIG = {
    "monitoring": {"check_interval_seconds": 0.2},
    "agent_budgets": {"a": {"daily_token_limit": 1000}},
    "groups": {"research": {"agents": ["a", "b"], "daily_token_limit": 5000}},
}
Cli = Callable[..., Any]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with manager(tmp_path_factory.mktemp("steering") / "data", CONFIG) as found:
        yield found


@pytest.fixture
def cli(
    running: Manager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """Return what runs a command that succeeds, and reads the JSON that it prints."""
    monkeypatch.setenv("MANAGER_API_URL", running.where["api"])

    def run(*words: str) -> Any:
        capsys.readouterr()
        code = dispatch.main([*words, "--json"])
        said = capsys.readouterr()
        assert code == 0, said.err
        return json.loads(said.out)

    return run


def test_a_limit_is_raised_and_lowered_while_an_agent_spends(running: Manager, cli: Cli) -> None:
    with Guard(running.where["otlp_grpc"], "raised") as guard:
        first = guard.ask(need=900)
        spent = {"lease": first.lease, "settled_total": 900, "granted_seen": first.granted_total}
        assert guard.ask(**spent, need=400).verdict == "exhausted"

        (row,) = cli("budget", "set", "a", "--daily-tokens", "2000", "--why", "launch")
        assert (row["limit"], row["source"]) == (2000, "set")
        assert row["spent"] == 900
        more = guard.ask(**spent, need=400)
        assert more.granted_total - first.granted_total >= 400

        held = cli("budget", "list", "--agent", "a")
        assert [(one["scope"], one["limit"]) for one in held] == [("agent", 2000), ("group", 5000)]
        reserved = held[0]["reserved"]  # what is for use without the manager included
        assert reserved >= more.granted_total - 900
        assert held[0]["left"] == 2000 - 900 - reserved
        assert held[1]["reserved"] == cli("status")["budgets"]["reserved_tokens"] == reserved
        (agent,) = [one for one in cli("agents") if one["agent"] == "a"]
        assert agent["budgets"][0]["reserved"] == reserved

        cli("budget", "set", "a", "--daily-tokens", "1000")
        guard.until(
            "a recall",
            lambda: [g for g in guard.grants() if (g.lease, g.recall_to) == (first.lease, 0)],
        )
    cli("budget", "set", "a", "--as-configured")
    query = "SELECT subject, actor, detail FROM control_events WHERE kind = 'set_limit' ORDER BY ts"
    until("the audit", lambda: len(running.sql(query)) >= 2)
    events = running.sql(query)
    assert [json.loads(event["detail"])["after"] for event in events][:2] == [2000, 1000]
    assert json.loads(events[0]["detail"])["why"] == "launch"
    assert events[0]["actor"].startswith("api 127.0.0.1")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("b",), ("agent", "b")),
        (("--group", "research"), ("agent", "b")),
        (("--fleet",), ("fleet", "")),
        (("--conversation", "talk one"), ("conversation", "talk one")),
        (("--trace", "ab" * 16), ("trace", "ab" * 16)),
    ],
)
def test_a_guard_hears_of_a_pause_and_of_its_end(
    running: Manager, cli: Cli, words: tuple[str, ...], told: tuple[str, str]
) -> None:
    with Guard(running.where["otlp_grpc"], f"paused-{'-'.join(words)}", agent="b") as guard:
        guard.ask(want=1)

        def paused() -> set[tuple[str, str]]:
            said = [one.pauses for one in list(guard.heard) if one.pauses is not None]
            return {(one.scope, one.name) for one in said[-1].pauses} if said else set()

        shown = cli("pause", *words, "--why", "odd")
        guard.until("the pause", lambda: told in paused())
        assert (shown["paused"], shown["why"]) == (True, "odd")
        assert [one["why"] for one in cli("status")["pauses"]] == ["odd"]
        assert cli("resume", *words)["paused"] is False
        guard.until("the end of it", lambda: told not in paused())
    assert cli("status")["pauses"] == []


def test_what_was_spent_is_said_by_people(running: Manager, cli: Cli) -> None:
    """Also of a limit that nothing was spent of yet."""
    done = cli("budget", "reset", "--group", "research", "--period", "day", "--spent-tokens", "70")
    assert done == {"corrected": ["day tokens"]}

    def spent() -> Any:
        (row,) = [one for one in cli("budget", "list") if one["scope"] == "group"]
        return row["spent"] - row["in_doubt"]  # which only evidence clears up

    assert spent() == 70
    cli("budget", "reset", "--group", "research", "--why", "tested")
    assert spent() == 0
    until(
        "the audit",
        lambda: running.sql("SELECT 1 AS one FROM control_events WHERE kind = 'set_spent'"),
    )


def test_a_pause_and_a_limit_outlive_a_restart(tmp_path: Path, cli: Cli, monkeypatch: Any) -> None:
    for life in range(2):
        with manager(tmp_path / "data", CONFIG) as running:
            monkeypatch.setenv("MANAGER_API_URL", running.where["api"])
            if not life:
                cli("pause", "--fleet")
                cli("budget", "set", "--fleet", "--hourly-usd", "0.25")
            assert [one["scope"] for one in cli("status")["pauses"]] == ["fleet"]
            rows = [one for one in cli("budget", "list") if one["scope"] == "fleet"]
            assert [(one["limit"], one["source"]) for one in rows] == [(0.25, "set")]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("pause",), 2, "name an AGENT or one of --fleet"),
        (("resume", "a", "--fleet"), 2, "agent a and the fleet was named"),
        (("budget", "set", "a"), 2, "--daily-usd 20"),
        (("budget", "set", "a", "--daily-usd", "much"), 2, "must be USD like 2.50"),
        (("budget", "set", "a", "--daily-tokens", "1.5"), 2, "a number like 100000"),
        (("budget", "set", "--group", "nobody", "--daily-usd", "1"), 1, "there are: research"),
        (("budget", "reset", "a", "--period", "month"), 1, "it has: daily_token_limit"),
        (("budget", "set", "--fleet", "--as-configured"), 1, "nothing to remove"),
    ],
)
def test_what_cannot_be_done_says_what_can(
    cli: Cli, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    assert dispatch.main(list(words)) == code
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert said in shown
