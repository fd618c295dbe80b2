"""The fake provider as a process: prints its URL, and serves until a signal ends it."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from manager_agent.app.demo.faults import NO_FAULTS, switched
from manager_agent.app.demo.provider import ProviderSettings, serving
from manager_agent.app.demo.wire import BadRequest


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return 0, or 2 where a fault is not understood."""
    parser = argparse.ArgumentParser(prog="provider", description="A fake provider of models.")
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; 0: a free one")
    parser.add_argument("--seed", type=int, default=7, help="of answers and failures")
    parser.add_argument("--pace", type=float, default=0.0, help="1: like a real model, 0: at once")
    parser.add_argument("--rate-429", type=float, default=0.0, help="share of requests, 0 to 1")
    parser.add_argument("--rate-500", type=float, default=0.0, help="share of requests, 0 to 1")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of every request, such as fail-first=1; a request's own: a header x-fake-fail-first",
    )
    given = parser.parse_args(arguments)
    try:
        faults = switched(NO_FAULTS, dict(map(_pair, given.fault)))
    except BadRequest as error:
        print(f"provider: {error}", file=sys.stderr)
        return 2
    settings = ProviderSettings(
        given.seed, given.pace, given.rate_429, given.rate_500, faults=faults
    )
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    with serving(settings, given.port) as provider:
        print(provider.url, flush=True)
        over.wait()
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.replace("-", "_"), value
