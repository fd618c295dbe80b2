"""From a span to its message in Slack: p50 and p95 of the whole way.

Run as `python -m benchmarks.alert_latency [ALERTS]`. A real `serve`, the official Slack client and
a local server in Slack's place. Each alert is a budget that one request uses up; requests go out
1.3 s apart, as Slack takes one message a second in a channel. The rules look once a second: what
`monitoring.check_interval_seconds` adds beyond that is yours to choose (half of it on average).
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from manager_agent.delivery.slack.fake import BOT_TOKEN, FakeSlack
from tests.harness.manager import manager, until
from tests.harness.otlp import Sender, Sending, hex_id, llm, request

ALERTS = 200
GAP_SECONDS = 1.3
CALL = llm("gpt-4o", (1_000_000, 0))
"""2.50 USD, at once above the limit."""


def main(alerts: int) -> None:
    """Print how long messages took."""
    with FakeSlack() as slack, tempfile.TemporaryDirectory() as folder:
        config = {
            "agent_budgets": {"default": {"hourly_limit_usd": 2.0}},
            "monitoring": {"check_interval_seconds": 1.0},
            "slack": {"bot_token": BOT_TOKEN, "api_url": slack.api_url},
        }
        with manager(Path(folder) / "data", config) as running, Sender(running.where) as sender:
            sent = {}
            for number in range(alerts):
                agent = f"agent-{number:04}"
                sent[agent] = time.time()
                sender.send(request([_call(agent)]))
                time.sleep(GAP_SECONDS)
            until("all of them", lambda: len(_told(slack, sent)) == alerts, 60)
        took = sorted(at - sent[agent] for agent, at in _told(slack, sent).items())
    p95 = took[int(len(took) * 0.95)]
    print(f"{alerts} alerts: p50 {statistics.median(took):.2f} s, p95 {p95:.2f} s, ", end="")
    print(f"worst {took[-1]:.2f} s")


def _call(agent: str) -> Sending:
    rng = random.SystemRandom()
    ids = hex_id(rng, 32), hex_id(rng, 16)
    return Sending(*ids, time.time_ns(), attributes=CALL, service=agent)


def _told(slack: FakeSlack, agents: dict[str, float]) -> dict[str, float]:
    """Return when each agent was first named in the channel, seconds since 1970."""
    found: dict[str, float] = {}
    for post in slack.workspace.roots():
        for agent in agents:
            if agent in post.text:
                found.setdefault(agent, float(post.ts))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ALERTS)
