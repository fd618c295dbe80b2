"""By hand, against a real manager: what users wrote before works with only its import changed."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from manager_agent.instrumentation import (
    AgentBudget,
    APICall,
    CostTracker,
    ManagerClient,
    ManagerError,
    UsageStats,
)
from manager_agent.instrumentation.manager_http import without_secrets
from tests.harness.manager import Manager, environment, manager, until

CONFIG = {
    "monitoring": {"check_interval_seconds": 0.3},
    "timezone": "Asia/Kolkata",
    "budgets": {"warn_at": [1.0]},
    "agent_budgets": {"careful": {"daily_limit_usd": 5, "priority": 2}},
}

CLASSIC = """
import asyncio
from datetime import datetime, timezone

from manager_agent.instrumentation import track_llm_call, CostTracker, cost_tracker
from manager_agent.instrumentation import AgentBudget, APICall, UsageStats


class Usage:
    prompt_tokens, completion_tokens, total_tokens = 120, 80, 200


class Response:
    model, usage, content = "gpt-4o-mini", Usage(), "healed"


class SecurityHealingAgent:
    def __init__(self):
        self.agent_id = "security_healing_agent"

    @track_llm_call(cost_tracker)
    async def analyze(self, prompt):
        await asyncio.sleep(0.01)
        return Response()

    @track_llm_call
    def summarize(self, text):
        return {"content": "short", "tokens": 300, "cost": 0.0123, "model": "gpt-4"}

    @track_llm_call
    async def stream(self, prompt):
        yield "hea"
        yield "led"
        yield Response()

    @track_llm_call
    def fail(self):
        raise TimeoutError("the provider took too long")


async def main():
    cost_tracker.set_agent_budget(AgentBudget(
        agent_id="security_healing_agent",
        hourly_limit_usd=2.0, daily_limit_usd=20.0, monthly_limit_usd=200.0,
        hourly_token_limit=50000, daily_token_limit=500000, monthly_token_limit=5000000,
        priority=1,
    ))
    agent = SecurityHealingAgent()
    print((await agent.analyze("scan")).content)
    agent.summarize("text")
    print("".join([piece async for piece in agent.stream("x") if isinstance(piece, str)]))
    try:
        agent.fail()
    except TimeoutError as error:
        print(error)
    cost_tracker.record_api_call(APICall(
        agent_id="security_healing_agent", timestamp=datetime.now(timezone.utc), model="gpt-4",
        input_tokens=100, output_tokens=50, total_tokens=150, cost_usd=0.0045,
        duration_ms=1500, success=True,
    ))
    limits = cost_tracker.check_budget_limits("security_healing_agent", estimated_cost=0.05)
    print(limits["allowed"], limits["reason"])
    stats = cost_tracker.get_usage_stats("security_healing_agent", "hour")
    print(f"{stats.total_calls} calls, {stats.failed_calls} failed, {stats.total_tokens:,} tokens,"
          f" ${stats.total_cost_usd:.6f}, {stats.avg_response_time_ms > 0}")
    for each in cost_tracker.get_all_agents_usage("day"):
        print(each.agent_id, each.successful_calls)
    print(cost_tracker.get_cost_summary("day")["total_calls"])
    dashboard = await CostTracker().aget_dashboard_data()
    print([each["agent"] for each in dashboard["agents"]], dashboard["totals"]["day"]["calls"])


asyncio.run(main())
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with manager(tmp_path_factory.mktemp("by-hand") / "data", CONFIG) as found:
        yield found


@pytest.fixture(scope="module")
def tracker(running: Manager) -> CostTracker:
    return CostTracker(running.where["api"])


def one_call(running: Manager, agent: str) -> dict[str, Any]:
    [row] = running.sql("SELECT * FROM llm_calls WHERE agent = ?", agent)
    return row


