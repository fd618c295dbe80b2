"""The line by which the manager says where it serves."""

import json
import time
from dataclasses import dataclass

from manager_agent.app.demo.children import Children

START_SECONDS = 60.0
PREFIX = "ready "


class DemoFailed(RuntimeError):
    """The demonstration cannot go on; the message says which process, and its last words."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Addresses of a manager that serves: `host:port` for gRPC, URLs for the rest."""

    otlp_grpc: str
    otlp_http: str
    api: str
    metrics: str


def parse_ready(line: str) -> Ready:
    """Return the addresses in a `ready {...}` line; raises `ValueError` for any other."""
    if not line.startswith(PREFIX):
        raise ValueError(f"expected a line that starts with {PREFIX!r}, found {line!r}")
    told = json.loads(line.removeprefix(PREFIX))
    return Ready(told["otlp_grpc"], told["otlp_http"], told["api"], told["metrics"])


def wait_ready(children: Children, name: str, seconds: float) -> Ready:
    """Wait until process `name` says that it serves.

    Raises `DemoFailed` where it ends before, or says nothing within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        line, newline, _ = children.output(name).partition("\n")
        if newline:
            return parse_ready(line)
        if children.exit_code(name) is not None:
            break
        time.sleep(0.05)
    code = children.exit_code(name)
    what = f"did not serve within {seconds:.0f} s" if code is None else f"ended with code {code}"
    raise DemoFailed(f"{name} {what}:\n{children.last_words(name)}")
