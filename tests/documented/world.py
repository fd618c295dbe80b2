"""A manager that has seen a bit of everything, so that what the pages show finds something."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manager_agent.app.demo.provider import ProviderSettings, serving
from manager_agent.instrumentation import AgentBudget, CostTracker
from tests.documented.pages import ROOT, Command, blocks
from tests.harness.manager import Manager, environment, manager, until
from tests.harness.otlp import Sender, Sending, hex_id, llm, request

CONFIG = {
    "monitoring": {"check_interval_seconds": 0.5},
    "agent_budgets": {"research-agent": {"daily_limit_usd": 10}},
    "groups": {"research": {"agents": ["research-agent"], "daily_limit_usd": 50}},
}

AGENT = """\
from openai import OpenAI

messages = [{"role": "user", "content": "Say hello."}]
print(OpenAI().chat.completions.create(model="gpt-4o-mini", messages=messages))
"""

# What the package opentelemetry-distro registers; it is not among our dependencies.
CONFIGURATOR = """\
[opentelemetry_configurator]
sdk = opentelemetry.sdk._configuration:_OTelSDKConfigurator
"""


@dataclass(frozen=True, slots=True)
class World:
    """`here`: a directory laid out as the pages assume. `api`: URL of the manager's API."""

    manager: Manager
    here: Path
    api: str


@contextmanager
def docs_world(here: Path) -> Iterator[World]:
    """Run a manager on data about the last minutes, until the block ends."""
    data = here / "data"
    with manager(data, CONFIG) as running, Sender(running.where) as sender:
        sender.send(request(_spans(time.time_ns() - 60 * 10**9)))
        budgets_set = CostTracker(running.where["api"])
        budgets_set.set_agent_budget(AgentBudget("other-agent", daily_limit_usd=5))
        until("the audit", lambda: running.sql("SELECT 1 AS one FROM control_events"))
        until("an alert", lambda: running.sql("SELECT 1 AS one FROM alerts"))
        (here / "tests").symlink_to(ROOT / "tests")
        (here / "config").symlink_to(ROOT / "config")
        (here / ".manager-agent").symlink_to(data)
        [budgets] = [b for b in blocks("yaml") if b.page == "README.md" and "warn_at" in b.text]
        (here / "budgets.yaml").write_text(budgets.text, "utf-8")
        [opened] = [b for b in blocks("yaml") if b.page == "docs/security.md"]
        (here / "open.yaml").write_text(opened.text, "utf-8")
        (here / "query.sql").write_text("SELECT * FROM llm_calls", "utf-8")
        (here / "my_agent.py").write_text(AGENT, "utf-8")
        yield World(running, here, running.where["api"])


def run_under_opentelemetry(world: World, command: Command) -> None:
    """Run the agent of the README by its own command, against a provider on this machine."""
    registered = world.here / "site" / "configurator-1.dist-info"
    registered.mkdir(parents=True, exist_ok=True)
    (registered / "METADATA").write_text("Name: configurator\nVersion: 1\n", "utf-8")
    (registered / "entry_points.txt").write_text(CONFIGURATOR, "utf-8")
    assert command.exports["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4317"
    with serving(ProviderSettings(pace=0, rate_429=0, rate_500=0)) as provider:
        done = subprocess.run(
            command.words,
            env=environment(
                **{
                    **command.exports,
                    "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{world.manager.where['otlp_grpc']}",
                    "OTEL_TRACES_EXPORTER": "otlp",  # the distro's choices
                    "OTEL_METRICS_EXPORTER": "otlp",
                    "OTEL_LOGS_EXPORTER": "otlp",
                    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                    "OPENAI_API_KEY": "none",
                    "OPENAI_BASE_URL": f"{provider.url}/v1",
                    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                    "PYTHONPATH": str(registered.parent),
                }
            ),
            cwd=world.here,
            timeout=60,
            check=True,
            capture_output=True,
            text=True,
        )
    assert "export" not in done.stderr, done.stderr  # no signal is refused


def run_metered(world: World, command: Command) -> None:
    """Run an agent by a command that instruments it, against a provider on this machine."""
    with serving(ProviderSettings(pace=0, rate_429=0, rate_500=0)) as provider:
        done = subprocess.run(
            command.words,
            env=environment(
                **{
                    **command.exports,
                    "MANAGER_ENDPOINT": f"http://{world.manager.where['otlp_grpc']}",
                    "MANAGER_LLM_HOSTS": f"{provider.url.removeprefix('http://')}=openai",
                    "OPENAI_API_KEY": "none",
                    "OPENAI_BASE_URL": f"{provider.url}/v1",
                    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                    "PYTHONPATH": "",
                }
            ),
            cwd=world.here,
            timeout=60,
            check=True,
            capture_output=True,
            text=True,
        )
    assert not done.stderr, done.stderr


def _spans(start_ns: int) -> list[Sending]:
    """Return calls that repeat, fail, use the cache, have no price; and a tool used twice."""
    rng = random.Random(7)

    def span(attributes: Mapping[str, Any], **more: Any) -> Sending:
        named = {"gen_ai.agent.name": "research-agent", **attributes}
        return Sending(hex_id(rng, 32), hex_id(rng, 16), start_ns, attributes=named, **more)

    talk = {"gen_ai.conversation.id": "c1", "gen_ai.input.messages": "the same again"}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    unpriced = {**llm("acme-1"), "gen_ai.provider.name": "acme"}
    said = {
        "user.id": "u1",
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.usage.cost": 0.01,
    }
    failed = {k: v for k, v in llm().items() if "response" not in k and "usage" not in k}
    return [
        span({**llm(), **talk, **said, "gen_ai.usage.cache_read.input_tokens": 640}),
        span({**llm(), **talk}),
        span(unpriced),
        span({**failed, **talk, "error.type": "RateLimitError"}, error="too many requests"),
        span({**tool, "gen_ai.tool.call.arguments": '{"q": "x"}'}),
    ]