def test_what_users_wrote_works_with_only_the_import_changed(tmp_path: Path) -> None:
    with manager(tmp_path / "data", {"monitoring": {"check_interval_seconds": 0.3}}) as running:
        done = subprocess.run(
            [sys.executable, "-c", CLASSIC],
            env=environment(MANAGER_API_URL=running.where["api"]),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert done.stderr == ""
        assert done.stdout.splitlines() == [
            "healed",
            "healed",
            "the provider took too long",
            "True within_budget",
            "5 calls, 1 failed, 850 tokens, $0.016932, True",
            "security_healing_agent 4",
            "5",
            "['security_healing_agent'] 5",
        ]


def test_a_call_is_priced_and_counted_as_any_other(running: Manager, tracker: CostTracker) -> None:
    began = datetime.now(UTC) - timedelta(minutes=1)
    call_id = tracker.record_api_call(
        APICall("priced", began, "gpt-4o", 1000, 100, duration_ms=1500, conversation_id="c")
    )

    row = one_call(running, "priced")
    assert row["call_id"] == call_id
    assert row["ts"] == began.replace(tzinfo=None).isoformat()
    assert (row["input_tokens"], row["output_tokens"], row["total_tokens"]) == (1000, 100, 1100)
    assert (row["cost_usd"], row["cost_source"]) == (0.0035, "local")
    assert (row["status"], row["duration_ms"], row["conversation_id"]) == ("ok", 1500.0, "c")
    assert tracker.get_usage_stats("priced", "month") == UsageStats(
        "priced", "month", 1, 1, 0, 1100, 0.0035, 1500.0, began
    )


@pytest.mark.parametrize(
    ("cost", "source"), [(0.05, "estimated"), (0, "estimated"), (Decimal("1e-9"), "estimated")]
)
def test_a_cost_is_taken_as_said(
    cost: Any, source: str, running: Manager, tracker: CostTracker
) -> None:
    tracker.record_api_call(APICall(f"said-{cost}", None, "gpt-4o", 1000, 100, cost_usd=cost))

    row = one_call(running, f"said-{cost}")
    assert (row["cost_usd"], row["cost_source"]) == (float(cost), source)


def test_what_nobody_knows_is_null(running: Manager, tracker: CostTracker) -> None:
    tracker.record_api_call(APICall("silent"))

    row = one_call(running, "silent")
    assert (row["input_tokens"], row["total_tokens"], row["cost_usd"]) == (None, None, None)
    stats = tracker.get_usage_stats("silent")
    assert (stats.total_calls, stats.total_tokens, stats.total_cost_usd) == (1, 0, 0.0)


def test_a_call_that_is_sent_again_is_booked_once(running: Manager, tracker: CostTracker) -> None:
    call = APICall("twice", None, "gpt-4o", 1000, 100, call_id="order-66")

    assert tracker.record_api_call(call) == tracker.record_api_call(call)

    assert one_call(running, "twice")["cost_usd"] == 0.0035
    assert tracker.get_usage_stats("twice").total_calls == 1


def test_a_failed_call_says_why(running: Manager, tracker: CostTracker) -> None:
    tracker.record_api_call(APICall("failed", success=False, error_message="slow down"))

    row = one_call(running, "failed")
    assert (row["status"], row["error_message"], row["cost_usd"]) == ("error", "slow down", 0.0)
    assert tracker.get_usage_stats("failed").failed_calls == 1


def test_many_at_once_are_all_there(running: Manager, tracker: CostTracker) -> None:
    async def record() -> None:
        calls = [APICall("busy", None, "gpt-4o", 10, 1) for _ in range(100)]
        await asyncio.gather(*(tracker.arecord_api_call(call) for call in calls))

    asyncio.run(record())
    assert running.calls_of("busy") == 100
    assert tracker.get_usage_stats("busy").total_calls == 100


@pytest.mark.slow
def test_a_budget_holds_at_the_next_look_and_after_a_restart(tmp_path: Path) -> None:
    with manager(tmp_path / "data", CONFIG) as running:
        tracker = ManagerClient(running.where["api"])
        tracker.record_api_call(APICall("careful", cost_usd=0.5))
        before = tracker.check_budget_limits("careful", 1)
        assert (before["reason"], before["limit"], before["spent"]) == ("within_budget", 5.0, 0.5)
        assert before["resets_at"].endswith("T18:30:00Z")  # midnight in Kolkata

        tracker.set_agent_budget(AgentBudget("careful", daily_limit_usd=Decimal("0.5"), priority=1))

        said = tracker.check_budget_limits("careful")
        assert (said["allowed"], said["reason"]) == (False, "over_budget")
        until("the alert", lambda: running.get("/api/v1/alerts?state=firing")["alerts"])
        [event] = until("the audit", lambda: running.sql("SELECT * FROM control_events"))
        assert (event["kind"], event["subject"]) == ("set_budget", "careful")
        assert '"daily_limit_usd": "5"' in event["detail"]
        assert running.stop() == 0

    with manager(tmp_path / "data", CONFIG) as running:
        tracker = ManagerClient(running.where["api"])
        assert not tracker.check_budget_limits("careful")["allowed"]

        tracker.remove_agent_budget("careful")

        assert tracker.check_budget_limits("careful")["limit"] == 5.0
        until("the end", lambda: not running.get("/api/v1/alerts?state=firing")["alerts"])
        kinds = until(
            "both events",
            lambda: (
                [r["kind"] for r in running.sql("SELECT kind FROM control_events ORDER BY ts")]
                == ["set_budget", "remove_budget"]
            ),
        )
        assert kinds


def test_a_default_set_holds_for_agents_without_one(tracker: CostTracker) -> None:
    tracker.set_agent_budget(AgentBudget("default", hourly_token_limit=0))
    try:
        assert tracker.check_budget_limits("anyone")["limit_name"].startswith("hourly_token_limit")
        assert tracker.check_budget_limits("careful")["allowed"]
    finally:
        tracker.remove_agent_budget("default")
    assert tracker.check_budget_limits("anyone")["reason"] == "no_budget"


def test_an_error_tells_what_to_do(tracker: CostTracker) -> None:
    with pytest.raises(ManagerError) as caught:
        tracker.record_api_call(APICall("a", cost_usd=-1, input_tokens=-2))

    assert caught.value.status == 400
    assert len(caught.value.errors) == 2
    assert tracker.api_url in str(caught.value)
    with pytest.raises(ManagerError, match="must be one of day, hour, month"):
        tracker.get_usage_stats("a", "week")  # type: ignore[arg-type]  # what users try


def test_a_manager_that_is_away_is_told_at_once() -> None:
    tracker = CostTracker("http://user:secret@127.0.0.1:1")
    began = time.monotonic()

    with pytest.raises(ManagerError, match=r"no manager answers at http://127\.0\.0\.1:1/.*serve"):
        tracker.get_dashboard_data()

    assert time.monotonic() - began < 5
    assert "secret" not in repr(tracker)
    assert without_secrets("http://u:p@h:1/x?y=1") == "http://h:1/x?y=1"


TOKEN = "a-token-that-is-long-enough"
DECORATED = """
import os, time
from manager_agent.instrumentation import cost_tracker, track_llm_call

@track_llm_call
def call():
    return {"tokens": 5, "model": "gpt-4o", "cost": 0.5}

began = time.perf_counter()
for _ in range(20):
    call()
print(time.perf_counter() - began < 2)
"""


def test_a_token_is_shown_and_an_agent_works_on_without_a_manager(tmp_path: Path) -> None:
    """While the manager is away an agent only waits at its exit, and not for long."""
    away = subprocess.run(
        [sys.executable, "-c", DECORATED],
        env=environment(MANAGER_API_URL="http://127.0.0.1:1", MANAGER_AGENT_ID="worker"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert away.stdout == "True\n"
    assert away.stderr.count("calls wait to be recorded: no manager answers") == 1

    config = {"api": {"tokens": [{"token": TOKEN, "name": "agents"}]}}
    with manager(tmp_path / "data", config) as running:
        url = running.where["api"]
        with pytest.raises(ManagerError, match="set MANAGER_API_TOKEN"):
            CostTracker(url, "another-token-of-length").get_dashboard_data()
        for name in ("MANAGER_API_TOKEN", "MANAGER_TOKEN"):
            subprocess.run(
                [sys.executable, "-c", DECORATED],
                env=environment(MANAGER_API_URL=url, MANAGER_AGENT_ID="worker", **{name: TOKEN}),
                timeout=60,
                check=True,
            )
        stats = CostTracker(url, TOKEN).get_usage_stats("worker")
        assert (stats.total_calls, stats.total_tokens, stats.total_cost_usd) == (40, 200, 20.0)
        assert TOKEN not in running.log()


@pytest.mark.slow
def test_a_call_survives_kill_9(tmp_path: Path) -> None:
    with manager(tmp_path / "data", CONFIG) as running:
        tracker = CostTracker(running.where["api"])
        call = APICall("durable", None, "gpt-4o", 1000, 100, call_id="once")
        tracker.record_api_call(call)
        running.kill()

    with manager(tmp_path / "data", CONFIG) as running:
        tracker = CostTracker(running.where["api"])
        tracker.record_api_call(call)  # an agent that got no answer sends it again
        assert tracker.get_usage_stats("durable").total_calls == 1


def test_it_is_light(tmp_path: Path) -> None:
    """Nothing of the manager, and no HTTP library before somebody asks."""
    code = (
        "import sys; from manager_agent.instrumentation import track_llm_call, cost_tracker;"
        " print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )

    for name in ("pydantic", "httpx", "grpc", "duckdb", "google", "urllib3", "requests", "http"):
        assert f"'{name}'" not in done.stdout
