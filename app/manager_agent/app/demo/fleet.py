"""One agent of the demonstration's fleet, in a process of its own.

    python -m manager_agent.app.demo.fleet research-agent --provider URL

Real SDK clients and nothing else: no telemetry, nothing of the manager's. What meters them is that
the demonstration starts them by `manager-agent run`. Ends on SIGTERM or SIGINT, after the call that
is under way.
"""

import argparse
import importlib
import logging
import signal
from collections.abc import Callable, Mapping, Sequence

from manager_agent.app.demo.desk import Desk

# Agent -> the module of its SDK and its work there. A process imports one SDK only: they are slow
# to import, and four processes do it at once.
WORK: Mapping[str, tuple[str, str]] = {
    "research-agent": ("openai_agents", "research"),
    "triage-agent": ("openai_agents", "triage"),
    "sync-agent": ("openai_agents", "sync"),
    "support-agent": ("anthropic_agents", "support"),
    "coding-agent": ("anthropic_agents", "code"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one agent until a signal ends it; return the exit code."""
    parser = argparse.ArgumentParser(prog="fleet", description="One agent of the demonstration.")
    parser.add_argument("agent", choices=sorted(WORK))
    parser.add_argument("--provider", required=True, metavar="URL", help="the fake provider's URL")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    module, function = WORK[given.agent]
    sdk = importlib.import_module(f"manager_agent.app.demo.{module}")
    work: Callable[[Desk], None] = getattr(sdk, function)
    work(_desk(given.provider))
    return 0


def _desk(url: str) -> Desk:
    """Return the desk, cleared by SIGTERM and SIGINT."""
    desk = Desk(url)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: desk.stop())
    return desk


if __name__ == "__main__":
    raise SystemExit(main())
